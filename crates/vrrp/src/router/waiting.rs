//! How long a node waits for an Active (RFC 9568 section 6.1), and where leases make it longer.

use std::net::IpAddr;
use std::time::Duration;

use halo_packet::vrrp::{Centiseconds, Priority};

use super::detection::AFTER_LEASE;
use super::{Phase, VirtualRouter};
use crate::Version;
use crate::timers::{active_down_interval, skew_time, skew_time_v2};

impl VirtualRouter {
    /// What the driver knows of leases: how long after an advert a node's kernel answers for the addresses
    /// should its agent fall silent, this node's and an Active's. Nobody takes over from an Active whose
    /// lease has not ended, so one that is late by less need not listen before it goes on.
    pub fn set_leases(&mut self, own: Option<Duration>, active: Option<(IpAddr, Duration)>) {
        self.lease = own;
        if self.active_lease == active {
            return;
        }
        self.active_lease = active;
        let until = self.heard.map(|heard| heard.at + self.patience());
        if let (Phase::Backup(watch), Some(until)) = (&mut self.phase, until)
            && watch.follows()
        {
            watch.wait_until(until);
        }
    }

    /// Active_Adver_Interval: the interval of the Active heard last, or this node's own.
    #[must_use]
    pub fn active_interval(&self) -> Centiseconds {
        self.active_interval
    }

    /// Active_Down_Interval as it stands: how long this node would wait for the Active it hears.
    #[must_use]
    pub fn active_down_interval(&self) -> Duration {
        self.down_interval(self.active_interval, self.effective_priority())
    }

    /// How long this node waits for the Active that it hears: Active_Down_Interval, or until the Active's lease
    /// has ended where that is later. It is where adverts are so frequent that three of them are less
    /// than a node may be late on a busy machine.
    pub(super) fn patience(&self) -> Duration {
        let down = self.active_down_interval();
        let known = self.active_lease.zip(self.heard);
        let lease = known.filter(|((of, _), heard)| *of == heard.from);
        lease.map_or(down, |((_, lease), _)| down.max(lease + AFTER_LEASE * 2))
    }

    /// Skew_Time as it stands.
    #[must_use]
    pub fn skew_time(&self) -> Duration {
        match self.config.version {
            Version::V2 => skew_time_v2(self.effective_priority()),
            Version::V3 => skew_time(self.active_interval, self.effective_priority()),
        }
    }

    /// Active_Down_Interval (Master_Down_Interval of RFC 3768) for these.
    pub(super) fn down_interval(
        &self,
        active_interval: Centiseconds,
        priority: Priority,
    ) -> Duration {
        match self.config.version {
            Version::V2 => active_interval.duration() * 3 + skew_time_v2(priority),
            Version::V3 => active_down_interval(active_interval, priority),
        }
    }
}
