//! Places below a limit that all workers share, and the line of those who wait for one.
//!
//! Taking and giving back is one atomic operation as long as nobody waits. `tests/threads.rs` checks
//! this file in every order that threads can run in.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, fence};

/// One who waits, in the word that also counts the places taken.
const WAITING: u64 = 1 << 32;

/// Places below a limit. `T` is what a place can be passed on with: something that holds the place, and
/// gives it back when it is dropped.
#[derive(Debug)]
pub(crate) struct Places<T> {
    /// Places taken in the low half; in the high one who stands in line or looks on. The high half
    /// changes with the lobby locked.
    state: AtomicU64,
    /// Changes with the lobby locked.
    limit: AtomicU64,
    lobby: Mutex<Lobby<T>>,
}

/// Those who wait.
#[derive(Debug)]
struct Lobby<T> {
    next: u64,
    /// By number, lowest first.
    line: VecDeque<Standing>,
    /// Those who have a place, and do not know it yet.
    called: Vec<Called<T>>,
    /// Those who want to know of a place without taking it.
    onlookers: Vec<Waker>,
}

#[derive(Debug)]
struct Standing {
    number: u64,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Called<T> {
    number: u64,
    with: Option<T>,
}

/// As many wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineIsFull;

fn taken(state: u64) -> u64 {
    state % WAITING
}

impl<T> Places<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            state: AtomicU64::new(0),
            limit: AtomicU64::new(limit as u64),
            lobby: Mutex::new(Lobby {
                next: 0,
                line: VecDeque::new(),
                called: Vec::new(),
                onlookers: Vec::new(),
            }),
        }
    }

    /// Changes the limit. Places beyond a lower one stay taken.
    pub(crate) fn set_limit(&self, limit: usize) {
        let mut lobby = self.lobby();
        let limit = limit as u64;
        self.limit.store(limit, Ordering::Release);
        let mut woken = Vec::new();
        while !lobby.line.is_empty()
            && self
                .change(|state| (taken(state) < limit).then(|| state + 1 - WAITING))
                .is_ok()
        {
            woken.extend(lobby.call(None));
        }
        woken.append(&mut self.dismiss_onlookers(&mut lobby));
        drop(lobby);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Whether there is any limit.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit.load(Ordering::Relaxed) < WAITING
    }

    /// Whether all places are taken.
    pub(crate) fn is_full(&self) -> bool {
        taken(self.state.load(Ordering::Relaxed)) >= self.limit.load(Ordering::Relaxed)
    }

    /// Places taken.
    pub(crate) fn taken(&self) -> u64 {
        taken(self.state.load(Ordering::Relaxed))
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.state.load(Ordering::Relaxed) / WAITING
    }

    /// Whether somebody waits for a place, or more are taken than there should be. Asked after something
    /// was written that who waits reads once it stands in line, one of the two sees the other.
    pub(crate) fn is_pressed(&self) -> bool {
        fence(Ordering::SeqCst);
        let state = self.state.load(Ordering::Relaxed);
        state >= WAITING || taken(state) > self.limit.load(Ordering::Relaxed)
    }

    /// Takes a place if there is one.
    pub(crate) fn try_take(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        self.change(|state| (taken(state) < limit).then(|| state + 1))
            .is_ok()
    }

    /// Stands in line behind at most `most - 1` others, or has a place at once.
    pub(crate) fn join(&self, most: usize) -> Result<Waiting<'_, T>, LineIsFull> {
        let mut lobby = self.lobby();
        let limit = self.limit.load(Ordering::Relaxed);
        let is_full = lobby.line.len() >= most;
        let before = self.change(|state| {
            if taken(state) < limit {
                Some(state + 1)
            } else {
                (!is_full).then(|| state + WAITING)
            }
        });
        let before = before.map_err(|_| LineIsFull)?;
        let number = lobby.next;
        lobby.next += 1;
        if taken(before) < limit {
            lobby.called.push(Called { number, with: None });
        } else {
            lobby.line.push_back(Standing {
                number,
                waker: None,
            });
        }
        drop(lobby);
        fence(Ordering::SeqCst);
        Ok(Waiting {
            places: self,
            number,
            over: false,
        })
    }

    /// Waits until there is a place, without taking it.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| self.poll_room(cx)).await;
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_full() {
            return Poll::Ready(());
        }
        let mut lobby = self.lobby();
        let limit = self.limit.load(Ordering::Relaxed);
        let knows = lobby.onlookers.iter().any(|w| w.will_wake(cx.waker()));
        let more = if knows { 0 } else { WAITING };
        let stays = self.change(|state| (taken(state) >= limit).then(|| state + more));
        if stays.is_err() {
            return Poll::Ready(());
        }
        if !knows {
            lobby.onlookers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Gives a place back: to the first in line, if anybody waits.
    pub(crate) fn release(&self) {
        if self
            .change(|state| (state < WAITING).then(|| state - 1))
            .is_ok()
        {
            return;
        }
        let mut lobby = self.lobby();
        if !self.is_over() && self.call(&mut lobby, None).is_ok() {
            return;
        }
        self.state.fetch_sub(1, Ordering::AcqRel);
        let woken = self.dismiss_onlookers(&mut lobby);
        drop(lobby);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Passes a place on to the first in line, with what holds it. It comes back when nobody waits, or
    /// more places are taken than there should be.
    pub(crate) fn pass_on(&self, with: T) -> Result<(), T> {
        let mut lobby = self.lobby();
        if self.is_over() {
            return Err(with);
        }
        match self.call(&mut lobby, Some(with)) {
            Ok(()) => Ok(()),
            Err(with) => with.map_or(Ok(()), Err),
        }
    }

    /// The first in line has a place, if anybody stands there.
    fn call(&self, lobby: &mut MutexGuard<'_, Lobby<T>>, with: Option<T>) -> Result<(), Option<T>> {
        if lobby.line.is_empty() {
            return Err(with);
        }
        self.state.fetch_sub(WAITING, Ordering::AcqRel);
        // Whoever it is asks for the lock again at once, and gets it in a moment.
        if let Some(waker) = lobby.call(with) {
            waker.wake();
        }
        Ok(())
    }

    /// Lets those who look on look again.
    fn dismiss_onlookers(&self, lobby: &mut MutexGuard<'_, Lobby<T>>) -> Vec<Waker> {
        let woken = std::mem::take(&mut lobby.onlookers);
        self.state
            .fetch_sub(woken.len() as u64 * WAITING, Ordering::AcqRel);
        woken
    }

    fn is_over(&self) -> bool {
        let state = self.state.load(Ordering::Acquire);
        taken(state) > self.limit.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    fn lobby(&self) -> MutexGuard<'_, Lobby<T>> {
        self.lobby.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Lobby<T> {
    /// Calls the first in line, and says how to wake it.
    fn call(&mut self, with: Option<T>) -> Option<Waker> {
        let Standing { number, waker } = self.line.pop_front()?;
        self.called.push(Called { number, with });
        waker
    }

    fn take_called(&mut self, number: u64) -> Option<Called<T>> {
        let at = self.called.iter().position(|c| c.number == number)?;
        Some(self.called.swap_remove(at))
    }

    fn standing(&self, number: u64) -> Option<usize> {
        self.line.binary_search_by_key(&number, |s| s.number).ok()
    }
}

/// One who waits for a place. Ready with what the place was passed on with; from then on the place is
/// the caller's. When it is dropped before, the next in line is served.
#[derive(Debug)]
pub(crate) struct Waiting<'a, T> {
    places: &'a Places<T>,
    number: u64,
    over: bool,
}

impl<T> Future for Waiting<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut lobby = self.places.lobby();
        if let Some(called) = lobby.take_called(self.number) {
            drop(lobby);
            self.over = true;
            return Poll::Ready(called.with);
        }
        if let Some(at) = lobby.standing(self.number) {
            lobby.line[at].waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut lobby = self.places.lobby();
        if let Some(at) = lobby.standing(self.number) {
            lobby.line.remove(at);
            self.places.state.fetch_sub(WAITING, Ordering::AcqRel);
            return;
        }
        let called = lobby.take_called(self.number);
        drop(lobby);
        // What a place came with gives it back itself, and needs the lock for it.
        if let Some(Called { with: None, .. }) = called {
            self.places.release();
        }
    }
}
