//! Word from workers that a server refuses datagrams.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::snapshot::ServerShared;
use crate::worker::Tick;

/// Words that may wait for the control thread. More say nothing new.
pub(crate) const QUEUE: usize = 64;

/// How often one worker says so of one server: refusals come with every datagram.
const PAUSE: Duration = Duration::from_millis(100);

/// An ICMP message said that nobody listens where a server should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// The server's pool.
    pub pool: String,
    /// The server.
    pub server: String,
}

/// One worker's way to say so.
#[derive(Debug)]
pub(crate) struct Teller {
    to: mpsc::Sender<Unreachable>,
    told: RefCell<HashMap<u64, Tick>>,
}

impl Teller {
    pub(crate) fn new(to: mpsc::Sender<Unreachable>) -> Self {
        Self {
            to,
            told: RefCell::default(),
        }
    }

    /// Tells of a server, unless it was told a moment ago.
    pub(crate) fn tell(&self, pool: &str, server: &ServerShared, now: Tick) {
        let mut told = self.told.borrow_mut();
        told.retain(|_, at| now < at.after(PAUSE));
        if told.contains_key(&server.id) {
            return;
        }
        told.insert(server.id, now);
        let word = Unreachable {
            pool: pool.to_owned(),
            server: server.name.clone(),
        };
        if self.to.try_send(word).is_err() {
            tracing::debug!("the control thread is busy; it will hear of refusals later");
        }
    }
}
