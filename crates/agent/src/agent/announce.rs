//! Telling the network where a VIP is.

use std::net::IpAddr;

use halo_netio::Platform;
use halo_packet::MacAddr;
use halo_packet::arp::{self, Arp, Operation};
use halo_packet::ndp::{self, Ndp};
use tracing::debug;

use super::Agent;

impl<P: Platform> Agent<P> {
    /// Announces each address from the interface that it is on.
    pub(super) fn announce(&mut self, index: usize) {
        let vip = &mut self.vips[index];
        let Some((home, mac)) = vip.place.home.as_ref().zip(vip.mac()) else {
            return;
        };
        let home = home.index;
        for ip in vip.config.ips() {
            for frame in announcements(ip, mac) {
                match self.platform.send_frame(home, &frame) {
                    Ok(()) => vip.gratuitous_arps_sent += 1,
                    Err(problem) => debug!("{}: {problem}", vip.config.name),
                }
            }
        }
    }
}

/// IPv4: one gratuitous ARP request and one reply; some switches and hosts learn from the one only,
/// some from the other. IPv6: one unsolicited neighbour advertisement.
fn announcements(ip: IpAddr, mac: MacAddr) -> Vec<Vec<u8>> {
    match ip {
        IpAddr::V4(ip) => [Operation::Request, Operation::Reply]
            .into_iter()
            .filter_map(|operation| {
                let mut frame = vec![0; arp::FRAME_LEN];
                let arp = Arp::gratuitous(operation, mac, ip);
                arp.encode(&mut frame).is_ok().then_some(frame)
            })
            .collect(),
        IpAddr::V6(ip) => {
            let mut frame = vec![0; ndp::FRAME_LEN];
            let encoded = Ndp::unsolicited(mac, ip).encode(&mut frame);
            encoded.is_ok().then_some(frame).into_iter().collect()
        }
    }
}
