//! Signing what goes out, judging what comes in.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use halo_packet::BufferTooSmall;
use halo_packet::peer::trailer::{LEN, SIGNED_LEN, Trailer, TrailerError};

use crate::key::{Keyring, draw};
use crate::session::Session;

/// Senders that are told apart: 64 nodes with four addresses each.
const MOST_SENDERS: usize = 256;

/// What a message is signed with, beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Source of its IP packet.
    pub source: IpAddr,
    /// Destination of its IP packet.
    pub destination: IpAddr,
    /// Takeover epoch of the virtual router; 0 in what is no advert.
    pub epoch: u64,
    /// Signed in advance, to be sent by whoever survives this process. Numbered apart, so that it stays
    /// fresh however many messages go before it; a later farewell makes the earlier ones stale.
    pub farewell: bool,
}

/// What a trailer proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Takeover epoch that the sender says.
    pub epoch: u64,
    /// Whether it was signed in advance.
    pub farewell: bool,
}

/// Why a message proves nothing. It changes nothing then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Rejection {
    /// There is no trailer.
    #[error("it is not signed, and this cluster has a secret")]
    Unsigned,
    /// The trailer is none of ours.
    #[error("its signature is of another format")]
    Malformed,
    /// Signed with a secret that is not known here.
    #[error("it is signed with another secret than this node's")]
    UnknownKey,
    /// The tag does not fit.
    #[error("its signature is wrong: it was forged, or changed on its way")]
    Forged,
    /// It has the secret, but there are more senders than any cluster has.
    #[error("more than {MOST_SENDERS} addresses have sent signed messages")]
    Stranger,
    /// From an incarnation that has not shown yet that it is not a recorded one. A sender that has just
    /// started shows it with its next message: it is to be sent something, so that it can.
    #[error("its sender has not shown yet that it is no recording")]
    Unproven,
    /// A number that was taken before.
    #[error("it was received before: it is a recording")]
    Replayed,
}

impl Rejection {
    /// A stable name for metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Malformed => "signature_format",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::Stranger => "unknown_sender",
            Self::Unproven => "unproven",
            Self::Replayed => "replayed",
        }
    }
}

/// Signs a node's messages, and judges those of others. One for each start of a node.
#[derive(Debug)]
pub struct Authenticator {
    keyring: Keyring,
    seed: [u8; 32],
    incarnation: u64,
    sent: u64,
    farewells: u64,
    sessions: BTreeMap<IpAddr, Session>,
}

impl Authenticator {
    /// `seed` must be random, and new with each start of the node.
    #[must_use]
    pub fn new(keyring: Keyring, seed: [u8; 32]) -> Self {
        Self {
            keyring,
            seed,
            incarnation: draw(&seed, b"incarnation", None, 0),
            sent: 0,
            farewells: 0,
            sessions: BTreeMap::new(),
        }
    }

    /// Signs and accepts with other keys from now on. Who is proven stays so.
    pub fn rotate(&mut self, keyring: Keyring) {
        self.keyring = keyring;
    }

    /// Whether the node with this address has shown that it is no recording.
    #[must_use]
    pub fn is_proven(&self, peer: IpAddr) -> bool {
        self.sessions.get(&peer).is_some_and(Session::is_proven)
    }

    /// Writes the trailer behind the message that fills the first `length` bytes of `buf`; returns the
    /// length of both.
    ///
    /// # Errors
    /// When it does not fit the buffer.
    pub fn seal(
        &mut self,
        envelope: Envelope,
        buf: &mut [u8],
        length: usize,
    ) -> Result<usize, BufferTooSmall> {
        let (need, have) = (length + LEN, buf.len());
        let (message, trailer) = buf
            .get_mut(..need)
            .and_then(|buf| buf.split_at_mut_checked(length))
            .ok_or(BufferTooSmall { need, have })?;
        let counter = if envelope.farewell {
            &mut self.farewells
        } else {
            &mut self.sent
        };
        *counter += 1;
        let sequence = *counter;
        let destination = envelope.destination;
        // Nobody answers for a group.
        let session = if destination.is_multicast() {
            None
        } else {
            session(&mut self.sessions, &self.seed, destination).map(|session| &*session)
        };
        let key = self.keyring.signing();
        Trailer {
            key: key.id,
            incarnation: self.incarnation,
            sequence,
            farewell: envelope.farewell,
            challenge: session.map_or(0, |session| session.challenge),
            echo: session.map_or(0, |session| session.theirs),
            epoch: envelope.epoch,
        }
        .encode(trailer)?;
        let ends = (envelope.source, envelope.destination);
        let tag = key.tag(ends, message, &trailer[..SIGNED_LEN]);
        trailer[SIGNED_LEN..].copy_from_slice(&tag);
        Ok(need)
    }

    /// Judges a message by what was behind it.
    ///
    /// # Errors
    /// Why it is to be discarded.
    pub fn open(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
        trailer: &[u8],
    ) -> Result<Opened, Rejection> {
        let (read, tag) = Trailer::decode(trailer).map_err(|error| match error {
            TrailerError::Absent => Rejection::Unsigned,
            TrailerError::Malformed => Rejection::Malformed,
        })?;
        let signed = trailer.first_chunk().ok_or(Rejection::Malformed)?;
        let key = self.keyring.find(read.key).ok_or(Rejection::UnknownKey)?;
        if !key.is_right((source, destination), message, signed, tag) {
            return Err(Rejection::Forged);
        }
        let session = session(&mut self.sessions, &self.seed, source).ok_or(Rejection::Stranger)?;
        session.take(&read, &self.seed, source)?;
        Ok(Opened {
            epoch: read.epoch,
            farewell: read.farewell,
        })
    }
}

/// How this node stands with the sender at an address; `None`: there are too many.
fn session<'a>(
    sessions: &'a mut BTreeMap<IpAddr, Session>,
    seed: &[u8; 32],
    peer: IpAddr,
) -> Option<&'a mut Session> {
    let room = sessions.len() < MOST_SENDERS;
    match sessions.entry(peer) {
        Entry::Occupied(known) => Some(known.into_mut()),
        Entry::Vacant(free) if room => Some(free.insert(Session::new(seed, peer))),
        Entry::Vacant(_) => None,
    }
}
