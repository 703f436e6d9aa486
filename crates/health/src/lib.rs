//! Server health: rise and fall, administrative and operational state.
//!
//! [`Server`] follows one server. It is told what its checks found and what the operator wants
//! ([`Server::handle_outcome`], [`Server::handle_admin`], [`Server::handle_check`]) and says what
//! changed ([`Server::poll_action`]). It has no clock and no sockets.
//!
//! ```
//! use std::time::Instant;
//! use halo_api::HealthState;
//! use halo_health::{Action, Outcome, Server, Thresholds};
//!
//! # fn example(now: Instant) {
//! let mut server = Server::new(Some(Thresholds { rise: 2, fall: 3 }), now);
//! assert!(!server.takes_work());
//! server.handle_outcome(Outcome::Passed("status 200 in 1 ms".into()), now);
//! let Some(Action::Changed(change)) = server.poll_action() else { unreachable!() };
//! assert_eq!(change.health, HealthState::Up);
//! assert!(server.takes_work());
//! # }
//! ```

mod server;
mod truth;

pub use server::{Action, Change, Outcome, REFUSAL_TIME, Server, Thresholds};
pub use truth::{is_checked, takes_work};
