//! Two nodes that were Active at the same time: told by the one that stays.
//!
//! The other cannot tell a split from a node that returns and preempts it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_api::EventKind;
use halo_netio::Platform;
use tracing::warn;

use super::Agent;

/// How long the status warns of a split that is over: long enough for whoever is called because of it.
const WARNS_FOR: Duration = Duration::from_secs(3600);
/// A former Active whose last heartbeats cross this node's first is no rival worth a word.
const HANDOVER_MILLIS: u64 = 1_000;

/// A split that was healed.
#[derive(Debug)]
pub(crate) struct Split {
    sentence: String,
    seen: Instant,
}

impl Split {
    /// The warning, while it stands.
    pub(crate) fn warning(&self, now: Instant) -> Option<&str> {
        (now < self.seen + WARNS_FOR).then_some(self.sentence.as_str())
    }
}

impl<P: Platform> Agent<P> {
    /// While this node was Active, another one acted as Active too, and was outranked.
    pub(super) fn tell_split(&mut self, index: usize, rival: IpAddr, now: Instant) {
        let at = self.platform.unix_millis();
        let vip = &mut self.vips[index];
        if at.saturating_sub(vip.since) < HANDOVER_MILLIS || !vip.rumours.take(now) {
            return;
        }
        let name = self.vips[index].config.name.clone();
        let rival = self.name_of(rival);
        let message = format!("split: {rival} was ACTIVE as well, and gave way");
        warn!("{name}: {message}");
        self.note(EventKind::Peer, &name, message);
        self.vips[index].split = Some(Split {
            sentence: format!(
                "{name}: {rival} was ACTIVE beside this node and gave way (`hactl events` has the time): \
                 look for what cut the two off from each other"
            ),
            seen: now,
        });
    }
}
