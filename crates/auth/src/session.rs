//! What is known of another node's incarnations.

use std::net::IpAddr;

use halo_packet::peer::trailer::Trailer;

use crate::authenticator::Rejection;
use crate::key::draw;
use crate::replay::Replay;

/// How this node stands with another.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// What the other is to echo before an unknown incarnation of it is taken.
    pub(crate) challenge: u64,
    /// Challenges drawn for it.
    drawn: u64,
    /// The other's challenge to this node, as last heard.
    pub(crate) theirs: u64,
    /// The incarnation that is proven.
    proven: Option<Incarnation>,
}

#[derive(Debug, Clone, Copy)]
struct Incarnation {
    number: u64,
    messages: Replay,
    farewells: Replay,
}

impl Session {
    pub(crate) fn new(seed: &[u8; 32], peer: IpAddr) -> Self {
        Self {
            challenge: challenge(seed, peer, 0),
            drawn: 0,
            theirs: 0,
            proven: None,
        }
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.proven.is_some()
    }

    /// Takes a message whose tag is right, or says why it is not to be taken.
    pub(crate) fn take(
        &mut self,
        trailer: &Trailer,
        seed: &[u8; 32],
        peer: IpAddr,
    ) -> Result<(), Rejection> {
        if self
            .proven
            .is_none_or(|one| one.number != trailer.incarnation)
        {
            if trailer.echo != self.challenge {
                // To be answered with an echo of its challenge. Should this be a recorded one, the
                // next message that is not mends it.
                self.theirs = heard(trailer, self.theirs);
                return Err(Rejection::Unproven);
            }
            self.drawn += 1;
            self.challenge = challenge(seed, peer, self.drawn);
            self.proven = Some(Incarnation {
                number: trailer.incarnation,
                messages: Replay::default(),
                farewells: Replay::default(),
            });
        }
        let Some(incarnation) = &mut self.proven else {
            return Err(Rejection::Unproven);
        };
        let window = if trailer.farewell {
            &mut incarnation.farewells
        } else {
            &mut incarnation.messages
        };
        if !window.take(trailer.sequence) {
            return Err(Rejection::Replayed);
        }
        if !trailer.farewell {
            self.theirs = heard(trailer, self.theirs);
        }
        Ok(())
    }
}

/// What is sent to a group challenges nobody.
fn heard(trailer: &Trailer, before: u64) -> u64 {
    match trailer.challenge {
        0 => before,
        challenge => challenge,
    }
}

fn challenge(seed: &[u8; 32], peer: IpAddr, count: u64) -> u64 {
    draw(seed, b"challenge", Some(peer), count)
}
