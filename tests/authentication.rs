//! A cluster with a secret: what others send changes nothing, and the secret can be replaced.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use halo_api::{AgentStatus, VipState};
use halo_e2e::{PATIENCE, cluster, fail, hactl, home, lab_test, prober, until};
use halo_lab::{Lab, VIP, default_config};
use halo_netio::frame::{FrameListener, FrameSocket};
use halo_netio::netlink::Netlink;
use halo_packet::ipv4::{HEADER_LEN, Header};
use halo_packet::vrrp::{
    Centiseconds, ChecksumMode, MAX_LEN, Outgoing, PROTOCOL, Priority, Version, Vrid,
};

const LB1: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const LB2: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 12);
const IPV4: u16 = 0x0800;
const ETHERNET: usize = 14;

const OLD: &str = "the first secret of more than thirty-two characters";
const NEW: &str = "the second secret of more than thirty-two characters";

/// A file that only its owner may read, gone at the end of the test.
struct Secret(PathBuf);

impl Secret {
    fn new(test: &str, text: &str) -> Self {
        let name = format!("halo-secret-{}-{test}", std::process::id());
        let secret = Self(std::env::temp_dir().join(name));
        secret.write(text);
        secret
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
        std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        if let Err(problem) = std::fs::remove_file(&self.0) {
            eprintln!("{}: {problem}", self.0.display());
        }
    }
}

/// A running cluster of two whose heartbeats are signed, and a forger beside it.
fn signed_cluster(secret: &Secret) -> Lab {
    let lab = Lab::builder()
        .other("forger", 66)
        .start()
        .unwrap_or_else(fail);
    let key = format!("[cluster]\nsecret_file = \"{}\"\n", secret.path().display());
    let text = default_config(lab.topology()).replacen("[cluster]\n", &key, 1);
    lab.write_config(&text).unwrap_or_else(fail);
    lab.start_all().unwrap_or_else(fail);
    home(&lab);
    lab
}

fn status(lab: &Lab, node: &str) -> AgentStatus {
    lab.node(node).unwrap().agent_status().unwrap_or_else(fail)
}

/// How often "web" came to lb1 and to lb2. Which of them had it first when they started says nothing.
fn arrivals(lab: &Lab) -> [u64; 2] {
    ["lb1", "lb2"].map(|node| status(lab, node).vips[0].became_active)
}

/// Heartbeats of lb1 as lb2 receives them, with their Ethernet headers.
fn recorded(lab: &Lab) -> Vec<Vec<u8>> {
    let record = || {
        let eth0 = Netlink::open().unwrap().link("eth0").unwrap().unwrap();
        let listener = FrameListener::open(eth0.index, IPV4).unwrap();
        let mut frames = Vec::new();
        let start = Instant::now();
        while frames.len() < 5 && start.elapsed() < PATIENCE {
            let mut frame = [0; 2048];
            match listener.receive(&mut frame).unwrap() {
                Some(length) if is_advert(&frame[..length]) => {
                    frames.push(frame[..length].to_vec())
                }
                Some(_) => {}
                None => std::thread::yield_now(),
            }
        }
        frames
    };
    let lb2 = lab.host("lb2").unwrap_or_else(fail);
    let frames = lb2.thread(record).unwrap_or_else(fail).join();
    assert_eq!(frames.len(), 5, "heartbeats of lb1");
    frames
}

fn is_advert(frame: &[u8]) -> bool {
    let ip = ETHERNET + HEADER_LEN;
    frame.len() > ip && frame[ETHERNET + 9] == PROTOCOL && frame[ip] == 0x31
}

/// An advert that nobody signed, from one node to the other.
fn unsigned(source: Ipv4Addr, destination: Ipv4Addr, priority: u8) -> Vec<u8> {
    let mut message = [0; MAX_LEN];
    let length = Outgoing {
        version: Version::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(priority),
        interval: Centiseconds::new(10).unwrap(),
        addresses: &[VIP.into()],
    }
    .encode(
        source.into(),
        destination.into(),
        ChecksumMode::PseudoHeader,
        &mut message,
    )
    .unwrap();
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 0x66, 0x08, 0x00]);
    let mut header = [0; HEADER_LEN];
    Header {
        source,
        destination,
        ttl: 255,
        protocol: PROTOCOL,
    }
    .encode(length, &mut header)
    .unwrap();
    frame.extend(header);
    frame.extend(&message[..length]);
    frame
}

/// Sends frames from the forger's place, a hundred times over.
fn send(lab: &Lab, frames: Vec<Vec<u8>>) {
    let send = move || {
        let eth0 = Netlink::open().unwrap().link("eth0").unwrap().unwrap();
        let socket = FrameSocket::open().unwrap();
        for _ in 0..100 {
            for frame in &frames {
                socket.send(eth0.index, frame).unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let forger = lab.host("forger").unwrap_or_else(fail);
    forger.thread(send).unwrap_or_else(fail).join();
}

#[lab_test]
fn unsigned_forged_and_replayed_heartbeats_change_nothing_and_are_told() {
    let secret = Secret::new("forged", OLD);
    let lab = signed_cluster(&secret);
    let arrived = arrivals(&lab);
    let record = recorded(&lab);
    let forged = record.iter().map(|frame| {
        let mut frame = frame.clone();
        // The tag is at the end; Ethernet pads nothing behind an advert with its trailer.
        let last = frame.len() - 1;
        frame[last] ^= 1;
        frame
    });
    let mut frames: Vec<Vec<u8>> = forged.collect();
    frames.extend(record);
    for priority in [0, 254] {
        frames.push(unsigned(LB1, LB2, priority));
        frames.push(unsigned(LB2, LB1, priority));
    }
    send(&lab, frames);
    let (one, two) = (status(&lab, "lb1"), status(&lab, "lb2"));
    assert_eq!(one.vips[0].state, VipState::Active);
    assert_eq!(two.vips[0].state, VipState::Standby);
    assert_eq!(arrivals(&lab), arrived);
    for reason in ["unsigned", "forged", "replayed"] {
        let count = two.vips[0].discarded.get(reason).copied().unwrap_or(0);
        assert!(count > 0, "{reason}: {:?}", two.vips[0].discarded);
    }
    for status in [&one, &two] {
        let told = |warning: &String| warning.contains("was discarded");
        assert!(status.warnings.iter().any(told), "{:?}", status.warnings);
    }
    let metrics = hactl(&lab, "lb2", &["events"], 0);
    assert!(metrics.contains("was discarded"), "{metrics}");
}

#[lab_test]
fn the_secret_is_replaced_by_reloads_and_no_request_fails() {
    let secret = Secret::new("rotation", OLD);
    let lab = signed_cluster(&secret);
    let arrived = arrivals(&lab);
    let prober = prober(&lab);
    // The file is one for both nodes here: each step is in force on one before the other.
    for text in [
        format!("{OLD}\n{NEW}\n"),
        format!("{NEW}\n{OLD}\n"),
        format!("{NEW}\n"),
    ] {
        secret.write(&text);
        for node in ["lb1", "lb2"] {
            hactl(&lab, node, &["config", "reload"], 0);
        }
    }
    let before = status(&lab, "lb2").vips[0].adverts_received;
    until(&lab, "heartbeats signed with the new secret", || {
        status(&lab, "lb2").vips[0].adverts_received > before + 5
    });
    let report = prober.stop();
    assert_eq!(report.failures, 0, "{report}");
    assert_eq!(arrivals(&lab), arrived);
    assert!(status(&lab, "lb2").warnings.is_empty());
}

#[lab_test]
fn the_secret_is_turned_on_by_reloads_and_no_request_fails() {
    let secret = Secret::new("on", OLD);
    let lab = cluster(2);
    let plain = default_config(lab.topology());
    let with = |keys: &str| {
        let file = secret.path().display();
        let keys = format!("[cluster]\nsecret_file = \"{file}\"\n{keys}");
        plain.replacen("[cluster]\n", &keys, 1)
    };
    let arrived = arrivals(&lab);
    let prober = prober(&lab);
    for keys in ["signatures = \"optional\"\n", ""] {
        lab.write_config(&with(keys)).unwrap();
        for node in ["lb1", "lb2"] {
            hactl(&lab, node, &["config", "reload"], 0);
        }
        let before = status(&lab, "lb2").vips[0].adverts_received;
        until(&lab, "heartbeats", || {
            status(&lab, "lb2").vips[0].adverts_received > before + 5
        });
    }
    let report = prober.stop();
    assert_eq!(report.failures, 0, "{report}");
    assert_eq!(arrivals(&lab), arrived);
    // From now on what is not signed changes nothing.
    let forger = lab.host("client").unwrap_or_else(fail);
    let frame = unsigned(LB1, LB2, 0);
    let sent = forger.within(move || {
        let eth0 = Netlink::open().unwrap().link("eth0").unwrap().unwrap();
        FrameSocket::open().unwrap().send(eth0.index, &frame)
    });
    sent.unwrap_or_else(fail).unwrap();
    until(&lab, "the unsigned heartbeat counted", || {
        status(&lab, "lb2").vips[0]
            .discarded
            .contains_key("unsigned")
    });
    assert_eq!(arrivals(&lab), arrived);
}

#[lab_test]
fn a_secret_that_everyone_may_read_is_refused_with_the_remedy() {
    let secret = Secret::new("open", OLD);
    let lab = signed_cluster(&secret);
    secret.write(&format!("{OLD}\n{NEW}\n"));
    std::fs::set_permissions(secret.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = hactl(&lab, "lb1", &["config", "reload"], 4);
    assert!(said.contains("chmod 600"), "{said}");
    home(&lab);
}
