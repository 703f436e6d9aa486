//! What the virtual routers decide, done.

use std::net::IpAddr;
use std::time::Instant;

use halo_api::{AdminState, EventKind};
use halo_netio::Platform;
use halo_vrrp::{
    Action, DisableReason, Event, Priority, ReannounceCause, Reason, State, group_event,
};
use ipnet::IpNet;
use tracing::{debug, error, info, warn};

use super::Agent;
use crate::error::Error;
use crate::vip::{LIFETIME, RENEWAL, RETRY_CLAIM, own_priority};

impl<P: Platform> Agent<P> {
    /// Hands an event to a virtual router, does what it decides, and tells it if that changed what
    /// this node can do (a claim that failed).
    pub(super) fn drive(&mut self, index: usize, event: Event, now: Instant) {
        self.perform(index, event, now);
        self.refresh_ability(index, now);
    }

    /// Hands an event to a virtual router and does what it decides.
    pub(super) fn perform(&mut self, index: usize, event: Event, now: Instant) {
        self.vips[index].router.handle_event(event, now);
        let mut told = false;
        let mut passed_on = None;
        while let Some(action) = self.vips[index].router.poll_action() {
            passed_on = group_event(&action).or(passed_on);
            match action {
                Action::SendAdvert { priority, interval } => {
                    if priority == Priority::RESIGN {
                        self.tell_successor(index);
                    } else {
                        self.count_epoch(index);
                        self.come_up(index, now);
                    }
                    self.send_advert(index, priority, interval);
                    // A farewell is no reason to stay.
                    if priority != Priority::RESIGN {
                        self.renew_lease(index, now, interval.duration());
                    }
                }
                Action::Probe(active) => self.probe(index, active),
                Action::Claim => self.claim(index, now),
                Action::Release => self.let_go(index, now),
                Action::Reannounce(cause) => self.reannounce(index, cause, now),
                Action::SeekMandate {
                    priority,
                    challenge,
                } => self.seek_mandate(index, priority, challenge, now),
                Action::DropMandate { successor } => self.drop_mandate(index, successor, now),
                Action::Transition { from, to, reason } => {
                    self.tell_transition(index, from, to, reason);
                    told = true;
                }
            }
        }
        self.tell_holder(index, told, now);
        if let Some(event) = passed_on {
            for other in 0..self.vips.len() {
                if self.moves_with(index, other) {
                    self.perform(other, event, now);
                }
            }
        }
    }

    /// Tells the virtual router whether this node can hold its addresses, when that has changed.
    pub(super) fn refresh_ability(&mut self, index: usize, now: Instant) {
        if self.stopping {
            return;
        }
        let ability = self.ability(index);
        let vip = &mut self.vips[index];
        if vip.told == Some(ability) {
            return;
        }
        vip.told = Some(ability);
        self.status_changed = true;
        let event = match ability {
            Ok(()) => {
                // A data plane that comes and goes changes the delay of preemption.
                self.reconfigure_router(index, now);
                Event::Enable
            }
            Err(reason) => Event::Disable(reason),
        };
        self.drive(index, event, now);
        // What keeps one of a group from being held keeps all.
        for other in 0..self.vips.len() {
            if self.moves_with(index, other) {
                self.refresh_ability(other, now);
            }
        }
    }

    /// The same for all of them.
    pub(super) fn refresh_abilities(&mut self, now: Instant) {
        for index in 0..self.vips.len() {
            self.refresh_ability(index, now);
        }
    }

    /// The kernel keeps addresses for up to three seconds after the agent was killed; a start may
    /// be quicker.
    pub(super) fn remove_left_over_vips(&mut self) -> Result<(), Error> {
        let ours: Vec<IpAddr> = self.vips.iter().flat_map(|vip| vip.config.ips()).collect();
        let loopbacks: Vec<u32> = self
            .platform
            .links()?
            .iter()
            .filter(|link| link.loopback)
            .map(|link| link.index)
            .collect();
        for address in self.platform.addresses()? {
            // On a loopback a VIP is somebody's direct server return, and answers no ARP.
            if !ours.contains(&address.net.addr()) || loopbacks.contains(&address.ifindex) {
                continue;
            }
            warn!("{} was left over on an interface: removed", address.net);
            self.platform.remove_address(address.ifindex, address.net)?;
        }
        Ok(())
    }

    /// What of a VIP's own is due: a retry, the router's timer, renewal, announcement.
    pub(super) fn handle_vip_timeouts(&mut self, index: usize, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.vips[index].blocked_until) {
            self.vips[index].blocked_until = None;
            self.network_changed |= self.lacks_upper(index);
            self.refresh_ability(index, now);
        }
        if due(self.vips[index].router.poll_timeout()) {
            self.drive(index, Event::Timeout, now);
        }
        if due(self.vips[index].renew_at) {
            self.renew(index, now);
        }
        if self.vips[index].announcer.take_due(now) {
            self.announce(index);
        }
        self.check_retiring(index, now);
    }

    /// Puts an address back that somebody else took off.
    pub(super) fn put_back(&mut self, index: usize, net: IpNet, now: Instant) {
        let name = self.vips[index].config.name.clone();
        let message = format!("{net} was taken off the interface by somebody else: put back");
        warn!("{name}: {message}");
        self.note(EventKind::Vip, &name, message);
        self.renew(index, now);
        if self.vips[index].is_active() {
            self.vips[index].announcer.repeat(now);
        }
    }

    /// Puts addresses on the VIP's interface, or renews them there.
    pub(super) fn put_addresses(&mut self, index: usize) -> Result<(), halo_netio::Error> {
        let vip = &self.vips[index];
        let Some(seat) = vip.seat() else {
            return Ok(());
        };
        for net in &vip.config.addresses {
            self.platform
                .put_address(seat, vip.seated(*net), LIFETIME)?;
        }
        Ok(())
    }

    /// Takes addresses off the VIP's interface.
    pub(super) fn take_off(&mut self, index: usize, nets: &[IpNet]) {
        let vip = &self.vips[index];
        let Some(seat) = vip.seat().filter(|seat| self.links.has(*seat)) else {
            return; // the addresses went with the interface
        };
        for net in nets {
            if let Err(problem) = self.platform.remove_address(seat, vip.seated(*net)) {
                // The kernel takes it off when nobody renews it.
                warn!("{}: {problem}", vip.config.name);
            }
        }
    }

    fn ability(&self, index: usize) -> Result<(), DisableReason> {
        self.ability_alone(index)?;
        let mut group = self.group_of(index);
        if group.any(|other| self.ability_alone(other).is_err()) {
            return Err(DisableReason::GroupMember);
        }
        Ok(())
    }

    /// Whether it can be held, were it not for its sync group.
    fn ability_alone(&self, index: usize) -> Result<(), DisableReason> {
        let vip = &self.vips[index];
        if own_priority(&self.loaded.config, &vip.config).is_none() {
            return Err(DisableReason::NotMember);
        }
        if self.wish.duty == AdminState::Maint {
            return Err(DisableReason::Maintenance);
        }
        if let Some(obstacle) = vip.place.obstacle() {
            return Err(obstacle);
        }
        if !self.data_plane_is_ready() {
            return Err(DisableReason::DataPlaneDown);
        }
        if vip.blocked_until.is_some() || self.lacks_upper(index) {
            return Err(DisableReason::ClaimFailed);
        }
        Ok(())
    }

    fn claim(&mut self, index: usize, now: Instant) {
        let put = self.vips[index].came_up.take();
        let put = put.unwrap_or_else(|| {
            self.take_charge(index, now);
            self.put_on(index, now)
        });
        match put {
            Ok(()) => {
                let vip = &mut self.vips[index];
                vip.renew_at = Some(now + RENEWAL);
                vip.claims.held_since = Some(now);
                vip.announcer.claim(now);
                if vip.announcer.take_due(now) {
                    self.announce(index);
                }
            }
            Err(problem) => {
                error!("{}: {problem}", self.vips[index].config.name);
                self.vips[index].blocked_until = Some(now + RETRY_CLAIM);
            }
        }
    }

    /// Leases the addresses and puts them on.
    pub(super) fn put_on(&mut self, index: usize, now: Instant) -> Result<(), halo_netio::Error> {
        if !self.vips[index].config.virtual_mac {
            self.begin_lease(index, now);
            return self.put_addresses(index);
        }
        self.begin_lease_of_mac(index, now);
        // They may still be on the interface below, which is not to answer for them.
        let put = self.ascend(index);
        self.begin_lease(index, now);
        put
    }

    fn renew(&mut self, index: usize, now: Instant) {
        self.vips[index].renew_at = Some(now + RENEWAL);
        if let Err(problem) = self.put_addresses(index) {
            error!("{}: {problem}", self.vips[index].config.name);
            self.vips[index].blocked_until = Some(now + RETRY_CLAIM);
            self.refresh_ability(index, now);
        }
    }

    pub(super) fn release(&mut self, index: usize) {
        self.end_lease(index);
        self.silence(index);
        let nets = self.vips[index].config.addresses.clone();
        self.take_off(index, &nets);
        let vip = &mut self.vips[index];
        vip.raised = false;
        vip.renew_at = None;
        vip.claims.held_since = None;
        vip.announcer.stop();
    }

    fn reannounce(&mut self, index: usize, cause: ReannounceCause, now: Instant) {
        let announcer = &mut self.vips[index].announcer;
        match cause {
            ReannounceCause::AfterClaim | ReannounceCause::Refresh => {
                announcer.refresh(now);
                self.look_for_others(index);
            }
            ReannounceCause::Rival(rival) => {
                announcer.repeat(now);
                // It gives way, and finishes its connections.
                self.forward_unknown(index, rival, now);
                self.tell_split(index, rival, now);
            }
        }
    }

    fn send_advert(&mut self, index: usize, priority: Priority, interval: halo_vrrp::Centiseconds) {
        let mut at = 0;
        while let Some(destination) = self.vips[index].destination(at) {
            at += 1;
            if let Err(problem) = self.send_advert_to(index, priority, interval, destination) {
                let vip = &mut self.vips[index];
                if vip.complained.insert("send") {
                    warn!("{}: {problem}", vip.config.name);
                } else {
                    debug!("{}: {problem}", vip.config.name);
                }
            }
        }
        self.keep_acquainted(index);
    }

    fn tell_transition(&mut self, index: usize, from: State, to: State, reason: Reason) {
        let why = reason.sentence(&|address| self.name_of(address));
        let at = self.platform.unix_millis();
        let vip = &mut self.vips[index];
        vip.since = at;
        vip.complained.clear();
        let name = vip.config.name.clone();
        let message = format!("{} -> {}: {why}", word(from), word(to));
        info!("{name}: {message}");
        self.note(EventKind::Vip, &name, message);
    }

    /// Tells people when another node appears or vanishes as Active, unless a transition of this
    /// node `told` it already.
    fn tell_holder(&mut self, index: usize, told: bool, now: Instant) {
        let vip = &mut self.vips[index];
        let own = vip.router.config().address;
        let holder = vip.router.holder().filter(|holder| *holder != own);
        if holder == vip.last_holder {
            return;
        }
        let before = std::mem::replace(&mut vip.last_holder, holder);
        if holder.is_some() {
            self.neighbours.look_up_soon(now);
        }
        let vip = &mut self.vips[index];
        if !told && !vip.rumours.take(now) {
            return;
        }
        self.status_changed = true;
        if told {
            return;
        }
        let heard = vip.router.heard();
        let active = vip.is_active();
        let name = vip.config.name.clone();
        let message = match (holder, heard, before) {
            (Some(holder), Some(heard), _) => format!(
                "{} is ACTIVE with priority {}",
                self.name_of(holder),
                heard.priority
            ),
            (None, _, Some(before)) if !active => {
                format!("{} is not ACTIVE any more", self.name_of(before))
            }
            // The transition to Active said it already.
            _ => return,
        };
        info!("{name}: {message}");
        self.note(EventKind::Peer, &name, message);
    }
}

/// The states in the words shown to people.
fn word(state: State) -> &'static str {
    match state {
        State::Initialize => "INITIALIZE",
        State::Backup => "STANDBY",
        State::Active => "ACTIVE",
    }
}
