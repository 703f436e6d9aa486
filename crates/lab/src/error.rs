//! What can go wrong in a lab.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use halo_netio::netlink::NetlinkError;
use halo_netio::netns::NamespaceError;

/// Why the lab could not do what was asked.
#[derive(thiserror::Error)]
pub enum LabError {
    /// A namespace could not be made or entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// An interface, address or route could not be set.
    #[error("on {host}: {source}")]
    Netlink {
        /// The host.
        host: String,
        /// Why.
        source: NetlinkError,
    },
    /// Network namespaces need root.
    #[error(
        "cannot make the namespaces of {host}: {source}; run as root (halo-lab itself also works without, \
         where the system allows user namespaces)"
    )]
    NotAllowed {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// A program of Halo is not built.
    #[error(
        "{program} is not in {directory}: run `make build`, or set HALO_BIN_DIR to where it is"
    )]
    NotBuilt {
        /// The program.
        program: &'static str,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// A program of the system is missing.
    #[error("{program} is not installed: run `make deps`")]
    NotInstalled {
        /// The program.
        program: String,
    },
    /// A process could not be started.
    #[error("cannot start {program} on {host}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// A process ended badly, or said what is not understood.
    #[error("{program} on {host}: {detail}")]
    Program {
        /// The program.
        program: String,
        /// The host.
        host: String,
        /// What it said.
        detail: String,
    },
    /// A file or socket of the lab failed.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// There is no such host in the lab.
    #[error("the lab has no {kind} {name:?}; it has {known}")]
    NoSuchHost {
        /// `host` or `node`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A lab of this name runs already.
    #[error("a lab named {name:?} runs already (process {pid}); give this one another --name")]
    NameTaken {
        /// The name.
        name: String,
        /// Its process.
        pid: u32,
    },
    /// No lab of this name runs.
    #[error("no lab named {name:?} runs; start one with `halo-lab up`{others}")]
    NotRunning {
        /// The name.
        name: String,
        /// Those that run.
        others: String,
    },
    /// The lab understood and refused.
    #[error("{0}")]
    Refused(String),
    /// Something did not happen in time.
    #[error("{what}: not within {within:?}{detail}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// For how long.
        within: Duration,
        /// What was seen last.
        detail: String,
    },
}

/// As people read it: this is what a test that unwraps shows, logs included.
impl fmt::Debug for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl LabError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn netlink(host: &str) -> impl Fn(NetlinkError) -> Self + use<> {
        let host = host.to_owned();
        move |source| Self::Netlink {
            host: host.clone(),
            source,
        }
    }
}
