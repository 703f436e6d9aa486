//! wrk: load, and what it lost.

use std::io::Read;
use std::process::{Child, Stdio};

use crate::{Host, LabError, find_tool};

/// What wrk reported.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WrkReport {
    /// Responses received.
    pub requests: u64,
    /// Responses a second.
    pub per_second: f64,
    /// Responses that were not 2xx or 3xx.
    pub bad_status: u64,
    /// Failed connects.
    pub connect_errors: u64,
    /// Connections that broke while a response was waited for.
    pub read_errors: u64,
    /// Connections that broke while a request was sent.
    pub write_errors: u64,
    /// Responses later than wrk's timeout (2 s).
    pub timeouts: u64,
    /// The time that half of all responses came within, in microseconds.
    pub p50_us: f64,
    /// The time that 99 percent of all responses came within, in microseconds.
    pub p99_us: f64,
}

impl WrkReport {
    /// Requests that got no good answer in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.bad_status + self.connect_errors + self.read_errors + self.write_errors + self.timeouts
    }

    /// Reads what wrk printed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut report = Self::default();
        let mut complete = false;
        for line in text.lines().map(str::trim) {
            if let Some((count, _)) = line.split_once(" requests in ") {
                report.requests = count.parse().ok()?;
            } else if let Some(rate) = line.strip_prefix("Requests/sec:") {
                report.per_second = rate.trim().parse().ok()?;
                complete = true;
            } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
                report.bad_status = count.trim().parse().ok()?;
            } else if let Some(time) = line.strip_prefix("50%") {
                report.p50_us = micros(time.trim())?;
            } else if let Some(time) = line.strip_prefix("99%") {
                report.p99_us = micros(time.trim())?;
            } else if let Some(errors) = line.strip_prefix("Socket errors:") {
                for part in errors.split(',') {
                    let (kind, count) = part.trim().split_once(' ')?;
                    let count = count.parse().ok()?;
                    match kind {
                        "connect" => report.connect_errors = count,
                        "read" => report.read_errors = count,
                        "write" => report.write_errors = count,
                        _ => report.timeouts = count,
                    }
                }
            }
        }
        complete.then_some(report)
    }
}

/// `1.51ms` in microseconds.
fn micros(text: &str) -> Option<f64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * unit)
}

/// A wrk to be started: one thread, latencies kept.
#[derive(Debug)]
pub struct WrkBuilder {
    url: String,
    connections: u32,
    seconds: u32,
    core: Option<usize>,
    host: Option<String>,
}

impl WrkBuilder {
    /// Keeps it on one core of the machine.
    #[must_use]
    pub fn core(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// The `Host` field; that of the URL if not said.
    #[must_use]
    pub fn host(mut self, host: Option<&str>) -> Self {
        self.host = host.map(str::to_owned);
        self
    }

    /// Starts it on `host`.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn start(&self, host: &Host) -> Result<Wrk, LabError> {
        let wrk = find_tool("wrk")?;
        let mut line: Vec<String> = Vec::new();
        if let Some(core) = self.core {
            let taskset = find_tool("taskset")?;
            line.extend([taskset.display().to_string(), "-c".into(), core.to_string()]);
        }
        line.extend([
            wrk.display().to_string(),
            "-t1".into(),
            "--latency".into(),
            format!("-c{}", self.connections),
            format!("-d{}s", self.seconds),
        ]);
        if let Some(name) = &self.host {
            line.extend(["-H".into(), format!("Host: {name}")]);
        }
        line.push(self.url.clone());
        let child = host
            .command(&line[0], &line[1..])?
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| LabError::Spawn {
                program: "wrk".into(),
                host: host.name().into(),
                source,
            })?;
        Ok(Wrk {
            child,
            host: host.name().into(),
        })
    }
}

/// A running wrk.
#[derive(Debug)]
pub struct Wrk {
    child: Child,
    host: String,
}

impl Wrk {
    /// Says what wrk shall do.
    #[must_use]
    pub fn builder(url: &str, connections: u32, seconds: u32) -> WrkBuilder {
        WrkBuilder {
            url: url.into(),
            connections,
            seconds,
            core: None,
            host: None,
        }
    }

    /// Starts wrk with one thread.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn start(host: &Host, url: &str, connections: u32, seconds: u32) -> Result<Self, LabError> {
        Self::builder(url, connections, seconds).start(host)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it prints no report.
    pub fn finish(mut self) -> Result<WrkReport, LabError> {
        let mut text = String::new();
        let output = self
            .child
            .stdout
            .take()
            .map(|p| Box::new(p) as Box<dyn Read>);
        let errors = self
            .child
            .stderr
            .take()
            .map(|p| Box::new(p) as Box<dyn Read>);
        for mut pipe in [output, errors].into_iter().flatten() {
            pipe.read_to_string(&mut text)
                .map_err(LabError::io("read what wrk prints"))?;
        }
        self.child.wait().map_err(LabError::io("wait for wrk"))?;
        WrkReport::parse(&text).ok_or_else(|| LabError::Program {
            program: "wrk".into(),
            host: self.host.clone(),
            detail: text,
        })
    }
}

impl Drop for Wrk {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_with_errors_is_read() {
        let text = "Running 1s test @ http://x/\n  1 threads and 64 connections\n\
            \x20 Latency Distribution\n     50%    1.50ms\n     99%  902.00us\n\
            \x20 12345 requests in 1.00s, 1.2MB read\n\
            \x20 Socket errors: connect 1, read 2, write 3, timeout 4\n\
            \x20 Non-2xx or 3xx responses: 5\nRequests/sec:  12340.50\nTransfer/sec: 1MB\n";
        let report = WrkReport::parse(text).unwrap();
        assert_eq!(report.requests, 12345);
        assert_eq!(report.lost(), 15);
        assert_eq!((report.p50_us, report.p99_us), (1500.0, 902.0));
        assert_eq!(WrkReport::parse("unable to connect"), None);
    }
}
