//! The limit of a listener's connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the connections of a listener over all workers, and makes accepting wait at the limit.
/// Touched once a connection, never on the path of a request.
#[derive(Debug)]
pub(crate) struct Gate {
    open: AtomicUsize,
    limit: AtomicUsize,
    freed: Notify,
}

impl Gate {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            open: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            freed: Notify::new(),
        }
    }

    /// Changes the limit; connections beyond a lower one stay.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// Takes a place if there is one.
    pub(crate) fn try_enter(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| {
                (open < limit).then_some(open + 1)
            })
            .is_ok()
    }

    /// Waits until there is a place, without taking it.
    pub(crate) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.open.load(Ordering::Acquire) < self.limit.load(Ordering::Relaxed) {
                return;
            }
            freed.await;
        }
    }

    /// Takes a place as soon as there is one.
    pub(crate) async fn enter(&self) {
        loop {
            // Made before the look, so that a place freed in between is not missed.
            let freed = self.freed.notified();
            if self.try_enter() {
                return;
            }
            freed.await;
        }
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        let before = self.open.fetch_sub(1, Ordering::AcqRel);
        if before >= self.limit.load(Ordering::Relaxed) {
            self.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::Gate;

    #[test]
    fn a_full_gate_lets_the_next_in_when_one_leaves() {
        let gate = Gate::new(1);
        assert!(gate.try_enter());
        assert!(!gate.try_enter());
        let mut waiting = pin!(gate.enter());
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
        gate.leave();
        assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(()));
        assert!(!gate.try_enter());
    }

    #[test]
    fn a_raised_limit_lets_waiters_in() {
        let gate = Gate::new(0);
        let mut waiting = pin!(gate.enter());
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
        gate.set_limit(1);
        assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(()));
    }
}
