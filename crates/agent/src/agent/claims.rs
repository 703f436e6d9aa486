//! Somebody else says that they have a VIP that this node holds: a second owner outside of VRRP, or one
//! whose adverts do not arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_api::EventKind;
use halo_netio::Platform;
use halo_packet::MacAddr;
use halo_packet::arp::{self, Arp};
use halo_packet::ndp::{self, Ndp};
use tracing::{debug, warn};

use super::Agent;
use crate::discards::Mismatch;

/// Claims are answered no more often than this: two hosts that each defend an address would fill the
/// network otherwise (RFC 5227 section 2.4 has ten seconds; clients lose less with one).
const ANSWER_INTERVAL: Duration = Duration::from_secs(1);

/// For so long after a takeover, announcements of the former Active may still be on their way. The
/// virtual router announces again after the same time.
const HANDOVER: Duration = Duration::from_secs(1);

/// What was heard of others that have this VIP's addresses.
#[derive(Debug, Default)]
pub(crate) struct ForeignClaims {
    /// How many claims.
    pub(crate) heard: u64,
    answered: Option<Instant>,
    /// When the addresses were put on; `None`: they are not.
    pub(crate) held_since: Option<Instant>,
}

impl ForeignClaims {
    /// Whether to answer now.
    fn take_turn(&mut self, now: Instant) -> bool {
        let due = self
            .answered
            .is_none_or(|answered| now >= answered + ANSWER_INTERVAL);
        if due {
            self.answered = Some(now);
        }
        due
    }
}

/// A frame that says where an address is.
enum Saying {
    Arp(Arp),
    Ndp(Ndp),
}

impl Saying {
    fn decode(frame: &[u8]) -> Option<Self> {
        let arp = Arp::decode(frame).map(Self::Arp);
        arp.or_else(|_| Ndp::decode(frame).map(Self::Ndp)).ok()
    }

    /// Who says that `ip` is theirs, unless it is `own`.
    fn claimant(&self, ip: IpAddr, own: MacAddr) -> Option<MacAddr> {
        match (self, ip) {
            (Self::Arp(arp), IpAddr::V4(ip)) => {
                arp.is_foreign_claim(ip, own).then_some(arp.sender_mac)
            }
            (Self::Ndp(ndp), IpAddr::V6(ip)) => {
                ndp.is_foreign_claim(ip, own).then(|| ndp.claimant())
            }
            (Self::Arp(_), IpAddr::V6(_)) | (Self::Ndp(_), IpAddr::V4(_)) => None,
        }
    }
}

impl<P: Platform> Agent<P> {
    /// Takes a frame that may claim an address.
    pub(super) fn handle_claim(&mut self, interface: u32, frame: &[u8], now: Instant) {
        let Some(saying) = Saying::decode(frame) else {
            return;
        };
        for index in 0..self.vips.len() {
            let vip = &self.vips[index];
            let since = vip.claims.held_since.filter(|_| vip.is_active());
            let held = since.is_some_and(|since| now >= since + HANDOVER);
            let home = vip.place.home.as_ref();
            let own = home.filter(|home| home.index == interface && held);
            let Some(own) = own.and_then(|_| vip.mac()) else {
                continue;
            };
            let claim = vip
                .config
                .ips()
                .find_map(|ip| Some((ip, saying.claimant(ip, own)?)));
            // Another interface of this machine on the same network answers for its addresses, too.
            if let Some((ip, claimant)) = claim
                && !self.links.has_mac(claimant.octets())
            {
                self.contest(index, ip, claimant, now);
            }
        }
    }

    /// Tells people, and the network again where the address is.
    fn contest(&mut self, index: usize, ip: IpAddr, claimant: MacAddr, now: Instant) {
        let vip = &mut self.vips[index];
        vip.claims.heard += 1;
        let name = vip.config.name.clone();
        let sentence = || {
            format!(
                "{name}: {claimant} says that it has {ip}, which this node holds: find the machine \
                 with that hardware address"
            )
        };
        let news = vip.discards.alarm(Mismatch::Claim, now, sentence);
        if let Some(news) = news.map(str::to_owned) {
            warn!("{news}");
            let message = format!("{claimant} says that it has {ip}, which this node holds");
            self.note(EventKind::Vip, &name, message);
        }
        let vip = &mut self.vips[index];
        if vip.claims.take_turn(now) {
            vip.announcer.repeat(now);
        }
    }

    /// Asks who else has the addresses: a second owner that is quiet does not announce them, but
    /// answers.
    pub(super) fn look_for_others(&mut self, index: usize) {
        let vip = &self.vips[index];
        let home = vip.place.home.as_ref();
        let Some((home, mac)) = home.and_then(|home| Some((home.index, home.mac?))) else {
            return;
        };
        for ip in vip.config.ips() {
            let question = question(ip, MacAddr::from(mac));
            if let Err(problem) = self.platform.send_frame(home, &question) {
                debug!("{}: {problem}", vip.config.name);
            }
        }
    }

    /// Listens for claims of the VIPs' addresses on the interfaces where they are now.
    pub(super) fn refresh_claims(&mut self) {
        let mut wanted: BTreeMap<u32, BTreeSet<IpAddr>> = BTreeMap::new();
        for vip in &self.vips {
            if let Some(home) = vip.place.home.as_ref().filter(|home| home.mac.is_some()) {
                wanted
                    .entry(home.index)
                    .or_default()
                    .extend(vip.config.ips());
            }
        }
        let before = std::mem::take(&mut self.watched);
        for index in before.iter().filter(|index| !wanted.contains_key(index)) {
            self.watch(*index, &[]);
        }
        for (index, addresses) in &wanted {
            let addresses: Vec<IpAddr> = addresses.iter().copied().collect();
            self.watch(*index, &addresses);
        }
        self.watched = wanted.into_keys().collect();
    }

    fn watch(&mut self, index: u32, addresses: &[IpAddr]) {
        if let Err(problem) = self.platform.watch_claims(index, addresses) {
            warn!("{problem}");
        }
    }
}

/// "Does anyone have `ip`?", without saying that the asker has it.
fn question(ip: IpAddr, mac: MacAddr) -> Vec<u8> {
    let mut frame = vec![0; ndp::FRAME_LEN.max(arp::FRAME_LEN)];
    let length = match ip {
        IpAddr::V4(ip) => Arp::probe(mac, ip).encode(&mut frame),
        IpAddr::V6(ip) => {
            let nobody = std::net::Ipv6Addr::UNSPECIFIED;
            Ndp::question(mac, nobody, ip).encode(&mut frame)
        }
    };
    frame.truncate(length.unwrap_or(0));
    frame
}
