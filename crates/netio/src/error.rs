//! What can go wrong between Halo and the operating system.

use std::io;
use std::path::PathBuf;

/// A failed effect on the operating system.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused something.
    #[error("{what}: {source}")]
    Os {
        /// What was tried, as in "open a raw VRRP socket on eth0".
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A netlink request failed.
    #[error(transparent)]
    Netlink(#[from] crate::netlink::NetlinkError),
    /// The process lacks a privilege.
    #[error("{what}: not permitted; {remedy}")]
    Privilege {
        /// What was tried.
        what: String,
        /// What gives the privilege.
        remedy: &'static str,
    },
    /// `data_plane.user` names nobody on this system.
    #[error("there is no user {name:?}; set [data_plane] user to one that exists")]
    UnknownUser {
        /// The name as configured.
        name: String,
    },
    /// Another process answers on our socket.
    #[error(
        "another halod answers on {}; stop it, or give this one its own [admin] socket_dir", .path.display()
    )]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// The descriptor handed over at start is not what it should be.
    #[error(
        "descriptor {fd} is not the agent's socket; `halod data-plane` is started by the agent, not by hand"
    )]
    NotInherited {
        /// The descriptor.
        fd: i32,
    },
    /// The other side of a stream broke its framing.
    #[error("a message of {length} bytes exceeds the limit of {limit}")]
    MessageTooLong {
        /// The length that it announced or has.
        length: usize,
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// Wraps the kernel's answer to `what`.
    pub(crate) fn os(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Os {
            what: what.into(),
            source: source.into(),
        }
    }
}

/// The result of an effect on the operating system.
pub type Result<T, E = Error> = std::result::Result<T, E>;
