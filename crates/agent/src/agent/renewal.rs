//! Keeping a VIP's addresses on: the kernel takes off what nobody renews.

use std::time::Instant;

use halo_api::EventKind;
use halo_netio::Platform;
use ipnet::IpNet;
use tracing::{error, warn};

use super::Agent;
use crate::vip::{LIFETIME, RENEWAL, RETRY_CLAIM};

impl<P: Platform> Agent<P> {
    /// Has the addresses renewed, beside the loop.
    pub(super) fn renew(&mut self, index: usize, now: Instant) {
        let vip = &mut self.vips[index];
        vip.renew_at = Some(now + RENEWAL);
        let Some(seat) = vip.seat() else { return };
        for at in 0..self.vips[index].config.addresses.len() {
            let vip = &self.vips[index];
            let net = vip.seated(vip.config.addresses[at]);
            if let Err(problem) = self.platform.renew_address(seat, net, LIFETIME) {
                self.lose_hold(index, &problem.to_string(), now);
            }
        }
    }

    /// Addresses were renewed. One that was given up meanwhile is on again, and taken off again: nobody has
    /// been told of it, since its lease has ended.
    pub(super) fn handle_renewed(
        &mut self,
        interface: u32,
        net: IpNet,
        problem: Option<String>,
        now: Instant,
    ) {
        let holder = self.vips.iter().position(|vip| {
            vip.renew_at.is_some() && vip.seat() == Some(interface) && vip.ips.contains(&net.addr())
        });
        match (holder, problem) {
            (Some(_), None) => {}
            (Some(index), Some(problem)) => self.lose_hold(index, &problem, now),
            (None, _) if !self.links.has(interface) => {}
            (None, _) => {
                if let Err(problem) = self.platform.remove_address(interface, net) {
                    warn!("{problem}");
                }
            }
        }
    }

    /// The addresses cannot be kept on: others are to have them.
    fn lose_hold(&mut self, index: usize, problem: &str, now: Instant) {
        error!("{}: {problem}", self.vips[index].config.name);
        self.vips[index].blocked_until = Some(now + RETRY_CLAIM);
        self.refresh_ability(index, now);
    }

    /// Puts an address back that somebody else took off.
    pub(super) fn put_back(&mut self, index: usize, net: IpNet, now: Instant) {
        let name = self.vips[index].config.name.clone();
        let message = format!("{net} was taken off the interface by somebody else: put back");
        warn!("{name}: {message}");
        self.note(EventKind::Vip, &name, message);
        self.vips[index].renew_at = Some(now + RENEWAL);
        if let Err(problem) = self.put_addresses(index) {
            self.lose_hold(index, &problem.to_string(), now);
        }
        if self.vips[index].is_active() {
            self.vips[index].announcer.repeat(now);
        }
    }
}
