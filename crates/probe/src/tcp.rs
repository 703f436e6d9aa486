//! Establishing a connection.

use std::io;

use halo_config::ProxyProtocol;
use halo_packet::proxy::{self, MAX_ENCODED, Version};
use tokio::io::AsyncWriteExt;
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

/// Sends the PROXY header of a connection that is nobody's but the proxy's own.
pub(crate) async fn introduce(
    stream: &mut TcpStream,
    version: ProxyProtocol,
    limit: Limit,
) -> Result<(), ProbeError> {
    let version = match version {
        ProxyProtocol::V1 => Version::V1,
        ProxyProtocol::V2 => Version::V2,
    };
    let mut header = [0; MAX_ENCODED];
    let write = async {
        let length = proxy::encode(version, None, &mut header).map_err(io::Error::other)?;
        stream.write_all(&header[..length]).await
    };
    limit
        .within(Phase::Connect, write)
        .await?
        .map_err(|source| ProbeError::Connect {
            address: limit.address,
            source,
        })
}
