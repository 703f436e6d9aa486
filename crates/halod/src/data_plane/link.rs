//! The socket to the agent: JSON messages, each behind its length (4 bytes, big-endian).

use std::io;
use std::time::Duration;

use anyhow::{Context, bail};
use halo_api::{FromDataPlane, ToDataPlane};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Longest message taken: far more than a configuration file of ten thousand servers.
const MOST_BYTES: u32 = 16 * 1024 * 1024;
/// Messages that may wait for an agent that does not read. With `Alive` every 20 ms this is more
/// than the second of silence after which the other side is given up, in either direction.
const QUEUE: usize = 256;
/// How long the last messages may take before the process ends.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// Both directions of the socket to the agent.
#[derive(Debug)]
pub(super) struct Link {
    inbox: mpsc::Receiver<ToDataPlane>,
    outbox: mpsc::Sender<FromDataPlane>,
    _reader: AbortOnDropHandle<()>,
    writer: AbortOnDropHandle<()>,
}

impl Link {
    /// Speaks over `socket`.
    pub(super) fn new(socket: UnixStream) -> Self {
        let (read, write) = socket.into_split();
        let (to_inbox, inbox) = mpsc::channel(QUEUE);
        let (outbox, from_outbox) = mpsc::channel(QUEUE);
        Self {
            inbox,
            outbox,
            _reader: AbortOnDropHandle::new(tokio::spawn(read_all(read, to_inbox))),
            writer: AbortOnDropHandle::new(tokio::spawn(write_all(write, from_outbox))),
        }
    }

    /// The next message; `None`: the agent is gone. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<ToDataPlane> {
        self.inbox.recv().await
    }

    /// Sends a message. One for which there is no room is dropped: an agent that reads nothing for
    /// so long is frozen, and will be told the present state when it asks.
    pub(super) fn send(&self, message: FromDataPlane) {
        if let Err(error) = self.outbox.try_send(message) {
            tracing::debug!("message to the agent dropped: {error}");
        }
    }

    /// Sends what still waits, and closes.
    pub(super) async fn close(self) {
        drop(self.outbox);
        match tokio::time::timeout(CLOSE_TIME, self.writer).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("the agent's socket: {error}"),
            Err(_) => tracing::debug!("the agent does not read the last messages"),
        }
    }
}

async fn read_all(mut from: impl AsyncRead + Unpin, inbox: mpsc::Sender<ToDataPlane>) {
    loop {
        match read(&mut from).await {
            Ok(Some(message)) => {
                if inbox.send(message).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::error!("the agent's socket: {error:#}");
                return;
            }
        }
    }
}

/// One message; `None` at the end.
async fn read(from: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Option<ToDataPlane>> {
    let length = match from.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
        Err(error) => return Err(error).context("cannot read"),
    };
    if length > MOST_BYTES {
        bail!("a message of {length} bytes is longer than {MOST_BYTES}");
    }
    let mut message = vec![0; length as usize];
    from.read_exact(&mut message)
        .await
        .context("a message is cut off")?;
    serde_json::from_slice(&message)
        .map(Some)
        .context("a message cannot be understood")
}

async fn write_all(mut to: impl AsyncWrite + Unpin, mut outbox: mpsc::Receiver<FromDataPlane>) {
    while let Some(message) = outbox.recv().await {
        if let Err(error) = write(&mut to, &message).await {
            // The reader sees the end as well, and ends the process.
            tracing::debug!("the agent's socket: {error:#}");
            return;
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), message: &FromDataPlane) -> anyhow::Result<()> {
    let message = serde_json::to_vec(message)?;
    let length = u32::try_from(message.len()).context("the message is too long")?;
    let mut frame = Vec::with_capacity(4 + message.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&message);
    Ok(to.write_all(&frame).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_go_both_ways_behind_their_length() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut link = Link::new(ours);
        link.send(FromDataPlane::Ready { generation: 7 });
        let expected = b"{\"type\":\"ready\",\"generation\":7}";
        let mut frame = vec![0; 4 + expected.len()];
        theirs.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[..4], 31u32.to_be_bytes());
        assert_eq!(&frame[4..], expected);

        theirs
            .write_all(b"\0\0\0\x0f{\"type\":\"stop\"}")
            .await
            .unwrap();
        assert_eq!(link.next().await, Some(ToDataPlane::Stop));
        drop(theirs);
        assert_eq!(link.next().await, None);
    }

    #[tokio::test]
    async fn nonsense_counts_as_the_end() {
        for nonsense in [&b"\0\0\0\x01?"[..], b"\xff\xff\xff\xff", b"\0\0\0\x09{}"] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let mut link = Link::new(ours);
            theirs.write_all(nonsense).await.unwrap();
            theirs.shutdown().await.unwrap();
            assert_eq!(link.next().await, None, "{nonsense:?}");
        }
    }

    #[tokio::test]
    async fn closing_sends_what_still_waits() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let link = Link::new(ours);
        for _ in 0..10 {
            link.send(FromDataPlane::Alive);
        }
        link.close().await;
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 10 * (4 + b"{\"type\":\"alive\"}".len()));
    }
}
