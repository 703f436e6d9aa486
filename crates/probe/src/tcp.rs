//! Establishing a connection.

use tokio::net::TcpStream;

use crate::{Limit, Phase, ProbeError};

/// Connects, within the probe's time.
pub(crate) async fn connect(limit: Limit) -> Result<TcpStream, ProbeError> {
    limit
        .within(Phase::Connect, TcpStream::connect(limit.address))
        .await?
        .map_err(|source| ProbeError::Connect {
            address: limit.address,
            source,
        })
}
