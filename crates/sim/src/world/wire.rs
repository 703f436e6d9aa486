//! Adverts on the simulated wire, through the real codec.

use std::net::IpAddr;

use halo_packet::vrrp::{
    self, Accept, Arrival, Centiseconds, ChecksumMode, Outgoing, Priority, Version, Vrid,
};
use halo_vrrp::{Event, Heartbeat, State};

use crate::monitor::{Invariant, Violation};

use crate::process::Run;

use super::node::{MESSAGE, Packet};
use super::{Mutant, Nanos, Step, World};

/// The addresses that the nodes contend for; the simulated nodes are 10.77.0.1 and on.
const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 100));

impl World {
    /// Sends an advert to every other node.
    pub(super) fn send(&mut self, from: usize, heartbeat: Heartbeat) {
        if self.mutant == Some(Mutant::Stutters) && self.rng.chance(333) {
            return;
        }
        let source = self.nodes[from].address;
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            let destination = self.nodes[to].address;
            let message = Outgoing {
                version: Version::V3,
                vrid: Vrid::new(51).expect("51 is not 0"),
                priority: heartbeat.priority,
                interval: heartbeat.interval,
                addresses: &[VIP],
            };
            let mut bytes = [0; MESSAGE];
            let len = message
                .encode(source, destination, ChecksumMode::default(), &mut bytes)
                .expect("one IPv4 address fits the buffer");
            let link = (from, to);
            for flight in self.network.carry(self.now, link, len, &mut self.rng) {
                let mut packet = Packet {
                    from,
                    bytes,
                    damaged: false,
                };
                if let Some((at, bit)) = flight.corrupt {
                    packet.bytes[at] ^= bit;
                    packet.damaged = true;
                }
                self.agenda
                    .plan(flight.arrival, Step::Deliver { to, packet });
            }
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

    /// The node reads a packet.
    pub(super) fn receive(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        let source = self.nodes[packet.from].address;
        let destination = self.nodes[to].address;
        let arrival = Arrival {
            source,
            destination,
            ttl: vrrp::TTL,
        };
        let mut bytes = packet.bytes;
        if self.mutant == Some(Mutant::SkipsChecksum) {
            mend_checksum(&mut bytes, source, destination);
        }
        let Ok(advert) = vrrp::decode(&bytes, arrival, Accept::Both) else {
            self.report.discarded += 1;
            return Ok(());
        };
        if packet.damaged {
            let details = format!("lb{to} took a damaged packet: {advert:?}");
            return Err(self.violation(Invariant::DamageDetected, details));
        }
        let heartbeat = Heartbeat {
            priority: advert.priority,
            interval: advert.interval,
        };
        if self.is_deaf(to, heartbeat) {
            return Ok(());
        }
        self.handle(
            to,
            Event::Advert {
                from: source,
                heartbeat,
            },
        )
    }

    /// When the last advert on its way to a node arrives there that claims the addresses.
    pub(super) fn last_claim_under_way(&self, node: usize) -> Nanos {
        let arrivals = self.agenda.steps().filter_map(|(at, step)| match step {
            Step::Deliver { to, packet } if *to == node && packet.claims() => Some(at),
            _ => None,
        });
        arrivals.last().unwrap_or(self.now)
    }

    fn is_deaf(&self, node: usize, heartbeat: Heartbeat) -> bool {
        let router = &self.nodes[node].router;
        match self.mutant {
            Some(Mutant::DeafToResignation) => heartbeat.priority.get() == 0,
            Some(Mutant::DeafToHigherPriority) => {
                router.state() == State::Active && heartbeat.priority > router.effective_priority()
            }
            Some(
                Mutant::KeepsAddresses
                | Mutant::Mute
                | Mutant::Sleepy
                | Mutant::Stutters
                | Mutant::Outstays
                | Mutant::Unanswered
                | Mutant::SkipsChecksum,
            )
            | None => false,
        }
    }
}

/// Makes the checksum right whatever the bytes, as a receiver does that does not look at it.
fn mend_checksum(bytes: &mut [u8; MESSAGE], source: IpAddr, destination: IpAddr) {
    let (Some(vrid), Some(interval)) = (
        Vrid::new(bytes[1]),
        Centiseconds::new(u16::from_be_bytes([bytes[4] & 0x0f, bytes[5]])),
    ) else {
        return;
    };
    let message = Outgoing {
        version: Version::V3,
        vrid,
        priority: Priority(bytes[2]),
        interval,
        addresses: &[VIP],
    };
    message
        .encode(source, destination, ChecksumMode::default(), bytes)
        .expect("one IPv4 address fits the buffer");
}
