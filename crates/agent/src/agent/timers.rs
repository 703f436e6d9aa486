//! When something is due, and how late it is dealt with.

use std::time::{Duration, Instant};

use halo_netio::Platform;
use halo_vrrp::Event;
use tracing::warn;

use super::Agent;
use super::quorum::Seat;
use super::reload::Pending;
use crate::vip::Vip;

/// Shorter pauses are counted (`halo_agent_timer_lateness_seconds`) and not told each time: where heartbeats
/// are frequent and the machine is busy, there is one every moment.
const WORTH_A_WORD: Duration = Duration::from_millis(100);

impl<P: Platform> Agent<P> {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers().min()
    }

    pub(super) fn record_lateness(&mut self, now: Instant) {
        let mut lateness = std::mem::take(&mut self.lateness);
        for due in self.timers().filter(|due| *due <= now) {
            lateness.record(due, now);
        }
        self.lateness = lateness;
    }

    /// When something is due.
    fn timers(&self) -> impl Iterator<Item = Instant> {
        self.vips
            .iter()
            .map(Vip::poll_timeout)
            .chain(self.seats.iter().map(Seat::poll_timeout))
            .chain([
                self.supervisor.poll_timeout(),
                self.pending.as_ref().map(Pending::deadline),
                self.trackers.poll_timeout(),
                Some(self.status_due),
                self.peers.poll_timeout(),
                Some(self.neighbours.due),
                self.quiet_at().filter(|_| self.stop_pending),
            ])
            .flatten()
    }

    /// A wake-up that is late by an interval or more means that this process did not run. Nothing
    /// that comes now may be taken for fresh before every virtual router knows.
    pub(super) fn notice_pause(&mut self, deadline: Option<Instant>, now: Instant) {
        let late = deadline.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let mut paused = false;
        for index in 0..self.vips.len() {
            let vip = &self.vips[index];
            let interval = vip.router.config().interval.duration();
            if late < interval {
                continue;
            }
            paused = true;
            // The last advert of an Active went out an interval before the one that is late.
            let silence = if vip.is_active() {
                late + interval
            } else {
                late
            };
            self.drive(index, Event::ClockGap(silence), now);
        }
        if paused {
            if late >= WORTH_A_WORD {
                warn!("this process did not run for {} ms", late.as_millis());
            }
            self.supervisor.handle_clock_gap(now);
        }
    }
}
