//! What happens when, in all worlds.

use std::collections::BTreeMap;

use crate::Nanos;

/// The time of a step, and its place among those of the same time.
pub(crate) type Key = (Nanos, u64);

/// Steps that are to come, in order of time, then as they were planned.
#[derive(Debug)]
pub(crate) struct Agenda<S> {
    steps: BTreeMap<Key, S>,
    planned: u64,
}

impl<S> Agenda<S> {
    pub(crate) fn new() -> Self {
        Self {
            steps: BTreeMap::new(),
            planned: 0,
        }
    }

    pub(crate) fn plan(&mut self, at: Nanos, step: S) -> Key {
        self.planned += 1;
        let key = (at, self.planned);
        self.steps.insert(key, step);
        key
    }

    /// Takes a step off, if there is one.
    pub(crate) fn cancel(&mut self, key: Option<Key>) {
        if let Some(key) = key {
            self.steps.remove(&key);
        }
    }

    pub(crate) fn next(&mut self) -> Option<(Nanos, S)> {
        self.steps.pop_first().map(|((at, _), step)| (at, step))
    }

    /// All that are to come, in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (Nanos, &S)> {
        self.steps.iter().map(|((at, _), step)| (*at, step))
    }
}
