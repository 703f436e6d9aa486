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
use super::reflector;
use super::setting::{Setting, Transport};

const THEIR_VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 200);

/// keepalived sends its farewell and ends in well under a second.
const FAREWELL: Duration = Duration::from_secs(10);

pub(super) struct Rival<'a> {
    lab: &'a Lab,
    setting: Setting,
    first: Mutex<Running>,
    second: Running,
}

struct Running {
    keepalived: Process,
    haproxy: Process,
    reflector: Process,
}

impl<'a> Rival<'a> {
    pub(super) fn start(lab: &'a Lab, setting: Setting) -> Result<Self, LabError> {
        find_tool("keepalived")?;
        find_tool("haproxy")?;
        let rival = Self {
            lab,
            setting,
            first: Mutex::new(run(lab, setting, "ka1")?),
            second: run(lab, setting, "ka2")?,
        };
        rival.wait_home()?;
        Ok(rival)
    }

    /// How often either node's keepalived has become Active.
    pub(super) fn moves(&self) -> usize {
        let first = self.first().keepalived.log();
        let logs = [first, self.second.keepalived.log()];
        logs.iter()
            .map(|log| log.matches("Entering MASTER STATE").count())
            .sum()
    }

    /// Starts keepalived again after it was killed.
    fn restart_keepalived(&self, first: &mut Running) -> Result<(), LabError> {
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
        first.keepalived.wait(FAREWELL)?;
        first.keepalived = keepalived(self.lab, self.setting, "ka1")?;
        Ok(())
    }

    fn first(&self) -> MutexGuard<'_, Running> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(lab: &Lab, setting: Setting, host: &str) -> Result<Running, LabError> {
    Ok(Running {
        haproxy: haproxy(lab, host)?,
        keepalived: keepalived(lab, setting, host)?,
        reflector: reflector::start(lab.host(host)?, THEIR_VIP)?,
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

fn keepalived(lab: &Lab, setting: Setting, host: &str) -> Result<Process, LabError> {
    let other = if host == "ka1" { "ka2" } else { "ka1" };
    let config = KeepalivedConfig {
        vrid: 61,
        priority: if host == "ka1" { 200 } else { 150 },
        advert_ms: setting.advert_ms,
        address: lab.host(host)?.address(),
        peers: match setting.transport {
            Transport::Unicast => vec![lab.host(other)?.address()],
            Transport::Multicast => Vec::new(),
        },
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

    fn knows(&self, fault: Fault) -> bool {
        match fault {
            // Nothing starts HAProxy again, and keepalived does not look.
            Fault::KillDataPlane => false,
            // It has no command for that.
            Fault::Planned => false,
            _ => true,
        }
    }

    fn inject(&self, fault: Fault) -> Result<(), LabError> {
        let host = self.lab.host("ka1")?;
        match fault {
            Fault::LinkDown => self.lab.link_down("ka1")?,
            Fault::Freeze => host.signal_all(Signal::SIGSTOP),
            Fault::Cut => self.lab.cut("ka1")?,
            Fault::KillAgent => {
                // keepalived's child says farewell when its parent dies; here both die at once.
                let parent = self.first().keepalived.pid();
                let all = [parent].into_iter().chain(host.children(parent));
                let all: Vec<u32> = all.collect();
                for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
                    host.signal(&all, signal);
                }
            }
            // A machine that loses its power says no farewell: all are stopped before any is killed.
            Fault::Kill => {
                host.signal_all(Signal::SIGSTOP);
                host.signal_all(Signal::SIGKILL);
            }
            // What `systemctl stop keepalived` does: the VIP moves, HAProxy stays.
            Fault::Stop | Fault::Planned => {
                self.first().keepalived.signal(Signal::SIGTERM);
            }
            Fault::KillDataPlane => {}
        }
        Ok(())
    }

    fn wait_moved(&self) -> Result<(), LabError> {
        let second = self.lab.host("ka2")?;
        wait_until("keepalived's VIP on ka2", PATIENCE, || {
            second.has(THEIR_VIP).unwrap_or(false)
        })
    }

    fn repair(&self, fault: Fault) -> Result<(), LabError> {
        let host = self.lab.host("ka1")?;
        match fault {
            Fault::LinkDown => self.lab.link_up("ka1"),
            Fault::Freeze => {
                host.signal_all(Signal::SIGCONT);
                Ok(())
            }
            Fault::Cut => self.lab.heal("ka1"),
            Fault::KillDataPlane => Ok(()),
            Fault::KillAgent => self.restart_keepalived(&mut self.first()),
            Fault::Kill => {
                // A machine that lost its power comes back without the address, and without the
                // process numbers in /run that keep a second keepalived from starting.
                let mut first = self.first();
                first.haproxy.wait(FAREWELL)?;
                first.haproxy = haproxy(self.lab, "ka1")?;
                first.reflector = reflector::start(host, THEIR_VIP)?;
                self.restart_keepalived(&mut first)
            }
            Fault::Stop | Fault::Planned => {
                let mut first = self.first();
                first.keepalived.wait(FAREWELL)?;
                first.keepalived = keepalived(self.lab, self.setting, "ka1")?;
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

/// It may have been killed before it wrote the file.
fn absent(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}
