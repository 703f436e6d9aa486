//! keepalived and HAProxy on ka1 and ka2, set up to do what the lab's Halo does.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halo_lab::{
    HaproxyConfig, KeepalivedConfig, Kind, Lab, LabError, Process, find_tool, wait_until,
};
use nix::sys::signal::Signal;

use super::pair::{Fault, PATIENCE, Pair};

const THEIR_VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 200);

/// keepalived sends its farewell and ends in well under a second.
const FAREWELL: Duration = Duration::from_secs(10);

pub(super) struct Rival<'a> {
    lab: &'a Lab,
    first: Mutex<Running>,
    // Only held: the second node is never touched.
    _second: Running,
}

struct Running {
    keepalived: Process,
    haproxy: Process,
}

impl<'a> Rival<'a> {
    pub(super) fn start(lab: &'a Lab) -> Result<Self, LabError> {
        find_tool("keepalived")?;
        find_tool("haproxy")?;
        let rival = Self {
            lab,
            first: Mutex::new(run(lab, "ka1")?),
            _second: run(lab, "ka2")?,
        };
        rival.wait_home()?;
        Ok(rival)
    }

    fn first(&self) -> MutexGuard<'_, Running> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(lab: &Lab, host: &str) -> Result<Running, LabError> {
    Ok(Running {
        haproxy: haproxy(lab, host)?,
        keepalived: keepalived(lab, host)?,
    })
}

fn haproxy(lab: &Lab, host: &str) -> Result<Process, LabError> {
    let servers = lab.topology().of(Kind::App);
    let config = HaproxyConfig {
        bind: (THEIR_VIP, 80),
        servers: servers
            .map(|app| (app.name.clone(), app.address, 8080))
            .collect(),
    };
    config.start(lab.host(host)?)
}

fn keepalived(lab: &Lab, host: &str) -> Result<Process, LabError> {
    let other = if host == "ka1" { "ka2" } else { "ka1" };
    let config = KeepalivedConfig {
        vrid: 61,
        priority: if host == "ka1" { 200 } else { 150 },
        advert_ms: 100,
        address: lab.host(host)?.address(),
        peers: vec![lab.host(other)?.address()],
        vip: THEIR_VIP,
        preempt: true,
        version: 3,
        password: None,
    };
    config.start(lab.host(host)?)
}

impl Pair for Rival<'_> {
    fn name(&self) -> &'static str {
        "keepalived + HAProxy"
    }

    fn vip(&self) -> Ipv4Addr {
        THEIR_VIP
    }

    fn inject(&self, fault: Fault) -> Result<(), LabError> {
        match fault {
            Fault::Kill => {
                // keepalived's child says farewell when its parent dies: a machine that loses its
                // power does not, so all are stopped before any is killed.
                let pids = self.lab.host("ka1")?.processes();
                for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
                    for pid in &pids {
                        let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
                        nix::sys::signal::kill(pid, signal)
                            .map_err(std::io::Error::from)
                            .or_else(gone)
                            .map_err(|source| LabError::Io {
                                what: format!("send {signal} to a process on ka1"),
                                source,
                            })?;
                    }
                }
                Ok(())
            }
            Fault::LinkDown => self.lab.link_down("ka1"),
            Fault::Cut => self.lab.cut("ka1"),
            // What `systemctl stop keepalived` does: the VIP moves, HAProxy stays.
            Fault::Planned => {
                self.first().keepalived.signal(Signal::SIGTERM);
                Ok(())
            }
        }
    }

    fn wait_moved(&self) -> Result<(), LabError> {
        let second = self.lab.host("ka2")?;
        wait_until("keepalived's VIP on ka2", PATIENCE, || {
            second.has(THEIR_VIP).unwrap_or(false)
        })
    }

    fn repair(&self, fault: Fault) -> Result<(), LabError> {
        match fault {
            Fault::Kill => {
                // A machine that lost its power comes back without the address, and without the
                // process numbers in /run that keep a second keepalived from starting.
                let host = self.lab.host("ka1")?;
                host.remove_address(THEIR_VIP)?;
                for file in ["/run/keepalived.pid", "/run/vrrp.pid"] {
                    fs::remove_file(host.path(file))
                        .or_else(absent)
                        .map_err(|source| LabError::Io {
                            what: format!("remove {file} on ka1"),
                            source,
                        })?;
                }
                let mut first = self.first();
                first.keepalived.wait(FAREWELL)?;
                first.haproxy.wait(FAREWELL)?;
                *first = run(self.lab, "ka1")?;
                Ok(())
            }
            Fault::LinkDown => self.lab.link_up("ka1"),
            Fault::Cut => self.lab.heal("ka1"),
            Fault::Planned => {
                let mut first = self.first();
                first.keepalived.wait(FAREWELL)?;
                first.keepalived = keepalived(self.lab, "ka1")?;
                Ok(())
            }
        }
    }

    fn wait_home(&self) -> Result<(), LabError> {
        let (first, second) = (self.lab.host("ka1")?, self.lab.host("ka2")?);
        wait_until("keepalived's VIP on ka1 alone", PATIENCE, || {
            first.has(THEIR_VIP).unwrap_or(false) && !second.has(THEIR_VIP).unwrap_or(true)
        })
        .map_err(|error| self.lab.with_logs(error))
    }

    fn reload(&self) -> Result<(), LabError> {
        self.first().haproxy.signal(Signal::SIGUSR2);
        Ok(())
    }
}

/// A child that died with its parent a moment ago is as dead as it should be.
fn gone(error: std::io::Error) -> std::io::Result<()> {
    match error.raw_os_error() == Some(nix::errno::Errno::ESRCH as i32) {
        true => Ok(()),
        false => Err(error),
    }
}

/// It may have been killed before it wrote the file.
fn absent(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}
