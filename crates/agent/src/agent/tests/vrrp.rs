//! Versions of VRRP, heartbeats that are not heeded, owners and sync groups.

use halo_packet::vrrp::Authentication;

use super::*;

const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 66);
const PASSWORD: [u8; 8] = *b"s3cret\0\0";

/// What a neighbour sends, and how.
#[derive(Clone, Copy)]
struct Sent<'a> {
    version: Version,
    vrid: u8,
    priority: u8,
    interval: u16,
    addresses: &'a [IpAddr],
    checksum: ChecksumMode,
    ttl: u8,
}

const WEB: IpAddr = VIP;

impl Default for Sent<'_> {
    fn default() -> Self {
        Self {
            version: Version::V3,
            vrid: 51,
            priority: 100,
            interval: 10,
            addresses: &[WEB],
            checksum: ChecksumMode::PseudoHeader,
            ttl: 255,
        }
    }
}

impl Sent<'_> {
    /// As it arrives at the lab's lb1, from lb2.
    fn datagram(&self) -> Datagram {
        let mut payload = [0; MAX_LEN];
        let length = Outgoing {
            version: self.version,
            vrid: Vrid::new(self.vrid).unwrap(),
            priority: Priority(self.priority),
            interval: Centiseconds::new(self.interval).unwrap(),
            addresses: self.addresses,
        }
        .encode(LB2.into(), LB1.into(), self.checksum, &mut payload)
        .unwrap();
        Datagram {
            interface: ETH0,
            source: LB2.into(),
            destination: LB1.into(),
            ttl: self.ttl,
            payload: payload[..length].into(),
        }
    }
}

impl Node {
    /// lb1, Active for the VIP with these keys.
    fn active_with(keys: &str) -> Self {
        Self::active_on(&CONFIG.replace("vrid = 51", &format!("vrid = 51\n{keys}")))
    }

    fn active_on(text: &str) -> Self {
        let mut node = Self::new("lb1", text);
        node.agent.start().unwrap();
        node.run(Duration::from_secs(4));
        assert_eq!(node.vip().state, VipState::Active);
        node.machine().effects.clear();
        node
    }

    fn receive(&mut self, datagram: Datagram) {
        self.machine().happen(Input::Datagram(datagram));
        self.turn();
    }

    /// Counts of discarded heartbeats, "reason n".
    fn discards(&self) -> Vec<String> {
        let discarded = self.vip().discarded;
        let words = discarded.iter().map(|(reason, n)| format!("{reason} {n}"));
        words.collect()
    }

    fn states(&self) -> Vec<VipState> {
        self.status().vips.iter().map(|vip| vip.state).collect()
    }

    /// When heartbeats of the first VIP went out.
    fn sent_at(&mut self, time: Duration, mut flood: impl FnMut(&mut Self)) -> Vec<Instant> {
        let end = self.machine().now + time;
        let mut sent = Vec::new();
        while self.machine().now < end {
            flood(self);
            self.run(Duration::from_millis(1));
            let now = self.machine().now;
            let is_advert = |effect: &&Effect| matches!(effect, Effect::Advert { .. });
            let adverts = self.effects().iter().filter(is_advert).count();
            sent.extend(std::iter::repeat_n(now, adverts));
            self.machine().effects.clear();
            self.answered = 0;
        }
        sent
    }
}

#[test]
fn version_2_is_sent_and_heard_with_its_password() {
    let keys = "version = 2\npeers = \"vrrp\"\nadvert_interval = \"1s\"\npassword = \"s3cret\"";
    let mut node = Node::active_with(keys);
    node.run(Duration::from_millis(1_100));
    let message = node.effects().iter().find_map(|effect| match effect {
        Effect::Advert { message, .. } => Some(message.clone()),
        _ => None,
    });
    let message = message.expect("a heartbeat a second");
    assert_eq!(message[0], 0x21, "version 2, advertisement");
    assert_eq!(message[4..6], [1, 1], "simple password, one second");
    assert_eq!(message[12..], PASSWORD);
    let theirs = Sent {
        version: Version::V2(Authentication::SimplePassword(PASSWORD)),
        priority: 250,
        interval: 100,
        ..Sent::default()
    };
    node.receive(theirs.datagram());
    assert_eq!(node.vip().state, VipState::Standby);
    assert_eq!(node.discards(), [""; 0]);
}

#[test]
fn rfc_3768_section_7_1_version_2_discards_another_interval_authentication_and_addresses() {
    let keys = "version = 2\npeers = \"vrrp\"\nadvert_interval = \"1s\"\npassword = \"s3cret\"";
    let mut node = Node::active_with(keys);
    let right = Sent {
        version: Version::V2(Authentication::SimplePassword(PASSWORD)),
        priority: 250,
        interval: 100,
        ..Sent::default()
    };
    let others = [LB2.into()];
    for wrong in [
        Sent {
            interval: 200,
            ..right
        },
        Sent {
            version: Version::V2(Authentication::None),
            ..right
        },
        Sent {
            version: Version::V2(Authentication::SimplePassword(*b"guessed\0")),
            ..right
        },
        Sent {
            addresses: &others,
            ..right
        },
        Sent {
            version: Version::V3,
            ..right
        },
    ] {
        node.receive(wrong.datagram());
        assert_eq!(node.vip().state, VipState::Active);
    }
    assert_eq!(
        node.discards(),
        ["addresses 1", "authentication 2", "interval 1", "version 1"]
    );
    assert_eq!(node.status().warnings.len(), 4);
    // RFC 3768: the owner's addresses count, whatever they are.
    let owners = Sent {
        addresses: &others,
        priority: 255,
        ..right
    };
    node.receive(owners.datagram());
    assert_eq!(node.vip().state, VipState::Standby);
}

#[test]
fn section_5_2_8_the_checksum_is_sent_and_accepted_as_the_virtual_router_has_it() {
    use ChecksumMode::{MessageOnly, PseudoHeader};
    let cases: [(&str, ChecksumMode, &[ChecksumMode]); 4] = [
        ("", PseudoHeader, &[PseudoHeader, MessageOnly]),
        (
            "checksum = \"message\"",
            MessageOnly,
            &[PseudoHeader, MessageOnly],
        ),
        (
            "accept_checksum = \"pseudo_header\"",
            PseudoHeader,
            &[PseudoHeader],
        ),
        (
            "accept_checksum = \"message\"",
            PseudoHeader,
            &[MessageOnly],
        ),
    ];
    for (keys, sent, accepted) in cases {
        let mut node = Node::active_with(keys);
        node.run(Duration::from_millis(200));
        let arrival = halo_packet::vrrp::Arrival {
            source: LB1.into(),
            destination: LB2.into(),
            ttl: 255,
        };
        let decoded = node.effects().iter().find_map(|effect| match effect {
            Effect::Advert { message, .. } => {
                let advert = halo_packet::vrrp::decode(
                    message,
                    arrival,
                    halo_packet::vrrp::Accept::default(),
                );
                Some(advert.unwrap().checksum)
            }
            _ => None,
        });
        assert_eq!(decoded, Some(sent), "{keys}");
        for checksum in [PseudoHeader, MessageOnly] {
            let before = node.vip().adverts_received;
            let theirs = Sent {
                checksum,
                ..Sent::default()
            };
            node.receive(theirs.datagram());
            let taken = node.vip().adverts_received > before;
            assert_eq!(taken, accepted.contains(&checksum), "{keys} {checksum:?}");
        }
    }
}

#[test]
fn section_7_1_what_differs_is_a_warning_until_a_minute_after_the_last_time() {
    let mut node = Node::ready("lb2");
    node.machine().effects.clear();
    let other = Sent {
        addresses: &[IpAddr::V4(LB1)],
        interval: 20,
        ..Sent::default()
    };
    let heard = Datagram {
        source: LB1.into(),
        destination: LB2.into(),
        ..other.datagram()
    };
    // The checksum covers both addresses, and a sum does not mind their order.
    node.receive(heard);
    assert_eq!(node.vip().adverts_received, 1);
    assert_eq!(
        node.status().warnings,
        [
            "web: lb1 has another `advert_interval`: the Active's counts, so set it alike",
            "web: lb1 has other addresses for it: compare the configuration files",
        ]
    );
    node.run(Duration::from_secs(61));
    assert_eq!(node.status().warnings, [""; 0]);
}

/// Makes the checksum right again, of the message alone.
fn seal(message: &mut [u8]) {
    message[6..8].fill(0);
    let words = message.chunks(2);
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = u16::try_from(sum).unwrap();
    message[6..8].copy_from_slice(&(!sum).to_be_bytes());
}

/// Datagrams of every kind that is to be discarded, with the reason counted for it.
fn bad_datagrams() -> Vec<(&'static str, Datagram)> {
    let good = Sent {
        priority: 254,
        ..Sent::default()
    };
    let with = |change: fn(&mut Datagram)| {
        let mut datagram = good.datagram();
        change(&mut datagram);
        datagram
    };
    vec![
        ("ttl", with(|d| d.ttl = 254)),
        ("length", with(|d| d.payload = d.payload[..11].into())),
        ("length", with(|d| d.payload = d.payload[..2].into())),
        ("version", with(|d| d.payload[0] = 0x41)),
        ("type", with(|d| d.payload[0] = 0x32)),
        ("checksum", with(|d| d.payload[6] ^= 0x55)),
        (
            "address_count",
            with(|d| {
                d.payload[3] = 0;
                d.payload = d.payload[..8].into();
                seal(&mut d.payload);
            }),
        ),
        (
            "interval",
            with(|d| {
                d.payload[4..6].fill(0);
                seal(&mut d.payload);
            }),
        ),
        (
            "own_address",
            with(|d| {
                d.source = LB1.into();
                seal(&mut d.payload);
            }),
        ),
        (
            "unknown_sender",
            with(|d| {
                d.source = STRANGER.into();
                seal(&mut d.payload);
            }),
        ),
        (
            "version",
            Sent {
                version: Version::V2(Authentication::None),
                interval: 100,
                ..good
            }
            .datagram(),
        ),
    ]
}

#[test]
fn section_7_1_every_invalid_datagram_is_counted_by_its_reason_and_moves_nothing() {
    for (reason, datagram) in bad_datagrams() {
        let mut node = Node::active();
        let due = node.agent.vips[0].poll_timeout();
        node.receive(datagram);
        assert_eq!(node.discards(), [format!("{reason} 1")]);
        assert_eq!(node.vip().adverts_received, 0, "{reason}");
        assert_eq!(node.vip().adverts_discarded, 1, "{reason}");
        assert_eq!(node.agent.vips[0].poll_timeout(), due, "{reason}");
        assert!(node.adverts().is_empty(), "{reason} was answered");
    }
}

#[test]
fn a_virtual_router_that_is_not_configured_here_is_counted_apart() {
    let mut node = Node::active();
    let other = Sent {
        vrid: 99,
        ..Sent::default()
    };
    node.receive(other.datagram());
    assert_eq!(node.discards(), [""; 0]);
    assert_eq!(node.status().discarded["unknown_vrid"], 1);
}

/// The longest time between two heartbeats, in milliseconds.
fn longest_gap(sent: &[Instant]) -> u128 {
    let gaps = sent.windows(2).map(|pair| (pair[1] - pair[0]).as_millis());
    gaps.max().unwrap_or(u128::MAX)
}

#[test]
fn no_flood_of_bad_datagrams_delays_a_heartbeat_or_is_answered() {
    let mut node = Node::active();
    let bad = bad_datagrams();
    let sent = node.sent_at(Duration::from_secs(3), |node| {
        // Five of each kind each millisecond.
        for (_, datagram) in bad.iter().cycle().take(5 * bad.len()) {
            node.machine().happen(Input::Datagram(datagram.clone()));
        }
    });
    assert!((29..=31).contains(&sent.len()), "{} sent", sent.len());
    assert!(longest_gap(&sent) <= 101, "{} ms", longest_gap(&sent));
    assert!(node.vip().adverts_discarded >= 3_000 * 5 * 10);
}

#[test]
fn section_6_4_3_floods_of_lower_priority_and_of_zero_are_answered_once_an_interval() {
    for priority in [0, 1, 100] {
        let mut node = Node::active();
        let theirs = Sent {
            priority,
            ..Sent::default()
        };
        let datagram = theirs.datagram();
        let sent = node.sent_at(Duration::from_secs(3), |node| {
            for _ in 0..5 {
                node.machine().happen(Input::Datagram(datagram.clone()));
            }
        });
        // An own heartbeat and an answer an interval at most.
        assert!((29..=62).contains(&sent.len()), "{} sent", sent.len());
        assert!(longest_gap(&sent) <= 101, "{} ms", longest_gap(&sent));
    }
}

#[test]
fn a_flood_of_zeros_does_not_keep_a_backup_from_taking_over() {
    let mut node = Node::ready("lb2");
    node.hear(200, 255);
    for _ in 0..100 {
        node.hear(0, 255);
        node.run(Duration::from_millis(1));
    }
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn what_strangers_can_cause_is_told_up_to_a_rate_and_nothing_is_kept_of_them() {
    let text = CONFIG.replace("vrid = 51", "vrid = 51\ntransport = \"multicast\"");
    let mut node = Node::new("lb2", &text);
    node.agent.start().unwrap();
    node.run(Duration::from_millis(20));
    node.machine().effects.clear();
    for last in 0..=255 {
        node.hear_from(Ipv4Addr::new(10, 77, 1, last), LB2, 200, 255);
    }
    assert_eq!(node.vip().adverts_received, 256);
    let told = node
        .to_data_plane()
        .iter()
        .filter(|message| matches!(message, ToDataPlane::Event(_)))
        .count();
    assert!((1..=20).contains(&told), "{told} events");
    assert!(node.agent.heard.is_empty());
}

#[test]
fn section_6_4_1_the_configured_owner_is_active_at_once_and_gives_way_to_nobody_else() {
    let text = CONFIG.replace("vrid = 51", "vrid = 51\nowner = \"lb2\"");
    let mut node = Node::new("lb2", &text);
    node.agent.start().unwrap();
    node.run(Duration::from_millis(20));
    assert_eq!(node.vip().state, VipState::Active);
    assert_eq!(node.vip().priority, 255);
    node.hear(254, 255);
    node.hear(255, 255);
    assert_eq!(node.vip().state, VipState::Active, "its address is higher");
    assert_eq!(
        node.status().warnings,
        ["web: lb1 says that it owns the addresses, as this node does: `owner` is to be one"]
    );
}

/// Two VIPs that move together.
fn pair() -> String {
    let second = "[[vip]]\nname = \"mail\"\nvrid = 52\naddresses = [\"10.77.0.101\"]\n\
                  sync_group = \"pair\"\n[[listener]]";
    CONFIG
        .replace("vrid = 51", "vrid = 51\nsync_group = \"pair\"")
        .replace("[[listener]]", second)
}

const MAIL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 101));

#[test]
fn when_one_vip_of_a_sync_group_is_outranked_all_are_given_up() {
    let mut node = Node::active_on(&pair());
    assert_eq!(node.states(), [VipState::Active, VipState::Active]);
    let theirs = Sent {
        priority: 250,
        ..Sent::default()
    };
    node.receive(theirs.datagram());
    assert_eq!(node.states(), [VipState::Standby, VipState::Standby]);
    let resigned = node.effects().iter().any(|effect| {
        matches!(effect, Effect::Advert { message, .. } if message[1] == 52 && message[2] == 0)
    });
    assert!(resigned, "so that the other node takes it over at once");
}

#[test]
fn when_one_vip_of_a_sync_group_is_taken_over_all_are() {
    let mut node = Node::new("lb1", &pair());
    node.agent.start().unwrap();
    let mail = Sent {
        vrid: 52,
        priority: 100,
        addresses: &[MAIL],
        ..Sent::default()
    };
    // lb2 is heard for the second only, and outranked there; preemption takes its time.
    for _ in 0..3 {
        node.run(Duration::from_millis(100));
        node.receive(mail.datagram());
    }
    assert_eq!(node.states(), [VipState::Standby, VipState::Standby]);
    node.run(Duration::from_millis(50));
    assert_eq!(node.states(), [VipState::Active, VipState::Active]);
}

#[test]
fn an_address_that_another_node_insists_on_is_not_taken_with_its_group() {
    let mut node = Node::new("lb1", &pair());
    node.agent.start().unwrap();
    let mail = Sent {
        vrid: 52,
        priority: 250,
        addresses: &[MAIL],
        ..Sent::default()
    };
    for _ in 0..20 {
        node.run(Duration::from_millis(100));
        node.receive(mail.datagram());
    }
    assert_eq!(node.states(), [VipState::Active, VipState::Standby]);
    let became: u64 = node.status().vips.iter().map(|vip| vip.became_active).sum();
    assert_eq!(became, 1, "nothing goes back and forth");
}

#[test]
fn a_node_that_outranks_whoever_has_the_rest_of_its_group_takes_it_without_preemption() {
    let text = pair().replace("sync_group = ", "preempt = false\nsync_group = ");
    let mut node = Node::new("lb1", &text);
    node.agent.start().unwrap();
    let hear_mail = |node: &mut Node, priority| {
        let mail = Sent {
            vrid: 52,
            priority,
            addresses: &[MAIL],
            ..Sent::default()
        };
        node.run(Duration::from_millis(100));
        node.receive(mail.datagram());
    };
    for _ in 0..10 {
        hear_mail(&mut node, 250);
    }
    assert_eq!(node.states(), [VipState::Active, VipState::Standby]);
    hear_mail(&mut node, 50);
    node.run(Duration::from_millis(100));
    assert_eq!(node.states(), [VipState::Active, VipState::Active]);
}

#[test]
fn a_failover_of_a_sync_group_is_refused_when_some_of_it_cannot_be_moved() {
    let mut node = Node::new("lb1", &pair());
    node.agent.start().unwrap();
    let hear = |node: &mut Node, vrid, priority, addresses| {
        let sent = Sent {
            vrid,
            priority,
            addresses,
            ..Sent::default()
        };
        node.receive(sent.datagram());
    };
    node.run(Duration::from_millis(20));
    hear(&mut node, 51, 250, Sent::default().addresses);
    hear(&mut node, 52, 255, &[MAIL]);
    let reply = node.failover(Some("lb1"));
    assert!(matches!(reply, AgentReply::Refused { .. }), "{reply:?}");
    assert_eq!(node.states(), [VipState::Standby, VipState::Standby]);
}

#[test]
fn a_failover_moves_the_whole_sync_group_there_and_back() {
    let mut node = Node::active_on(&pair());
    let presence = [51, 52].map(|vrid| peers::presence(vrid, Role::Backup));
    node.greet(true, presence.to_vec());
    assert!(matches!(node.failover(None), AgentReply::Done { .. }));
    assert_eq!(node.states(), [VipState::Standby, VipState::Standby]);
    for vip in node.status().vips {
        assert_eq!(vip.effective_priority, 1);
    }
    let reply = node.failover(Some("lb1"));
    assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
    assert_eq!(node.states(), [VipState::Active, VipState::Active]);
    for vip in node.status().vips {
        assert_eq!(vip.effective_priority, 254);
    }
}

#[test]
fn what_keeps_one_vip_of_a_sync_group_from_being_held_keeps_all() {
    let text = pair().replace("vrid = 52", "vrid = 52\ninterface = \"eth1\"");
    let mut node = Node::new("lb1", &text);
    node.agent.start().unwrap();
    node.run(Duration::from_secs(1));
    assert_eq!(node.states(), [VipState::Initialize, VipState::Initialize]);
    let why: Vec<String> = node.status().vips.into_iter().map(|vip| vip.why).collect();
    assert_eq!(
        why,
        [
            "another VIP of its sync group cannot be held here",
            "the interface is down"
        ]
    );
}
