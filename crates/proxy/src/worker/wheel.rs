//! A timing wheel: many deadlines, nearly all of which are replaced before they pass.
//!
//! A deadline that moves to a later time costs a store: its alarm stays filed where it was, and is
//! filed anew when that time comes. Only one that moves to an earlier time is filed at once. A
//! connection that is served sets a deadline several times a request, and is filed twice a minute.

use std::task::Waker;
use std::time::Duration;

/// How fine time limits are kept. Half of what a person notices, and fifty wake-ups a second are
/// nothing for a worker.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Slots of the wheel: 20 s. What is farther away goes round more than once.
const SLOTS: usize = 1024;

/// A point on a worker's coarse clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Tick(u64);

impl Tick {
    /// Further away than any other.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The tick that a worker has been running for this long at.
    pub(crate) fn at(since_start: Duration) -> Self {
        Self(ticks(since_start))
    }

    /// The first tick at which at least this much time has passed, whatever part of the present
    /// tick is over.
    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(ticks(time)).saturating_add(2))
    }

    fn slot(self) -> usize {
        (self.0 % SLOTS as u64) as usize
    }
}

/// Whole ticks in a time; without the division of 128 bits that `as_millis` takes.
fn ticks(time: Duration) -> u64 {
    const NANOS: u32 = TICK.subsec_nanos();
    let in_second = u64::from(1_000_000_000 / NANOS);
    let rest = u64::from(time.subsec_nanos() / NANOS);
    time.as_secs()
        .saturating_mul(in_second)
        .saturating_add(rest)
}

/// Names an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u32);

/// No alarm.
const NONE: u32 = u32::MAX;

/// The alarms of one worker.
#[derive(Debug)]
pub(crate) struct Wheel {
    now: Tick,
    /// The first alarm that is filed in each slot; the others hang on it. Lists in place of vectors,
    /// so that filing allocates nothing.
    slots: Box<[u32]>,
    alarms: Vec<Alarm>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Alarm {
    due: Tick,
    /// When it is looked at next.
    filed: Tick,
    before: u32,
    after: u32,
    waker: Option<Waker>,
}

impl Alarm {
    const UNSET: Self = Self {
        due: Tick::NEVER,
        filed: Tick::NEVER,
        before: NONE,
        after: NONE,
        waker: None,
    };
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            now: Tick(0),
            slots: vec![NONE; SLOTS].into_boxed_slice(),
            alarms: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The present.
    pub(crate) fn now(&self) -> Tick {
        self.now
    }

    /// A new alarm, not set.
    pub(crate) fn add(&mut self) -> Key {
        Key(self.free.pop().unwrap_or_else(|| {
            self.alarms.push(Alarm::UNSET);
            (self.alarms.len() - 1) as u32
        }))
    }

    /// Forgets an alarm; its key may be given out again.
    pub(crate) fn remove(&mut self, Key(key): Key) {
        self.take_out(key);
        self.alarms[key as usize] = Alarm::UNSET;
        self.free.push(key);
    }

    /// Sets an alarm anew: who is woken, and when.
    pub(crate) fn set(&mut self, Key(key): Key, due: Tick, waker: &Waker) {
        let alarm = &mut self.alarms[key as usize];
        alarm.due = due;
        if !alarm.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            alarm.waker = Some(waker.clone());
        }
        if due < alarm.filed {
            self.take_out(key);
            self.file(key, due.max(Tick(self.now.0 + 1)));
        }
    }

    fn file(&mut self, key: u32, at: Tick) {
        if at == Tick::NEVER {
            return;
        }
        let first = std::mem::replace(&mut self.slots[at.slot()], key);
        let alarm = &mut self.alarms[key as usize];
        alarm.filed = at;
        alarm.before = NONE;
        alarm.after = first;
        if let Some(first) = self.alarms.get_mut(first as usize) {
            first.before = key;
        }
    }

    fn take_out(&mut self, key: u32) {
        let alarm = &mut self.alarms[key as usize];
        let filed = std::mem::replace(&mut alarm.filed, Tick::NEVER);
        if filed == Tick::NEVER {
            return;
        }
        let (before, after) = (alarm.before, alarm.after);
        match self.alarms.get_mut(before as usize) {
            Some(before) => before.after = after,
            None => self.slots[filed.slot()] = after,
        }
        if let Some(after) = self.alarms.get_mut(after as usize) {
            after.before = before;
        }
    }

    /// Moves on to `to`, and wakes those whose time has come.
    pub(crate) fn advance(&mut self, to: Tick) {
        let steps = to.0.saturating_sub(self.now.0).min(SLOTS as u64);
        self.now = self.now.max(to);
        for back in (0..steps).rev() {
            self.turn_slot(Tick(to.0 - back).slot());
        }
    }

    fn turn_slot(&mut self, slot: usize) {
        let mut key = self.slots[slot];
        while let Some(alarm) = self.alarms.get(key as usize) {
            let (filed, due, after) = (alarm.filed, alarm.due, alarm.after);
            if filed <= self.now {
                self.take_out(key);
                if due > self.now {
                    // In front of where we are, should it be this slot again.
                    self.file(key, due);
                } else if let Some(waker) = &self.alarms[key as usize].waker {
                    waker.wake_by_ref();
                }
            }
            key = after;
        }
    }

    /// Wakes everyone, to look at something else than the time.
    pub(crate) fn wake_all(&self) {
        for waker in self.alarms.iter().filter_map(|alarm| alarm.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};
    use std::time::Duration;

    use super::{SLOTS, TICK, Tick, Wheel};

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Bell {
        fn rings(self: &Arc<Self>) -> usize {
            self.0.swap(0, Ordering::Relaxed)
        }
    }

    fn bell() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell::default());
        (bell.clone(), bell.into())
    }

    #[test]
    fn an_alarm_rings_once_when_its_time_has_come_however_far_away() {
        for due in [1, 2, SLOTS as u64 - 1, SLOTS as u64, 5 * SLOTS as u64 + 3] {
            let (bell, waker) = bell();
            let mut wheel = Wheel::new();
            let key = wheel.add();
            wheel.set(key, Tick(due), &waker);
            for tick in 1..due {
                wheel.advance(Tick(tick));
                assert_eq!(bell.rings(), 0, "due {due}, at {tick}");
            }
            wheel.advance(Tick(due));
            assert_eq!(bell.rings(), 1, "due {due}");
            wheel.advance(Tick(due + 3 * SLOTS as u64));
            assert_eq!(bell.rings(), 0);
        }
    }

    #[test]
    fn a_deadline_that_is_moved_rings_only_at_its_last_time() {
        let (bell, waker) = bell();
        let mut wheel = Wheel::new();
        let key = wheel.add();
        for due in [50, 70, 20, 60] {
            wheel.set(key, Tick(due), &waker);
        }
        wheel.advance(Tick(59));
        assert_eq!(bell.rings(), 0);
        wheel.advance(Tick(60));
        assert_eq!(bell.rings(), 1);
        wheel.advance(Tick(200));
        assert_eq!(bell.rings(), 0);
    }

    #[test]
    fn moving_a_deadline_to_a_later_time_files_nothing() {
        let (_, waker) = bell();
        let mut wheel = Wheel::new();
        let key = wheel.add();
        for due in 10..10_000 {
            wheel.set(key, Tick(due), &waker);
        }
        assert_eq!(wheel.alarms[0].filed, Tick(10));
    }

    #[test]
    fn a_key_given_out_again_has_nothing_of_its_former_alarm() {
        let (old, old_waker) = bell();
        let (new, new_waker) = bell();
        let mut wheel = Wheel::new();
        let key = wheel.add();
        wheel.set(key, Tick(10), &old_waker);
        wheel.remove(key);
        assert_eq!(wheel.add(), key);
        wheel.set(key, Tick(20), &new_waker);
        wheel.advance(Tick(15));
        assert_eq!((old.rings(), new.rings()), (0, 0));
        wheel.advance(Tick(20));
        assert_eq!((old.rings(), new.rings()), (0, 1));
    }

    #[test]
    fn a_clock_that_jumps_over_several_turns_of_the_wheel_misses_none() {
        let mut wheel = Wheel::new();
        let bells: Vec<_> = (0..100).map(|_| bell()).collect();
        for (i, (_, waker)) in bells.iter().enumerate() {
            let key = wheel.add();
            wheel.set(key, Tick(1 + 37 * i as u64), waker);
        }
        wheel.advance(Tick(4 * SLOTS as u64));
        assert!(bells.iter().all(|(bell, _)| bell.rings() == 1));
    }

    #[test]
    fn alarms_of_one_slot_are_told_apart_whichever_is_removed() {
        for removed in 0..3 {
            let mut wheel = Wheel::new();
            let alarms: Vec<_> = (0..3).map(|_| (wheel.add(), bell())).collect();
            for (key, (_, waker)) in &alarms {
                wheel.set(*key, Tick(7), waker);
            }
            wheel.remove(alarms[removed].0);
            wheel.advance(Tick(7));
            let rings: Vec<_> = alarms.iter().map(|(_, (bell, _))| bell.rings()).collect();
            let expected: Vec<_> = (0..3).map(|i| usize::from(i != removed)).collect();
            assert_eq!(rings, expected);
        }
    }

    #[test]
    fn a_time_limit_is_never_cut_short() {
        let now = Tick::at(Duration::from_millis(1019));
        assert_eq!(now, Tick(50));
        // At the end of the present tick and with all of the limit's own parts.
        let due = now.after(Duration::from_millis(59));
        assert!(due.0 as u32 * TICK >= Duration::from_millis(1019 + 59));
    }
}
