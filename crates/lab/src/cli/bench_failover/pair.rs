//! What is measured, whoever is measured.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use halo_lab::LabError;

/// No step takes this long; keepalived's start is the slowest, with a few seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What befalls the Active node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Fault {
    LinkDown,
    Freeze,
    Cut,
    KillAgent,
    KillDataPlane,
    Kill,
    Stop,
    Planned,
}

impl Fault {
    pub(super) const ALL: [Self; 8] = [
        Self::LinkDown,
        Self::Freeze,
        Self::Cut,
        Self::KillAgent,
        Self::KillDataPlane,
        Self::Kill,
        Self::Stop,
        Self::Planned,
    ];

    /// Whether the other node is sure to get the VIP. A data plane that is started again at once may
    /// be ready before anyone else.
    pub(super) fn moves_the_vip(self) -> bool {
        self != Self::KillDataPlane
    }

    /// Whether the other node learns of it by what it does not hear any more.
    pub(super) fn is_silent(self) -> bool {
        match self {
            Self::LinkDown | Self::Freeze | Self::Cut | Self::Kill => true,
            Self::KillAgent | Self::KillDataPlane | Self::Stop | Self::Planned => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkDown => "link down",
            Self::Freeze => "all its processes frozen (SIGSTOP)",
            Self::Cut => "cut off (carrier stays)",
            Self::KillAgent => "the VRRP process killed (SIGKILL)",
            Self::KillDataPlane => "the data plane killed (SIGKILL)",
            Self::Kill => "all its processes killed (SIGKILL)",
            Self::Stop => "orderly stop",
            Self::Planned => "planned failover",
        })
    }
}

/// What an operator does under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Failover,
    Reload,
}

impl Change {
    pub(super) const ALL: [Self; 2] = [Self::Failover, Self::Reload];
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failover => "planned failover",
            Self::Reload => "reload",
        })
    }
}

/// Two nodes with a VIP, at home on the first.
pub(super) trait Pair {
    /// What they run.
    fn name(&self) -> &'static str;
    /// The VIP.
    fn vip(&self) -> Ipv4Addr;
    /// Whether it can be made to suffer this, and recover by itself or by the other node.
    fn knows(&self, fault: Fault) -> bool;
    /// Makes the first node fail.
    fn inject(&self, fault: Fault) -> Result<(), LabError>;
    /// Waits until the second node has the VIP.
    fn wait_moved(&self) -> Result<(), LabError>;
    /// Undoes the fault.
    fn repair(&self, fault: Fault) -> Result<(), LabError>;
    /// Waits until the first node has the VIP and both are well.
    fn wait_home(&self) -> Result<(), LabError>;
    /// Makes the change.
    fn change(&self, change: Change) -> Result<(), LabError> {
        match change {
            Change::Failover => self.inject(Fault::Planned),
            Change::Reload => self.reload(),
        }
    }
    /// Undoes the change.
    fn undo(&self, change: Change) -> Result<(), LabError> {
        match change {
            Change::Failover => self.repair(Fault::Planned),
            Change::Reload => Ok(()),
        }
    }
    /// Reloads the configuration of the proxy on the first node.
    fn reload(&self) -> Result<(), LabError>;
}
