//! What can go wrong outside the path of a request.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the data plane could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A thread could not be made.
    #[error(
        "cannot start worker thread {worker}: {source}; check the limit of processes (ulimit -u)"
    )]
    Thread {
        /// The worker's number.
        worker: usize,
        /// The system's reason.
        source: io::Error,
    },
    /// A worker has no runtime.
    #[error(
        "cannot set up the event loop of worker {worker}: {source}; check the limit of open files (ulimit -n)"
    )]
    Runtime {
        /// The worker's number.
        worker: usize,
        /// The system's reason.
        source: io::Error,
    },
}

/// Why a configuration could not be applied. What was in force before still is.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A listener cannot listen.
    #[error("listener {listener}: cannot listen on {address}: {source}; {}", bind_remedy(.source, *.address))]
    Bind {
        /// The listener's name.
        listener: String,
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The access log cannot be opened.
    #[error("log.access: cannot open {} for appending: {source}; the data plane's user (data_plane.user) must be able to write there", .path.display())]
    AccessLog {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A route or listener names a pool that the configuration does not have. Validation finds this first.
    #[error("{place}: there is no pool {pool:?}; add a [[pool]] of that name")]
    UnknownPool {
        /// Who names it.
        place: String,
        /// The pool.
        pool: String,
    },
    /// The data plane is stopping.
    #[error("the data plane is stopping; apply the configuration after the restart")]
    Stopping,
}

/// What an operator can do about a failed bind.
fn bind_remedy(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has port {}: find it with `ss -ltnp 'sport = :{}'` and stop it, or choose another port",
            address.port(),
            address.port()
        ),
        io::ErrorKind::PermissionDenied => format!(
            "port {} is privileged: give halod CAP_NET_BIND_SERVICE, or choose a port from 1024 on",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => {
            "the address cannot be bound on this machine: check it for a typing error".to_owned()
        }
        _ => "check the address and the limit of open files (ulimit -n)".to_owned(),
    }
}

/// There is no such server in the configuration in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no server {server:?} in pool {pool:?}; `hactl status` lists them")]
pub struct NoSuchServer {
    /// The pool asked for.
    pub pool: String,
    /// The server asked for.
    pub server: String,
}
