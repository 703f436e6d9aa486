//! The virtual-router state machine of RFC 9568 section 6, without clock or sockets.
//!
//! ```text
//!                      +---------------+
//!           +--------->|               |<-------------+
//!           |          |  Initialize   |              |
//!           |   +------|               |----------+   |
//!           |   |      +---------------+          |   |
//!           |   |                                 |   |
//!    Disable|   | Enable            Enable, owner |   |Disable
//!   Shutdown|   |                                 |   |Shutdown
//!           |   V                                 V   |
//!   +---------------+   silence, resigned,    +---------------+
//!   |               |   TakeOver              |               |
//!   |               |------------------------>|               |
//!   |    Backup     |                         |    Active     |
//!   |               |<------------------------|               |
//!   |               |   outranked, Yield,     |               |
//!   +---------------+   ClockGap              +---------------+
//! ```
//!
//! What is here beyond the RFC: planned failover ([`Event::Yield`], [`Event::TakeOver`]), a delay
//! before preemption, asking an Active whose advert is late ([`Event::Detection`]), a successor that is
//! named ([`Event::Appointed`]), listening before speaking after a pause ([`Event::ClockGap`]), announcing the
//! addresses again after a rival was heard, a limit on the answers to rivals, and sync groups
//! ([`group_event`]).
//!
//! One [`VirtualRouter`] is driven by whoever owns the sockets and the clock:
//!
//! ```
//! use std::time::{Duration, Instant};
//! use halo_vrrp::{Action, Centiseconds, Config, Event, Priority, State, Version, VirtualRouter};
//!
//! let now = Instant::now();
//! let mut router = VirtualRouter::new(Config {
//!     version: Version::V3,
//!     address: "10.77.0.11".parse().expect("an address"),
//!     priority: Priority(200),
//!     interval: Centiseconds::SECOND,
//!     preempt: true,
//!     preempt_delay: Duration::ZERO,
//! });
//! router.handle_event(Event::Enable, now);
//! let silence = router.poll_timeout().expect("a Backup waits for the Active");
//! router.handle_event(Event::Timeout, silence);
//! assert_eq!(router.state(), State::Active);
//!
//! let actions: Vec<Action> = std::iter::from_fn(|| router.poll_action()).collect();
//! assert!(actions.contains(&Action::Claim));
//! ```
//!
//! A driver hands over what its sockets received before it hands over [`Event::Timeout`], so that a
//! late wake-up does not take an Active for silent whose adverts are waiting to be read. Packets
//! that are discarded (RFC 9568 section 7.1) never come here: they touch no timer.

mod config;
mod event;
mod group;
mod router;
mod timers;
mod why;

pub use config::{Config, Version};
pub use event::{
    Action, Answer, Detection, DisableReason, Event, Heartbeat, ReannounceCause, State,
};
pub use group::group_event;
pub use halo_packet::vrrp::{Centiseconds, Priority, Vrid};
#[cfg(feature = "model")]
pub use router::Essence;
pub use router::{Counters, Heard, TakeOverRefusal, VirtualRouter};
pub use timers::{active_down_interval, skew_time, skew_time_v2};
pub use why::{Reason, Why};
