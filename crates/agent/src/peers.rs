//! What this node knows of the others, and what it has told them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_auth::{Authenticator, Keyring};
use halo_config::Node;
use halo_packet::peer::body::{Hello, Role, RouterPresence};
use halo_vrrp::Vrid;

use crate::discards::Discards;

/// How often a node says that it is there when nothing changes: four small packets a second to each
/// other node.
pub(crate) const HELLO_INTERVAL: Duration = Duration::from_millis(250);
/// Three hellos may be lost before a node counts as gone.
pub(crate) const PRESENCE: Duration = Duration::from_secs(1);
/// Nobody is answered more often than this, whatever it sends.
const ANSWER_INTERVAL: Duration = Duration::from_millis(5);

/// The other nodes, by the address in the configuration.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// Signs and judges; `None`: the cluster has no secret.
    pub(crate) authenticator: Option<Authenticator>,
    /// Messages between nodes that were thrown away.
    pub(crate) discards: Discards,
    /// When this node says again that it is there; `None`: at once.
    pub(crate) hello_at: Option<Instant>,
    /// What it said last.
    pub(crate) said: Vec<u8>,
    /// Room to say it in.
    pub(crate) hello: Hello,
    known: BTreeMap<IpAddr, Peer>,
    /// The link-local addresses that they introduced themselves from, by interface.
    link_local: BTreeMap<(u32, IpAddr), IpAddr>,
    answered: BTreeMap<IpAddr, Instant>,
    probes: u64,
}

/// Another node.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// When it last said that it is there.
    pub(crate) heard: Instant,
    /// Whether its data plane serves.
    pub(crate) ready: bool,
    /// Whether it is taken for alive: what people were told last.
    pub(crate) present: bool,
    routers: Vec<RouterPresence>,
    /// How it said all that; empty: it wants an answer each time that it says it.
    words: Vec<u8>,
}

impl Peer {
    /// How it stands to a virtual router.
    pub(crate) fn router(&self, vrid: Vrid, ipv6: bool) -> Option<&RouterPresence> {
        self.routers
            .iter()
            .find(|router| router.vrid == vrid && router.ipv6 == ipv6)
    }

    /// Whether it would hold the addresses of a virtual router.
    pub(crate) fn would_hold(&self, vrid: Vrid, ipv6: bool) -> bool {
        self.ready
            && self
                .router(vrid, ipv6)
                .is_some_and(|router| router.role == Role::Backup)
    }
}

impl Peers {
    /// Signs and judges with these keys from now on; who is proven stays so.
    pub(crate) fn set_keys(&mut self, keyring: Option<Keyring>, seed: [u8; 32]) {
        match (keyring, &mut self.authenticator) {
            (Some(keyring), Some(authenticator)) => authenticator.rotate(keyring),
            (Some(keyring), none) => *none = Some(Authenticator::new(keyring, seed)),
            (None, some) => *some = None,
        }
        // A node that has the new keys already hears of this at once.
        self.hello_at = None;
    }

    /// A node that is alive says again what it has said before. `false`: it does not, or wants an answer.
    pub(crate) fn take_repeated(&mut self, node: IpAddr, words: &[u8], now: Instant) -> bool {
        let peer = self.known.get_mut(&node).filter(|peer| peer.present);
        let same = peer.filter(|peer| !words.is_empty() && peer.words == words);
        same.map(|peer| peer.heard = now).is_some()
    }

    /// A node says in these words how it is. Gives whether it had been away.
    pub(crate) fn take_hello(
        &mut self,
        node: IpAddr,
        hello: Hello,
        words: &[u8],
        now: Instant,
    ) -> bool {
        let returned = !hello.goodbye && !self.known.get(&node).is_some_and(|peer| peer.present);
        let peer = Peer {
            heard: now,
            ready: hello.ready && !hello.goodbye,
            present: !hello.goodbye,
            routers: hello.routers,
            words: if hello.answer {
                Vec::new()
            } else {
                words.to_vec()
            },
        };
        self.known.insert(node, peer);
        returned
    }

    /// A node says on this interface that it has this link-local address. Gives whether that is news.
    pub(crate) fn introduce(&mut self, interface: u32, node: IpAddr, address: IpAddr) -> bool {
        let news = self.link_local(interface, node) != Some(address);
        if news {
            // It is another node's no more.
            self.link_local
                .retain(|(_, other), known| *other == node || *known != address);
            self.link_local.insert((interface, node), address);
        }
        news
    }

    /// The link-local address of a node on an interface.
    pub(crate) fn link_local(&self, interface: u32, node: IpAddr) -> Option<IpAddr> {
        self.link_local.get(&(interface, node)).copied()
    }

    /// The node of these that has this address: one that is configured, or that it introduced itself from.
    pub(crate) fn node_at<'a>(&self, nodes: &'a [Node], address: IpAddr) -> Option<&'a Node> {
        let with = |address| nodes.iter().find(|node| is_of(node, address));
        with(address).or_else(|| {
            let mut introduced = self.link_local.iter();
            let ((_, node), _) = introduced.find(|(_, known)| **known == address)?;
            with(*node)
        })
    }

    /// Whatever is known of a node, alive or not.
    pub(crate) fn get(&self, node: IpAddr) -> Option<&Peer> {
        self.known.get(&node)
    }

    /// A node that is alive.
    pub(crate) fn present(&self, node: IpAddr) -> Option<&Peer> {
        self.known.get(&node).filter(|peer| peer.present)
    }

    /// A node that was taken for alive and has said nothing for too long, once.
    pub(crate) fn take_lost(&mut self, now: Instant) -> Option<IpAddr> {
        let (node, peer) = self
            .known
            .iter_mut()
            .find(|(_, peer)| peer.present && now >= peer.heard + PRESENCE)?;
        peer.present = false;
        Some(*node)
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let present = self.known.values().filter(|peer| peer.present);
        present
            .map(|peer| peer.heard + PRESENCE)
            .chain(self.hello_at)
            .min()
    }

    /// Whether this address may be sent an answer now.
    pub(crate) fn may_answer(&mut self, to: IpAddr, now: Instant) -> bool {
        self.answered.retain(|_, at| now < *at + ANSWER_INTERVAL);
        let may = !self.answered.contains_key(&to);
        if may {
            self.answered.insert(to, now);
        }
        may
    }

    /// A number for a probe.
    pub(crate) fn next_probe(&mut self) -> u64 {
        self.probes += 1;
        self.probes
    }

    /// Whether a probe of this number was sent lately.
    pub(crate) fn has_asked(&self, probe: u64) -> bool {
        /// Probes that are kept in mind: those of a suspicion, of several VIPs.
        const LATELY: u64 = 64;
        (1..=self.probes).contains(&probe) && self.probes - probe < LATELY
    }
}

/// Whether it is one of the addresses that a node is configured to send heartbeats from.
fn is_of(node: &Node, address: IpAddr) -> bool {
    node.address.addr() == address || node.address6.is_some_and(|net| net.addr() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LB2: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 12));

    fn hello(goodbye: bool) -> Hello {
        Hello {
            ready: true,
            goodbye,
            ..Hello::default()
        }
    }

    #[test]
    fn a_node_is_lost_a_second_after_its_last_hello_and_that_is_told_once() {
        let start = Instant::now();
        let mut peers = Peers::default();
        assert!(peers.take_hello(LB2, hello(false), b"", start));
        assert!(!peers.take_hello(LB2, hello(false), b"", start));
        assert_eq!(peers.take_lost(start + PRESENCE / 2), None);
        assert_eq!(peers.poll_timeout(), Some(start + PRESENCE));
        assert_eq!(peers.take_lost(start + PRESENCE), Some(LB2));
        assert_eq!(peers.take_lost(start + PRESENCE), None);
        assert!(peers.present(LB2).is_none());
        assert!(peers.get(LB2).is_some());
    }

    #[test]
    fn the_same_words_keep_a_node_alive_and_others_are_looked_at() {
        let start = Instant::now();
        let later = start + PRESENCE / 2;
        let mut peers = Peers::default();
        assert!(!peers.take_repeated(LB2, b"here", start), "it is new");
        peers.take_hello(LB2, hello(false), b"here", start);
        assert!(!peers.take_repeated(LB2, b"gone", later));
        assert!(peers.take_repeated(LB2, b"here", later));
        assert_eq!(peers.take_lost(start + PRESENCE), None);
        assert_eq!(peers.take_lost(later + PRESENCE), Some(LB2));
        assert!(!peers.take_repeated(LB2, b"here", later), "it returns");
        let asking = Hello {
            answer: true,
            ..hello(false)
        };
        peers.take_hello(LB2, asking, b"and you?", start);
        assert!(!peers.take_repeated(LB2, b"and you?", start), "it asks");
    }

    #[test]
    fn a_node_that_says_goodbye_is_gone_at_once() {
        let start = Instant::now();
        let mut peers = Peers::default();
        peers.take_hello(LB2, hello(false), b"", start);
        assert!(!peers.take_hello(LB2, hello(true), b"", start));
        assert!(peers.present(LB2).is_none());
        assert!(
            peers.take_hello(LB2, hello(false), b"", start),
            "it is back"
        );
    }

    #[test]
    fn nobody_is_answered_at_the_rate_of_a_flood() {
        let start = Instant::now();
        let mut peers = Peers::default();
        let answers = (0..100)
            .filter(|at| peers.may_answer(LB2, start + Duration::from_micros(at * 100)))
            .count();
        assert_eq!(answers, 2);
    }

    #[test]
    fn only_probes_that_were_sent_lately_have_answers() {
        let mut peers = Peers::default();
        assert!(!peers.has_asked(0) && !peers.has_asked(1));
        let first = peers.next_probe();
        assert!(peers.has_asked(first) && !peers.has_asked(first + 1));
        for _ in 0..100 {
            peers.next_probe();
        }
        assert!(!peers.has_asked(first));
    }
}
