//! The limit of a listener's connections.

use std::convert::Infallible;

use crate::places::Places;

/// Counts the connections of a listener over all workers, and makes accepting wait at the limit.
/// Touched once a connection, never on the path of a request.
#[derive(Debug)]
pub(crate) struct Gate(Places<Infallible>);

impl Gate {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Places::new(limit))
    }

    /// Changes the limit; connections beyond a lower one stay.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.0.set_limit(limit);
    }

    /// Connections over all workers.
    pub(crate) fn taken(&self) -> u64 {
        self.0.taken()
    }

    /// Takes a place if there is one.
    pub(crate) fn try_enter(&self) -> bool {
        self.0.try_take()
    }

    /// Waits until there is a place, without taking it.
    pub(crate) async fn room(&self) {
        self.0.room().await;
    }

    /// Takes a place as soon as there is one.
    pub(crate) async fn enter(&self) {
        if self.try_enter() {
            return;
        }
        // A line without end is never full.
        if let Ok(waiting) = self.0.join(usize::MAX) {
            waiting.await;
        }
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        self.0.release();
    }
}
