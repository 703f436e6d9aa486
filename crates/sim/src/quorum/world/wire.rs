//! What travels between the nodes.

use halo_quorum::{MAX_LEN, Message};
use halo_vrrp::{Event, Heartbeat};

use super::super::monitor::violation;
use super::super::node::Packet;
use super::{Place, QuorumMutant, Step, World};
use crate::monitor::{Invariant, Violation};
use crate::process::Run;

impl World<'_> {
    pub(super) fn send_all(&mut self, (from, vip): Place, heartbeat: Heartbeat) {
        let packet = Packet::Advert {
            from,
            vip,
            heartbeat,
        };
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.launch(from, to, packet);
        }
    }

    pub(super) fn send(&mut self, (from, vip): Place, to: std::net::IpAddr, message: Message) {
        let answers = matches!(message, Message::Stance { .. } | Message::Refusal { .. });
        if answers && self.mutant == Some(QuorumMutant::MuteVoters) {
            return;
        }
        let Some(to) = self.nodes.iter().position(|node| node.address == to) else {
            return;
        };
        let mut body = [0; MAX_LEN];
        let len = message.encode(&mut body);
        let packet = Packet::Quorum {
            from,
            vip,
            body,
            len,
        };
        self.launch(from, to, packet);
    }

    fn launch(&mut self, from: usize, to: usize, packet: Packet) {
        let link = (from, to);
        for flight in self.network.carry(self.now, link, 1, &mut self.rng) {
            self.agenda
                .plan(flight.arrival, Step::Deliver { to, packet });
        }
    }

    pub(super) fn deliver(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        match self.nodes[to].run {
            Run::Running => self.receive(to, packet),
            Run::Frozen { queues: true, .. } => {
                self.nodes[to].inbox.keep(packet);
                Ok(())
            }
            Run::Frozen { queues: false, .. } | Run::Suspended { .. } | Run::Down => Ok(()),
        }
    }

    pub(super) fn receive(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        match packet {
            Packet::Advert {
                from,
                vip,
                heartbeat,
            } => {
                let from = self.nodes[from].address;
                self.drive((to, vip), Event::Advert { from, heartbeat })?;
            }
            Packet::Quorum {
                from,
                vip,
                body,
                len,
            } => {
                let from = self.nodes[from].address;
                let now = self.clock(to);
                match Message::decode(&body[..len]) {
                    Ok(message) => {
                        let member = &mut self.seat((to, vip)).member;
                        member.handle_message(from, &message, now);
                    }
                    Err(error) => {
                        let details = format!("{error}: {:?}", &body[..len]);
                        return Err(violation(self.now, Invariant::DamageDetected, details));
                    }
                }
                self.follow_up((to, vip))?;
            }
        }
        self.wake_later(to);
        Ok(())
    }
}
