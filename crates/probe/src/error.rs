//! A check that failed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a check failed; its `Display` is a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The connection was not established.
    #[error("connect to {address}: {}", Plain(source))]
    Connect {
        /// The address checked.
        address: SocketAddr,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The check's time was over.
    #[error("{phase} {address}: no answer within {timeout:?}")]
    Timeout {
        /// The address checked.
        address: SocketAddr,
        /// What it was waiting for.
        phase: Phase,
        /// The whole check's time.
        timeout: Duration,
    },
    /// The connection broke, or what came was no HTTP.
    #[error("{phase} {address}: {source}")]
    Http {
        /// The address checked.
        address: SocketAddr,
        /// What it was waiting for.
        phase: Phase,
        /// What was wrong.
        source: hyper::Error,
    },
    /// The check's path or host cannot be put into a request.
    #[error("request to {address}: {source}; see the pool's `health.path` and `health.host`")]
    Request {
        /// The address checked.
        address: SocketAddr,
        /// What was wrong.
        source: hyper::http::Error,
    },
    /// The status is not one of the accepted.
    #[error("status {got}, expected {}", Ranges(expected))]
    Status {
        /// The response's status.
        got: u16,
        /// Accepted status codes, inclusive ranges.
        expected: Vec<(u16, u16)>,
    },
    /// The body does not contain what it must.
    #[error("status {status}, but the body's first {looked_at} bytes do not contain {wanted:?}")]
    Content {
        /// The response's status.
        status: u16,
        /// How many bytes of the body were looked at.
        looked_at: usize,
        /// What was looked for.
        wanted: String,
    },
}

/// What a probe was waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The connection.
    Connect,
    /// The response's header section.
    Response,
    /// The response's body.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect to",
            Self::Response => "response from",
            Self::Body => "body from",
        })
    }
}

/// An I/O error without its number where its kind says it all ("connection refused").
struct Plain<'a>(&'a io::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            kind @ (io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut) => write!(f, "{kind}"),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// Status ranges as they are written in the configuration.
struct Ranges<'a>(&'a [(u16, u16)]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (low, high)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            if low == high {
                write!(f, "{separator}{low}")?;
            } else {
                write!(f, "{separator}{low}-{high}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_sentences() {
        let address = SocketAddr::from(([10, 0, 0, 1], 8080));
        let refused = ProbeError::Connect {
            address,
            source: io::Error::from_raw_os_error(111),
        };
        assert_eq!(
            refused.to_string(),
            "connect to 10.0.0.1:8080: connection refused"
        );
        let late = ProbeError::Timeout {
            address,
            phase: Phase::Response,
            timeout: Duration::from_millis(1500),
        };
        assert_eq!(
            late.to_string(),
            "response from 10.0.0.1:8080: no answer within 1.5s"
        );
        let status = ProbeError::Status {
            got: 503,
            expected: vec![(200, 399), (418, 418)],
        };
        assert_eq!(status.to_string(), "status 503, expected 200-399,418");
    }
}
