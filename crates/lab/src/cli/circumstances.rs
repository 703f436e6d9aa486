//! Where figures were measured.

use std::fs;
use std::process::Command;

use anyhow::Context;

/// The head of a table, with the date, the machine and its kernel; programs may follow.
pub(super) fn machine() -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = Command::new("date").arg("-I").output()?.stdout;
    Ok(format!(
        "| | |\n|---|---|\n| date | {} |\n| machine | {model}, {cores} cores |\n| kernel | {} |\n",
        String::from_utf8_lossy(&date).trim(),
        kernel.trim()
    ))
}
