//! Halo on lb1 and lb2.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use halo_lab::prober::{Ask, Prober};
use halo_lab::{Lab, LabError, Process, VIP, wait_until};
use nix::sys::signal::Signal;

use super::pair::{Fault, PATIENCE, Pair};
use super::reflector;
use super::setting::SECRET_FILE;

/// An orderly stop lets requests in flight end.
const STOP: Duration = Duration::from_secs(20);

pub(super) struct Halo<'a> {
    lab: &'a Lab,
    reflectors: Mutex<[Process; 2]>,
    /// From the start of both nodes to the first answer through the VIP.
    pub(super) first_request: Duration,
}

impl<'a> Halo<'a> {
    /// Makes the nodes ready for halod.
    pub(super) fn prepare(lab: &'a Lab) -> Result<Self, LabError> {
        for node in lab.nodes() {
            write_secret(&node.host().path(SECRET_FILE))?;
        }
        Ok(Self {
            lab,
            reflectors: Mutex::new([
                reflector::start(lab.host("lb1")?, VIP)?,
                reflector::start(lab.host("lb2")?, VIP)?,
            ]),
            first_request: Duration::ZERO,
        })
    }

    pub(super) fn start(lab: &'a Lab) -> Result<Self, LabError> {
        let mut halo = Self::prepare(lab)?;
        let prober = Prober::start(lab.host("client")?, (VIP, 80).into(), Ask::Http)?;
        let start = Instant::now();
        lab.start_all()?;
        wait_until("a first answer through the VIP", PATIENCE, || {
            let report = prober.report();
            report.attempts > report.failures
        })
        .map_err(|error| lab.with_logs(error))?;
        halo.first_request = start.elapsed();
        halo.wait_home()?;
        Ok(halo)
    }

    fn hactl(&self, arguments: &[&str]) -> Result<(), LabError> {
        let output = self.lab.node("lb1")?.hactl(arguments)?;
        done(arguments, &output)
    }
}

/// A secret for a cluster that lives for minutes, readable by root alone.
fn write_secret(file: &Path) -> Result<(), LabError> {
    let mut options = fs::File::options();
    let open = options.create(true).write(true).truncate(true).mode(0o600);
    let secret = "5b0f9a4c7d1e2836a4b5c6d7e8f90123456789abcdef0011223344556677889a\n";
    open.open(file)
        .and_then(|mut file| file.write_all(secret.as_bytes()))
        .map_err(|source| LabError::Io {
            what: format!("write {}", file.display()),
            source,
        })
}

fn done(arguments: &[&str], output: &Output) -> Result<(), LabError> {
    if output.status.success() {
        return Ok(());
    }
    Err(LabError::Program {
        program: format!("hactl {}", arguments.join(" ")),
        host: "lb1".into(),
        detail: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Pair for Halo<'_> {
    fn name(&self) -> &'static str {
        "Halo"
    }

    fn vip(&self) -> Ipv4Addr {
        VIP
    }

    fn knows(&self, _fault: Fault) -> bool {
        true
    }

    fn inject(&self, fault: Fault) -> Result<(), LabError> {
        let node = self.lab.node("lb1")?;
        match fault {
            Fault::LinkDown => self.lab.link_down("lb1"),
            Fault::Freeze => {
                node.host().signal_all(Signal::SIGSTOP);
                Ok(())
            }
            Fault::Cut => self.lab.cut("lb1"),
            Fault::KillAgent => node.kill_agent(),
            Fault::KillDataPlane => node.kill_data_plane(),
            Fault::Kill => {
                // All at once, halod's two and the reflector.
                node.host().signal_all(Signal::SIGKILL);
                node.reap()
            }
            Fault::Stop => node.terminate(STOP).map(drop),
            Fault::Planned => self.hactl(&["failover", "web", "--to", "lb2"]),
        }
    }

    fn wait_moved(&self) -> Result<(), LabError> {
        wait_until("the VIP on lb2", PATIENCE, || {
            self.lab.holders("web").contains(&"lb2".to_owned())
        })
    }

    fn repair(&self, fault: Fault) -> Result<(), LabError> {
        let node = self.lab.node("lb1")?;
        match fault {
            Fault::LinkDown => self.lab.link_up("lb1"),
            Fault::Freeze => {
                node.host().signal_all(Signal::SIGCONT);
                Ok(())
            }
            Fault::Cut => self.lab.heal("lb1"),
            Fault::KillDataPlane => Ok(()), // the agent has started another
            Fault::Kill => {
                let mut reflectors = self
                    .reflectors
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                reflectors[0] = reflector::start(node.host(), VIP)?;
                node.start_halod()
            }
            Fault::KillAgent | Fault::Stop => node.start_halod(),
            Fault::Planned => self.hactl(&["failover", "web", "--to", "lb1"]),
        }
    }

    fn wait_home(&self) -> Result<(), LabError> {
        self.lab.wait_active("web", "lb1", PATIENCE)
    }

    fn reload(&self) -> Result<(), LabError> {
        // A file that differs, so that there is something to apply.
        let text = fs::read_to_string(self.lab.config_file()).unwrap_or_default();
        let new = match text.contains("fall = 2") {
            true => text.replace("fall = 2", "fall = 3"),
            false => text.replace("fall = 3", "fall = 2"),
        };
        self.lab.write_config(&new)?;
        self.hactl(&["config", "reload"])
    }
}
