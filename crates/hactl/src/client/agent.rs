//! The agent's own socket: one JSON request a line, one JSON reply a line.

use std::io;
use std::path::Path;
use std::time::Duration;

use halo_api::{AgentReply, AgentRequest};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::garbled;
use crate::exit::Failure;

/// Longest answer taken.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Asks the agent at `path`.
pub(super) async fn ask(
    path: &Path,
    request: &AgentRequest,
    time: Duration,
) -> Result<AgentReply, Failure> {
    match tokio::time::timeout(time, exchange(path, request)).await {
        Ok(Ok(line)) => serde_json::from_str(&line).map_err(|error| garbled(&error)),
        Ok(Err(error)) => Err(Failure::Unreachable(format!(
            "the agent cannot be reached at {}: {error}",
            path.display()
        ))),
        Err(_) => Err(Failure::TimedOut(format!(
            "the agent did not answer at {} within {time:?}",
            path.display()
        ))),
    }
}

async fn exchange(path: &Path, request: &AgentRequest) -> io::Result<String> {
    let mut stream = UnixStream::connect(path).await?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    let read = BufReader::new(stream.take(MOST_BYTES))
        .read_line(&mut answer)
        .await?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}
