//! A check that passed.

use std::fmt;
use std::time::Duration;

/// A check that passed, and how; its `Display` is a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// From the start of the connect to the end of the check.
    pub latency: Duration,
    /// The HTTP status; `None`: a TCP check.
    pub status: Option<u16>,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.latency.as_secs_f64() * 1000.0;
        match self.status {
            Some(status) => write!(f, "status {status} in {milliseconds:.1} ms"),
            None => write!(f, "connected in {milliseconds:.1} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_reads_as_a_sentence() {
        let mut pass = Pass {
            latency: Duration::from_micros(1234),
            status: Some(200),
        };
        assert_eq!(pass.to_string(), "status 200 in 1.2 ms");
        pass.status = None;
        assert_eq!(pass.to_string(), "connected in 1.2 ms");
    }
}
