//! What ends the agent.

use std::io;
use std::path::PathBuf;

/// Why the agent could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration file cannot be read.
    #[error("cannot read {}: {source}; name another with --config or HALO_CONFIG", .path.display())]
    ReadConfig {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] halo_config::Errors),
    /// The token of the admin API cannot be read, or is empty.
    #[error("cannot take the admin API's token from {} ([admin] token_file): {source}", .path.display())]
    ReadToken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The cluster's secret cannot be read, or is none.
    #[error("cannot take the cluster's secret from {} ([cluster] secret_file): {source}", .path.display())]
    ReadSecret {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The operating system refused something that the agent cannot do without.
    #[error(transparent)]
    Os(#[from] halo_netio::Error),
}
