//! Halo on lb1 and lb2.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Output;
use std::time::{Duration, Instant};

use halo_lab::prober::{Ask, Prober};
use halo_lab::{Lab, LabError, VIP, default_config, wait_until};

use super::pair::{Fault, PATIENCE, Pair};

pub(super) struct Halo<'a> {
    lab: &'a Lab,
    /// From the start of both nodes to the first answer through the VIP.
    pub(super) first_request: Duration,
}

impl<'a> Halo<'a> {
    pub(super) fn start(lab: &'a Lab) -> Result<Self, LabError> {
        let prober = Prober::start(lab.host("client")?, (VIP, 80).into(), Ask::Http)?;
        let start = Instant::now();
        lab.start_all()?;
        wait_until("a first answer through the VIP", PATIENCE, || {
            let report = prober.report();
            report.attempts > report.failures
        })
        .map_err(|error| lab.with_logs(error))?;
        let halo = Self {
            lab,
            first_request: start.elapsed(),
        };
        halo.wait_home()?;
        Ok(halo)
    }

    fn hactl(&self, arguments: &[&str]) -> Result<(), LabError> {
        let output = self.lab.node("lb1")?.hactl(arguments)?;
        done(arguments, &output)
    }
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

    fn inject(&self, fault: Fault) -> Result<(), LabError> {
        match fault {
            Fault::Kill => self.lab.node("lb1")?.kill(),
            Fault::LinkDown => self.lab.link_down("lb1"),
            Fault::Cut => self.lab.cut("lb1"),
            Fault::Planned => self.hactl(&["failover", "web", "--to", "lb2"]),
        }
    }

    fn wait_moved(&self) -> Result<(), LabError> {
        wait_until("the VIP on lb2", PATIENCE, || {
            self.lab.holders("web").contains(&"lb2".to_owned())
        })
    }

    fn repair(&self, fault: Fault) -> Result<(), LabError> {
        match fault {
            Fault::Kill => self.lab.node("lb1")?.start_halod(),
            Fault::LinkDown => self.lab.link_up("lb1"),
            Fault::Cut => self.lab.heal("lb1"),
            Fault::Planned => self.hactl(&["failover", "web", "--to", "lb1"]),
        }
    }

    fn wait_home(&self) -> Result<(), LabError> {
        self.lab.wait_active("web", "lb1", PATIENCE)
    }

    fn reload(&self) -> Result<(), LabError> {
        // A file that differs, so that there is something to apply.
        let old = fs::read_to_string(self.lab.config_file()).unwrap_or_default();
        let plain = default_config(self.lab.topology());
        let new = if old == plain {
            plain.replace("fall = 2", "fall = 3")
        } else {
            plain
        };
        self.lab.write_config(&new)?;
        self.hactl(&["config", "reload"])
    }
}
