//! The buffers that all UDP sockets of a worker share, and system calls on them.

use std::cell::{OnceCell, RefCell};
use std::io;

use halo_netio::udp::{BATCH, Outgoing, Receiver, Sender};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Made when the first datagram is awaited: a worker without UDP has none of it.
#[derive(Debug, Default)]
pub(crate) struct Kit {
    buffers: OnceCell<(RefCell<Receiver>, RefCell<Sender>)>,
}

/// What became of datagrams that were to be sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// How many messages went.
    pub(super) messages: usize,
    /// Whether the peer had said that nobody listens there.
    pub(super) refused: bool,
}

impl Kit {
    fn buffers(&self) -> &(RefCell<Receiver>, RefCell<Sender>) {
        self.buffers.get_or_init(Default::default)
    }

    /// Waits for something to receive, or for word of what became of what was sent: that alone makes
    /// no socket readable.
    ///
    /// # Errors
    /// When nothing can be waited for.
    pub(super) async fn news(socket: &UdpSocket) -> io::Result<Option<io::Error>> {
        let ready = socket.ready(Interest::READABLE | Interest::ERROR).await?;
        if !ready.is_error() {
            return Ok(None);
        }
        let mut word = None;
        let told = socket.try_io(Interest::ERROR, || {
            word = socket.take_error()?;
            // Taken; the next one makes a new event.
            Err::<(), _>(io::ErrorKind::WouldBlock.into())
        });
        Ok(word.or(told
            .err()
            .filter(|error| error.kind() != io::ErrorKind::WouldBlock)))
    }

    /// Receives a batch, if the socket is ready, and has it handled. Returns how many messages it had.
    pub(super) fn receive(
        &self,
        socket: &UdpSocket,
        handle: impl FnOnce(&mut Receiver),
    ) -> io::Result<usize> {
        let mut receiver = self.buffers().0.borrow_mut();
        let mut received = None;
        let outcome = socket.try_io(Interest::READABLE, || {
            let count = receiver.receive(socket)?;
            received = Some(count);
            // A batch that is not full has emptied the socket; what comes later makes a new event.
            if count < BATCH {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(count)
        });
        let count = received.map_or(outcome, Ok)?;
        handle(&mut receiver);
        Ok(count)
    }

    /// Sends messages, as far as the socket takes them now. Refusals are of earlier messages, so that
    /// those at hand are sent once more.
    pub(super) fn send(&self, socket: &UdpSocket, messages: &[Outgoing<'_>]) -> Sent {
        let mut sender = self.buffers().1.borrow_mut();
        let mut sent = Sent::default();
        let mut at = 0;
        let mut refusals = 0;
        while at < messages.len() {
            match sender.send(socket, &messages[at..]) {
                Ok(count) => {
                    at += count.max(1);
                    sent.messages += count;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    sent.refused = true;
                    refusals += 1;
                    if refusals > 1 {
                        // The same message again: this host refuses to itself, faster than we send.
                        at += 1;
                        refusals = 0;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A train for a path that takes none goes as single datagrams.
                Err(_) if messages[at].segment.is_some() => {
                    sent.messages += usize::from(send_apart(&mut sender, socket, &messages[at]));
                    at += 1;
                }
                Err(error) => {
                    tracing::debug!(%error, "a datagram cannot be sent");
                    at += 1;
                }
            }
        }
        sent
    }
}

/// Sends the datagrams of a train one by one. Returns whether all went.
fn send_apart(sender: &mut Sender, socket: &UdpSocket, train: &Outgoing<'_>) -> bool {
    let size = train.segment.map_or(train.data.len(), usize::from).max(1);
    let parts: Vec<_> = train
        .data
        .chunks(size)
        .map(|data| Outgoing {
            data,
            segment: None,
            ..*train
        })
        .collect();
    let mut at = 0;
    while at < parts.len() {
        match sender.send(socket, &parts[at..]) {
            Ok(count) => at += count.max(1),
            Err(_) => return false,
        }
    }
    true
}

/// How many datagrams a message is.
pub(super) fn datagrams(length: usize, segment: Option<u16>) -> u64 {
    match segment {
        Some(size) if size > 0 => length.div_ceil(usize::from(size)) as u64,
        Some(_) | None => 1,
    }
}
