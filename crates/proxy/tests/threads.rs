//! What crosses threads, in every order that threads can run in (loom).
//!
//! The files of the crate are compiled here once more, with loom's atomics and locks for the standard
//! library's.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails fails its test; clippy knows this of #[test] functions only"
)]

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../src/places.rs"]
#[allow(dead_code, reason = "the proxy uses all of it")]
mod places;

#[path = "../src/gate.rs"]
#[allow(dead_code, reason = "the proxy uses all of it")]
mod gate;

#[path = "../src/counter.rs"]
#[allow(dead_code, reason = "the proxy uses all of it")]
mod counter;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use counter::Counter;
use gate::Gate;
use places::{LineIsFull, Places};

/// Something that holds a place.
struct Kept(Arc<Places<Kept>>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Every place is free again, and nobody waits.
fn all_are_free(places: &Places<Kept>, limit: usize) {
    assert_eq!((places.taken(), places.waiting()), (0, 0));
    assert!((0..limit).all(|_| places.try_take()));
    assert!(!places.try_take());
}

fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

#[test]
fn never_are_more_places_taken_than_there_are_and_all_who_wait_get_one() {
    model(|| {
        let places = Arc::new(Places::<Kept>::new(1));
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (places, inside) = (places.clone(), inside.clone());
                thread::spawn(move || {
                    if !places.try_take() {
                        block_on(places.join(2).unwrap());
                    }
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                    inside.fetch_sub(1, Ordering::Relaxed);
                    places.release();
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        all_are_free(&places, 1);
    });
}

#[test]
fn a_limit_that_rises_lets_in_who_waited_below_it() {
    model(|| {
        let places = Arc::new(Places::<Kept>::new(0));
        let other = places.clone();
        let waits = thread::spawn(move || {
            block_on(other.join(1).unwrap());
            other.release();
        });
        places.set_limit(1);
        waits.join().unwrap();
        all_are_free(&places, 1);
    });
}

#[test]
fn a_limit_that_falls_while_a_place_is_given_back_leaves_nobody_waiting() {
    model(|| {
        let places = Arc::new(Places::<Kept>::new(2));
        assert!(places.try_take() && places.try_take());
        let (gives, waits) = (places.clone(), places.clone());
        let gives = thread::spawn(move || {
            gives.release();
            gives.release();
        });
        let waits = thread::spawn(move || {
            block_on(waits.join(1).unwrap());
            waits.release();
        });
        places.set_limit(1);
        gives.join().unwrap();
        waits.join().unwrap();
        all_are_free(&places, 1);
    });
}

#[test]
fn what_is_passed_on_while_its_receiver_gives_up_is_not_lost() {
    model(|| {
        let places = Arc::new(Places::<Kept>::new(1));
        assert!(places.try_take());
        let other = places.clone();
        let gives_up = thread::spawn(move || {
            let mut waiting = pin!(other.join(1).unwrap());
            let mut cx = Context::from_waker(Waker::noop());
            match waiting.as_mut().poll(&mut cx) {
                Poll::Ready(Some(kept)) => drop(kept),
                Poll::Ready(None) => other.release(),
                Poll::Pending => {}
            }
        });
        if let Err(kept) = places.pass_on(Kept(places.clone())) {
            drop(kept);
        }
        gives_up.join().unwrap();
        all_are_free(&places, 1);
    });
}

/// As workers do it: one puts a connection by and then looks whether anybody waits; one stands in line
/// and then looks who has one put by.
#[test]
fn who_puts_a_connection_by_and_who_waits_for_one_see_each_other() {
    model(|| {
        let places = Arc::new(Places::<Kept>::new(1));
        assert!(places.try_take());
        let idle = Arc::new(Counter::default());
        let (others, count) = (places.clone(), idle.clone());
        let gives = thread::spawn(move || {
            count.set(1);
            others.is_pressed()
        });
        let waiting = places.join(1).unwrap();
        let asked = idle.get() > 0;
        let gave = gives.join().unwrap();
        assert!(asked || gave, "neither saw the other");
        drop(waiting);
        places.release();
        all_are_free(&places, 1);
    });
}

#[test]
fn a_line_takes_no_more_than_it_may() {
    model(|| {
        let places = Places::<Kept>::new(1);
        assert!(places.try_take());
        let first = places.join(1).unwrap();
        assert_eq!(places.join(1).err(), Some(LineIsFull));
        drop(first);
        places.release();
        all_are_free(&places, 1);
    });
}

#[test]
fn a_gate_that_was_full_is_seen_open_by_who_looks_and_by_who_enters() {
    model(|| {
        let gate = Arc::new(Gate::new(1));
        assert!(gate.try_enter());
        let (looks, enters) = (gate.clone(), gate.clone());
        let looks = thread::spawn(move || block_on(looks.room()));
        let enters = thread::spawn(move || {
            block_on(enters.enter());
            enters.leave();
        });
        gate.leave();
        looks.join().unwrap();
        enters.join().unwrap();
        gate.set_limit(2);
        assert!(gate.try_enter() && gate.try_enter() && !gate.try_enter());
    });
}

#[test]
fn a_full_gate_lets_the_next_in_when_one_leaves_or_the_limit_rises() {
    for raise in [false, true] {
        model(move || {
            let gate = Gate::new(1);
            assert!(gate.try_enter());
            assert!(!gate.try_enter());
            let mut waiting = pin!(gate.enter());
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
            if raise {
                gate.set_limit(2);
            } else {
                gate.leave();
            }
            assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(()));
            assert!(!gate.try_enter());
        });
    }
}

#[test]
fn who_only_looks_whether_there_is_room_takes_none() {
    model(|| {
        let gate = Gate::new(1);
        assert!(gate.try_enter());
        let mut looking = pin!(gate.room());
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(looking.as_mut().poll(&mut cx), Poll::Pending);
        gate.leave();
        assert_eq!(looking.as_mut().poll(&mut cx), Poll::Ready(()));
        assert!(gate.try_enter());
    });
}

#[test]
fn a_counter_that_one_thread_writes_is_never_read_torn_or_going_back() {
    model(|| {
        let counter = Arc::new(Counter::default());
        let reader = counter.clone();
        let reads = thread::spawn(move || {
            let first = reader.get();
            let second = reader.get();
            assert!(first <= second && second <= 2, "{first}, {second}");
        });
        counter.add(1);
        counter.add(1);
        reads.join().unwrap();
        assert_eq!(counter.get(), 2);
    });
}

/// A task that polls again does not stand in line twice.
#[test]
fn who_asks_twice_waits_once() {
    model(|| {
        let places = Places::<Kept>::new(0);
        block_on(async {
            let mut room = pin!(places.room());
            poll_fn(|cx| {
                for _ in 0..3 {
                    assert!(room.as_mut().poll(cx).is_pending());
                }
                Poll::Ready(())
            })
            .await;
        });
        assert_eq!(places.waiting(), 1);
        places.set_limit(1);
        all_are_free(&places, 1);
    });
}
