//! Heartbeats that a stranger on the network forges, by the thousand: they move nothing, delay no
//! heartbeat, and are not answered in kind.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use halo_api::{VipState, VipStatus};
use halo_e2e::{PATIENCE, active, cluster_beside, fail, lab_test, until};
use halo_lab::{Lab, VIP, default_config};
use halo_netio::frame::{FrameListener, FrameSocket};
use halo_netio::netlink::Netlink;
use halo_netio::netns::NetnsThread;
use halo_packet::ipv4::{HEADER_LEN, Header};
use halo_packet::vrrp::{
    Accept, Arrival, Authentication, Centiseconds, ChecksumMode, MAX_LEN, MULTICAST_V4, Outgoing,
    PROTOCOL, Priority, Version, Vrid, decode,
};

const LB1: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const LB2: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 12);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 66);

/// How long each flood lasts.
const FLOOD: Duration = Duration::from_secs(3);

/// Forged packets a second, at least: sent in bursts of ten, with a millisecond between them.
const LEAST_RATE: u64 = 2_000;

/// At 100 ms adverts a Backup waits for more than 300 ms; on a machine whose cores the tests share, a
/// heartbeat may be some milliseconds late.
const LONGEST_GAP: Duration = Duration::from_millis(200);

/// A forged heartbeat, before it is spoilt.
#[derive(Clone, Copy)]
struct Forged {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ttl: u8,
    version: Version,
    vrid: u8,
    priority: u8,
    /// What is done to the message at the end.
    spoil: fn(&mut Vec<u8>),
}

impl Default for Forged {
    /// One that would win if it were heeded.
    fn default() -> Self {
        Self {
            source: LB2,
            destination: LB1,
            ttl: 255,
            version: Version::V3,
            vrid: 51,
            priority: 254,
            spoil: |_| {},
        }
    }
}

impl Forged {
    /// The frame, to everybody: whoever the packet is for takes it.
    fn frame(&self) -> Vec<u8> {
        let interval = match self.version {
            Version::V3 => 10,
            Version::V2(_) => 100,
        };
        let mut message = vec![0; MAX_LEN];
        let length = Outgoing {
            version: self.version,
            vrid: Vrid::new(self.vrid).unwrap(),
            priority: Priority(self.priority),
            interval: Centiseconds::new(interval).unwrap(),
            addresses: &[VIP.into()],
        }
        .encode(
            self.source.into(),
            self.destination.into(),
            ChecksumMode::PseudoHeader,
            &mut message,
        )
        .unwrap();
        message.truncate(length);
        (self.spoil)(&mut message);
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 0, 0x66, 0x08, 0x00]);
        let mut header = [0; HEADER_LEN];
        Header {
            source: self.source,
            destination: self.destination,
            ttl: self.ttl,
            protocol: PROTOCOL,
        }
        .encode(message.len(), &mut header)
        .unwrap();
        frame.extend(header);
        frame.extend(message);
        frame
    }
}

/// Sends frames as fast as it is asked to, until it is dropped or stopped.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<NetnsThread<()>>,
}

impl Flood {
    fn start(lab: &Lab, frames: Vec<Vec<u8>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let (theirs, count) = (stop.clone(), Arc::clone(&sent));
        let flood = move || {
            let eth0 = Netlink::open().unwrap().link("eth0").unwrap().unwrap();
            let socket = FrameSocket::open().unwrap();
            let mut turn = frames.iter().cycle();
            while !theirs.load(Ordering::Relaxed) {
                for frame in turn.by_ref().take(10) {
                    // A full queue drops some: there are enough.
                    if socket.send(eth0.index, frame).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
                sleep(Duration::from_millis(1));
            }
        };
        let forger = lab.host("forger").unwrap_or_else(fail);
        Self {
            stop,
            sent,
            thread: Some(forger.thread(flood).unwrap_or_else(fail)),
        }
    }

    /// Stops it; how many frames it sent.
    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join();
        }
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Notes the times of lb1's true heartbeats, from what passes lb2's card.
fn heartbeats(lab: &Lab, time: Duration) -> Vec<Instant> {
    let watch = move || {
        let eth0 = Netlink::open().unwrap().link("eth0").unwrap().unwrap();
        let listener = FrameListener::open(eth0.index, 0x0800).unwrap();
        let end = Instant::now() + time;
        let (mut times, mut frame) = (Vec::new(), [0; 2048]);
        while Instant::now() < end {
            while let Some(length) = listener.receive(&mut frame).unwrap() {
                if is_heartbeat_of_lb1(&frame[..length]) {
                    times.push(Instant::now());
                }
            }
            sleep(Duration::from_micros(500));
        }
        times
    };
    let host = lab.host("lb2").unwrap_or_else(fail);
    host.within(watch).unwrap_or_else(fail)
}

/// A valid advertisement with the priority that lb1 has, from lb1; no forged one has both.
fn is_heartbeat_of_lb1(frame: &[u8]) -> bool {
    let Some(Ok((header, message))) = frame.get(14..).map(Header::decode) else {
        return false;
    };
    let arrival = Arrival {
        source: IpAddr::V4(header.source),
        destination: IpAddr::V4(header.destination),
        ttl: header.ttl,
    };
    header.protocol == PROTOCOL
        && header.source == LB1
        && decode(message, arrival, Accept::Both)
            .is_ok_and(|advert| advert.priority == Priority(200))
}

/// A cluster with a forger, "web" on lb1.
fn cluster(transport: &str) -> Lab {
    let lab = cluster_beside("forger", 66, |topology| {
        default_config(topology).replace(
            "vrid = 51",
            &format!("vrid = 51\npeers = \"vrrp\"\ntransport = \"{transport}\""),
        )
    });
    active(&lab, "lb1");
    lab
}

fn vip(lab: &Lab, node: &str) -> VipStatus {
    let status = lab.node(node).unwrap_or_else(fail).agent_status();
    status.unwrap_or_else(fail).vips.remove(0)
}

/// Floods with these frames; lb1's heartbeats keep coming meanwhile, no more than `most` of them, and
/// the VIP stays where it is.
fn withstands(lab: &Lab, what: &str, frames: Vec<Vec<u8>>, most: usize) {
    let before = (vip(lab, "lb1").became_active, vip(lab, "lb2").became_active);
    let flood = Flood::start(lab, frames);
    let times = heartbeats(lab, FLOOD);
    let sent = flood.stop();
    assert!(
        sent >= LEAST_RATE * FLOOD.as_secs(),
        "{what}: only {sent} sent"
    );
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = gaps.max().unwrap_or(FLOOD);
    assert!(
        longest <= LONGEST_GAP,
        "{what}: no heartbeat for {longest:?}, {} in all\n{}",
        times.len(),
        lab.logs()
    );
    assert!(times.len() <= most, "{what}: {} heartbeats", times.len());
    let (first, second) = (vip(lab, "lb1"), vip(lab, "lb2"));
    assert_eq!(
        (first.became_active, second.became_active),
        before,
        "{what}"
    );
    assert_eq!(first.state, VipState::Active, "{what}");
    assert_eq!(second.state, VipState::Standby, "{what}");
    println!(
        "{what}: {sent} forged, {} heartbeats, longest gap {longest:?}",
        times.len()
    );
}

/// Heartbeats in the time of a flood, when nothing is answered.
const NORMAL: usize = 32;
/// The same when one rival an interval is answered.
const ANSWERED: usize = 2 * NORMAL;

#[lab_test]
fn section_7_1_floods_of_invalid_heartbeats_move_nothing_and_are_counted() {
    let lab = cluster("unicast");
    let good = Forged::default();
    let kinds: [(&str, Forged); 9] = [
        ("ttl", Forged { ttl: 64, ..good }),
        (
            "checksum",
            Forged {
                spoil: |message| message[6] ^= 0x55,
                ..good
            },
        ),
        (
            "length",
            Forged {
                spoil: |message| message.truncate(10),
                ..good
            },
        ),
        (
            "type",
            Forged {
                spoil: |message| message[0] = 0x32,
                ..good
            },
        ),
        (
            "version",
            Forged {
                spoil: |message| message[0] = 0x71,
                ..good
            },
        ),
        (
            "version",
            Forged {
                version: Version::V2(Authentication::None),
                ..good
            },
        ),
        (
            "address_count",
            Forged {
                spoil: |message| {
                    message.clear();
                    // Version 3, no address; the checksum of the message alone.
                    message.extend([0x31, 51, 254, 0, 0, 10, 0xd0, 0xc1]);
                },
                ..good
            },
        ),
        (
            "unknown_sender",
            Forged {
                source: STRANGER,
                ..good
            },
        ),
        (
            "own_address",
            Forged {
                source: LB1,
                ..good
            },
        ),
    ];
    for (reason, forged) in kinds {
        let counted = |lab: &Lab| vip(lab, "lb1").discarded.get(reason).copied().unwrap_or(0);
        let before = counted(&lab);
        withstands(&lab, reason, vec![forged.frame()], NORMAL);
        // The kernel itself drops packets that claim to come from this machine.
        if reason != "own_address" {
            assert!(counted(&lab) > before, "{reason}: {:?}", vip(&lab, "lb1"));
        }
    }
    let other = Forged { vrid: 99, ..good };
    withstands(&lab, "vrid", vec![other.frame()], NORMAL);
    let status = lab.node("lb1").unwrap_or_else(fail).agent_status();
    assert!(status.unwrap_or_else(fail).discarded["unknown_vrid"] > 0);
}

#[lab_test]
fn section_6_4_3_floods_of_lower_priority_and_of_zero_are_answered_once_an_interval() {
    let lab = cluster("unicast");
    for priority in [1, 100, 0] {
        let forged = Forged {
            priority,
            ..Forged::default()
        };
        let what = format!("priority {priority}");
        withstands(&lab, &what, vec![forged.frame()], ANSWERED);
    }
}

#[lab_test]
fn floods_to_the_group_reach_both_nodes_and_move_nothing() {
    let lab = cluster("multicast");
    let good = Forged {
        source: STRANGER,
        destination: MULTICAST_V4,
        ..Forged::default()
    };
    let mixed = [
        Forged { ttl: 1, ..good },
        Forged {
            spoil: |message| message[7] ^= 1,
            ..good
        },
        Forged {
            spoil: |message| message.truncate(3),
            ..good
        },
        Forged {
            version: Version::V2(Authentication::SimplePassword(*b"guessed\0")),
            ..good
        },
        Forged { vrid: 7, ..good },
    ];
    let frames = mixed.iter().map(Forged::frame).collect();
    withstands(&lab, "to the group", frames, NORMAL);
    for node in ["lb1", "lb2"] {
        let discarded = vip(&lab, node).discarded;
        for reason in ["ttl", "checksum", "length", "version"] {
            assert!(discarded.contains_key(reason), "{node}: {discarded:?}");
        }
    }
    // A rival that is deaf: answered once an interval, and heard by lb2, which follows lb1.
    let rival = Forged {
        priority: 1,
        ..good
    };
    withstands(&lab, "a deaf rival", vec![rival.frame()], ANSWERED);
}

#[lab_test]
fn a_flood_of_zeros_in_a_backups_ears_does_not_keep_it_from_taking_over() {
    let lab = cluster("unicast");
    let forged = Forged {
        source: LB1,
        destination: LB2,
        priority: 0,
        ..Forged::default()
    };
    lab.node("lb1")
        .unwrap_or_else(fail)
        .kill()
        .unwrap_or_else(fail);
    let flood = Flood::start(&lab, vec![forged.frame()]);
    let start = Instant::now();
    until(&lab, "the VIP on lb2", || {
        let node = lab.node("lb2").unwrap_or_else(fail);
        node.agent_status()
            .is_ok_and(|status| status.vips[0].state == VipState::Active)
    });
    assert!(start.elapsed() < PATIENCE);
    flood.stop();
}
