//! Finding the peers that heartbeats go to, when the kernel does not know where they are.
//!
//! A unicast heartbeat to a neighbour that the kernel is looking for waits for an answer to ARP or
//! neighbour discovery, and the kernel repeats its question after a whole second (RETRANS_TIMER of RFC 4861
//! section 10, and the same for ARP). A question that went out before the link was back is lost, so that two
//! nodes that meet again would both be Active for up to that second. So they ask each other themselves:
//! the answer is the kernel's as well, and sends off what waits for it.

use std::net::IpAddr;

use halo_config::Transport;
use halo_netio::Platform;
use halo_packet::MacAddr;
use halo_packet::arp::{self, Arp};
use halo_packet::ndp::{self, Ndp};
use tracing::debug;

use super::Agent;

impl<P: Platform> Agent<P> {
    /// The interface that the VIP's heartbeats leave by has come back: what the kernel knew of
    /// neighbours is gone.
    pub(super) fn meet_again(&mut self, index: usize) {
        for at in 0..self.unicast_peers(index) {
            let peer = self.vips[index].peers[at];
            // To all: it may have moved meanwhile.
            self.ask_where(index, peer, None);
        }
        // And hear who is there.
        self.peers.hello_at = None;
    }

    /// A heartbeat went out. Peers that it may not reach, because nothing is heard of them, are asked
    /// where they are, at their last known place: it costs nobody else anything.
    pub(super) fn keep_acquainted(&mut self, index: usize) {
        let rivals = self.vips[index].router.counters().rivals_heard;
        let rivalry = std::mem::replace(&mut self.vips[index].rivals_asked, rivals) != rivals;
        for at in 0..self.unicast_peers(index) {
            let peer = self.vips[index].peers[at];
            let known = self.known_place(index, peer);
            if rivalry {
                // It is heard, and does not hear.
                self.ask_where(index, peer, known);
            } else if known.is_some() && self.is_missed(index, peer) {
                self.ask_where(index, peer, known);
            }
        }
    }

    /// Whether a peer that would be heard is not. Another make of router is silent as a Backup.
    fn is_missed(&self, index: usize, peer: IpAddr) -> bool {
        let node = self.node_of(peer);
        self.speaks_halo(index) && node.is_none_or(|node| self.peers.present(node).is_none())
    }

    fn unicast_peers(&self, index: usize) -> usize {
        match self.vips[index].config.transport {
            Transport::Unicast => self.vips[index].peers.len(),
            // A group needs no looking for.
            Transport::Multicast => 0,
        }
    }

    /// Where a peer was last seen.
    pub(super) fn known_place(&self, index: usize, peer: IpAddr) -> Option<[u8; 6]> {
        let wire = self.vips[index].place.wire.as_ref()?;
        self.neighbours.place_of(wire.index, peer)
    }

    /// Asks a peer where it is; `None`: asks everyone.
    pub(super) fn ask_where(&mut self, index: usize, peer: IpAddr, at: Option<[u8; 6]>) {
        let place = &self.vips[index].place;
        let (Some(wire), Some(source)) = (&place.wire, place.source) else {
            return;
        };
        let Some(mac) = wire.mac.map(MacAddr::from) else {
            return;
        };
        let mut frame = [0; QUESTION_LEN];
        let encoded = match (source, peer) {
            (IpAddr::V4(source), IpAddr::V4(peer)) => {
                let mut question = Arp::request(mac, source, peer);
                if let Some(at) = at {
                    question.destination = MacAddr::from(at);
                }
                question.encode(&mut frame)
            }
            (IpAddr::V6(source), IpAddr::V6(peer)) => {
                let mut question = Ndp::question(mac, source, peer);
                if let Some(at) = at {
                    question = question.at(MacAddr::from(at));
                }
                question.encode(&mut frame)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return,
        };
        let wire = wire.index;
        let sent = encoded
            .map_err(|problem| problem.to_string())
            .and_then(|length| {
                self.platform
                    .send_frame(wire, &frame[..length])
                    .map_err(|problem| problem.to_string())
            });
        if let Err(problem) = sent {
            debug!("cannot ask where {peer} is: {problem}");
        }
    }
}

/// Room for either question.
const QUESTION_LEN: usize = if ndp::FRAME_LEN > arp::FRAME_LEN {
    ndp::FRAME_LEN
} else {
    arp::FRAME_LEN
};
