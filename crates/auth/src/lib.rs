//! What proves that a message came from another node of the cluster, and now.
//!
//! Behind each advert and each message between Halo nodes stands a trailer
//! ([`halo_packet::peer::trailer`]) with an HMAC-SHA256 over sender, receiver, message and trailer. The
//! key is derived from the cluster's secret. Three things make a recorded message worthless:
//!
//! * **Sequence.** Within one incarnation of a sender (from its start to its end) numbers rise; a receiver
//!   takes each once, in a window of the last 128.
//! * **Incarnation.** A sender that starts again draws a new random incarnation and counts from 1.
//! * **Challenge.** A receiver takes an incarnation that it does not know only from a message that repeats
//!   its own present challenge to that sender, a random number too, which it replaces thereupon. What was
//!   recorded before, in this or in another life of either node, repeats another. No clock is asked.
//!
//! ```text
//!   lb1 (just started)                               lb2 (knows an earlier lb1)
//!     │ hello: incarnation 8f.., challenge c1, echo 0   │
//!     ├────────────────────────────────────────────────►│ unproven: changes nothing, but is answered
//!     │      hello: incarnation 3a.., challenge d7, echo c1
//!     │◄────────────────────────────────────────────────┤
//!     │ lb2 is proven                                   │
//!     │ hello: incarnation 8f.., challenge c2, echo d7  │
//!     ├────────────────────────────────────────────────►│ lb1 is proven
//! ```
//!
//! No sockets, clock or random source: the driver brings the seed.

mod authenticator;
mod key;
mod replay;
mod session;

pub use authenticator::{Authenticator, Envelope, Opened, Rejection};
pub use key::{Keyring, MIN_SECRET, SecretError};

#[cfg(test)]
mod tests;
