//! What can go wrong when the admin API starts.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the admin API could not be started.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The Unix socket could not be made.
    #[error(
        "admin socket {path}: {source}; its directory (`admin.socket_dir`) must exist and be \
         writable for the data plane's user (`data_plane.user`)"
    )]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Somebody else answers there.
    #[error(
        "admin socket {path}: another halod answers there; stop it, or set another \
         `admin.socket_dir`"
    )]
    InUse {
        /// The socket's path.
        path: PathBuf,
    },
    /// The TCP address could not be bound.
    #[error("admin address {address}: {source}; see `admin.listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// A TCP address without a token.
    #[error(
        "admin address {address}: no token; `admin.token_file` must name a file that holds one"
    )]
    NoToken {
        /// The address.
        address: SocketAddr,
    },
}
