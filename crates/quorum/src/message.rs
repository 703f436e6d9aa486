//! What voters and those who ask them say to each other.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Numbers ownerships: each takeover has a higher one than all that its voters have heard of.
///
/// Voters keep it in memory. It starts anew when a majority of them restarted since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one question, so that its answers are counted for no other. Unique over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Drawn at random by each process when it starts.
    pub incarnation: u64,
    /// Counts the questions of the process.
    pub number: u32,
}

/// Whether a voter would promise, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It would.
    Free,
    /// It has just started, and does not know what it had promised before.
    Starting {
        /// How long it still keeps silent.
        wait: Duration,
    },
    /// It has promised another node, or an earlier life of the one that asks.
    Promised {
        /// To whom.
        to: IpAddr,
        /// How long the promise still lasts.
        wait: Duration,
    },
    /// The epoch is none above all that the voter has heard of: the request is an old one.
    Stale,
    /// The lease asked for is longer than any may be.
    TooLong,
}

impl Standing {
    /// How long to wait before asking again, as far as this voter is concerned.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self {
            Self::Free | Self::Stale | Self::TooLong => Duration::ZERO,
            Self::Starting { wait } | Self::Promised { wait, .. } => *wait,
        }
    }
}

/// A message, without its sender: the envelope says and proves who that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// Would you promise me? Changes nothing.
    Poll {
        /// Names the poll.
        ticket: Ticket,
    },
    /// The answer to a poll.
    Stance {
        /// Of the poll.
        ticket: Ticket,
        /// The highest epoch that the voter has heard of.
        epoch: Epoch,
        /// Whether it would.
        standing: Standing,
    },
    /// Promise me, or keep your promise.
    Request {
        /// Names the request.
        ticket: Ticket,
        /// Of the ownership that it is for.
        epoch: Epoch,
        /// Who steps back when two ask at once.
        priority: u8,
        /// How long the lease is.
        lease: Duration,
    },
    /// Promised.
    Grant {
        /// Of the request.
        ticket: Ticket,
    },
    /// Not promised.
    Refusal {
        /// Of the request.
        ticket: Ticket,
        /// The highest epoch that the voter has heard of.
        epoch: Epoch,
        /// Why not.
        standing: Standing,
    },
    /// I hold the addresses no more and ask no more: your promise is void.
    Release {
        /// Of the process that was promised.
        incarnation: u64,
        /// The highest epoch that it asked for.
        epoch: Epoch,
        /// Whether it came to own them. If not, the epoch was in vain and another may have it.
        held: bool,
        /// Who is to have the addresses next; others wait a moment.
        successor: Option<IpAddr>,
    },
    /// I reach a majority and outrank you: hand the addresses over.
    Challenge {
        /// Priority of the sender.
        priority: u8,
    },
}
