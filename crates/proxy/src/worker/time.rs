//! A worker's coarse clock, and the alarms that its connections set by it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::wheel::{Key, TICK, Tick, Wheel};
use crate::calendar::HttpDate;

/// The clock of one worker: read without a system call, as fine as [`TICK`].
#[derive(Debug)]
pub(crate) struct Timers {
    started: Instant,
    now: Cell<Tick>,
    wheel: RefCell<Wheel>,
    /// The time of day.
    date: Cell<HttpDate>,
    /// Counts what connections must look at besides the time.
    calls: Cell<u32>,
    /// Counts the turns, for whoever watches from outside that this worker goes on.
    pulse: Arc<AtomicU64>,
}

impl Timers {
    pub(crate) fn new(pulse: Arc<AtomicU64>) -> Rc<Self> {
        let wheel = Wheel::new();
        Rc::new(Self {
            started: Instant::now(),
            now: Cell::new(wheel.now()),
            wheel: RefCell::new(wheel),
            date: Cell::new(HttpDate::now(None)),
            calls: Cell::new(0),
            pulse,
        })
    }

    /// Keeps time for as long as the worker runs.
    pub(crate) async fn run(&self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let now = Tick::at(tick.tick().await.max(Instant::now()) - self.started);
            self.now.set(now);
            self.wheel.borrow_mut().advance(now);
            self.date.set(HttpDate::now(Some(self.date.get())));
            // Only this thread writes it.
            let turns = self.pulse.load(Ordering::Relaxed);
            self.pulse.store(turns.wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// The present.
    pub(crate) fn now(&self) -> Tick {
        self.now.get()
    }

    /// The time of day, for a message.
    pub(crate) fn date(&self) -> HttpDate {
        self.date.get()
    }

    /// When this much time will have passed.
    pub(crate) fn after(&self, time: Duration) -> Tick {
        self.now.get().after(time)
    }

    /// The tick of a point in time.
    pub(crate) fn tick_of(&self, at: Instant) -> Tick {
        Tick::at(at.saturating_duration_since(self.started))
    }

    /// Calls on every connection to look at its listener's phase.
    pub(crate) fn call(&self) {
        self.calls.set(self.calls.get().wrapping_add(1));
        self.wheel.borrow().wake_all();
    }

    /// How often [`Timers::call`] was used.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.get()
    }

    /// An alarm, not set.
    pub(crate) fn alarm(self: &Rc<Self>) -> Alarm {
        Alarm {
            key: self.wheel.borrow_mut().add(),
            timers: self.clone(),
        }
    }
}

/// Wakes a task at a time.
#[derive(Debug)]
pub(crate) struct Alarm {
    timers: Rc<Timers>,
    key: Key,
}

impl Alarm {
    /// Sets it anew. The task that is woken asks [`Timers::now`] whether it was for this.
    pub(crate) fn set(&self, due: Tick, waker: &Waker) {
        self.timers.wheel.borrow_mut().set(self.key, due, waker);
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.timers.wheel.borrow_mut().remove(self.key);
    }
}
