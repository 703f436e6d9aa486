//! What a drill found, as it is stored and shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::exit::Failure;

/// A drill.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) vip: String,
    /// UTC.
    pub(super) started: String,
    /// The node that hactl ran on: what it saw of the VIP is what this machine's clients would see.
    pub(super) run_on: String,
    /// What was connected to, each millisecond.
    pub(super) target: String,
    pub(super) legs: Vec<Leg>,
}

/// One move.
#[derive(Debug, Serialize)]
pub(super) struct Leg {
    pub(super) from: String,
    pub(super) to: String,
    /// From the command until this node saw the new holder.
    pub(super) moved_after_ms: f64,
    /// The longest time between two connects that worked.
    pub(super) longest_gap_ms: f64,
    pub(super) attempts: u64,
    pub(super) failed: u64,
}

impl Report {
    /// Writes it into `directory`, which is made if need be.
    pub(super) fn store(&self, directory: &Path) -> Result<PathBuf, Failure> {
        let failed = |error: &dyn fmt::Display| {
            Failure::Failed(format!(
                "the drill is done, but its report cannot be stored in {}: {error}; choose another \
                 directory with --reports\n{self}",
                directory.display()
            ))
        };
        let name = format!("{}-{}.json", self.started.replace(':', ""), self.vip);
        let path = directory.join(name);
        let json = serde_json::to_string_pretty(self).map_err(|error| failed(&error))?;
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(&path, json + "\n"))
            .map_err(|error| failed(&error))?;
        Ok(path)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "drill of {} at {}, seen from {}",
            self.vip, self.started, self.run_on
        )?;
        for leg in &self.legs {
            writeln!(
                f,
                "{} -> {}: moved after {:.1} ms; longest gap {:.1} ms; {} of {} connects to {} failed",
                leg.from,
                leg.to,
                leg.moved_after_ms,
                leg.longest_gap_ms,
                leg.failed,
                leg.attempts,
                self.target
            )?;
        }
        Ok(())
    }
}

/// In milliseconds, to a tenth.
pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
