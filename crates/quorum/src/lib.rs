//! Ownership of one virtual router as a majority lease, without clock or sockets.
//!
//! Every node of the cluster has a vote, a witness too. Who would own the addresses asks all voters;
//! each promises, for the length of a lease, to promise nobody else. A majority of promises is the
//! lease, and two majorities have a voter in common: there is never more than one owner.
//!
//! ```text
//!            seek              a majority is free          a majority promised
//!   Idle ----------> Polling ----------------------> Asking ------------------> Holding
//!    ^                |   ^                            |                          |
//!    |   no majority  v   | after a while              | refused, or no answer    | renews three times
//!    |              Waiting <--------------------------+                          | a lease
//!    |                                                                            |
//!    +------------------------------- resign, or the lease has run out -----------+
//! ```
//!
//! # Why there is never a second owner
//!
//! 1. A voter that has promised refuses everyone else until the promise has lapsed on its own clock,
//!    or until the one it was made to has released it, which it does only when it holds the addresses
//!    no more.
//! 2. The owner counts its lease from before it *sent* the request, a voter its promise from when the
//!    request *arrived*, which is later. The promise is longer by [`Timing::MARGIN`], so that it is the
//!    longer one for everybody although clocks drift ([`Timing::DRIFT`]). An answer is counted for the
//!    request that it names: no answer that was delayed, doubled or meant for an earlier life of the
//!    process makes a lease longer than it is.
//! 3. A voter that has just started does not know what it promised before. It promises nothing until
//!    every promise that it can have made has lapsed ([`Timing::silence_after_start`]). Nothing needs
//!    to be written to a disk.
//! 4. Whoever wakes up after its lease has run out has lost it, whatever waits in its sockets.
//!
//! What this rests on: clocks that run on while a process or a machine stands still, and whose rates
//! differ by no more than assumed; voters that agree on the list of voters (when it changes, one
//! voter at a time, so that a majority of the old list and one of the new have a voter in common).
//!
//! # Why there is always an owner
//!
//! Polls promise nothing: a node that reaches no majority both ways disturbs nobody. Of two that ask
//! at once, the one of lower priority steps back as soon as it hears of the other; whoever fails
//! releases what it got at once, and tries again after a time that is another for each node.

mod member;
mod message;
mod timing;
mod voter;
mod wire;

pub use member::{Action, Intent, Member, Parameters, Stand, View};
pub use message::{Epoch, Message, Standing, Ticket};
pub use timing::Timing;
pub use wire::{DecodeError, MAX_LEN};
