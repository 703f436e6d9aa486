//! Whether a gateway is there: asked by ARP (RFC 826) or neighbour discovery (RFC 4861 section 7.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use halo_netio::Platform;
use halo_netio::check::{Judge, Question};
use halo_netio::frame::Step;
use halo_netio::netlink::Link;
use halo_packet::MacAddr;
use halo_packet::arp::{self, Arp, Operation};
use halo_packet::ndp::{self, Kind, Ndp};

use super::Agent;

const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Where an IPv6 frame says what it carries, and of which type an ICMPv6 message is.
const NEXT_HEADER: u32 = 20;
const ICMPV6_TYPE: u32 = 54;
const ICMPV6: u32 = 58;
const NEIGHBOUR_ADVERTISEMENT: u32 = 136;

impl<P: Platform> Agent<P> {
    /// A question to a neighbour, on this interface, or on the one that the route to it leaves by.
    pub(super) fn question(
        &mut self,
        address: IpAddr,
        interface: Option<&str>,
        timeout: Duration,
    ) -> Result<Question, String> {
        let index = match interface {
            Some(_) => None,
            None => Some(
                self.platform
                    .route_to(address)
                    .map_err(|problem| problem.to_string())?
                    .ok_or_else(|| format!("there is no route to {address}"))?,
            ),
        };
        let link =
            self.links.links().iter().find(|link| {
                index.map_or(interface == Some(&link.name), |index| link.index == index)
            });
        let Some(link) = link else {
            let name = interface.unwrap_or("to ask on");
            return Err(format!("there is no interface {name}"));
        };
        let mac = link
            .mac
            .map(MacAddr::from)
            .ok_or_else(|| format!("the way to {address} is no Ethernet"))?;
        let (ethertype, filter, frame, answers) = match address {
            IpAddr::V4(address) => arp_question(mac, address),
            IpAddr::V6(address) => ndp_question(mac, self.asker(link)?, address),
        };
        Ok(Question {
            interface: link.index,
            ethertype,
            filter,
            frame,
            answers,
            timeout,
        })
    }

    /// The address that neighbour discovery is asked from: the answer comes back to it. The
    /// interface's link-local one, or another of its own; never a VIP, which may move.
    fn asker(&self, link: &Link) -> Result<Ipv6Addr, String> {
        let vips: Vec<IpAddr> = self.vips.iter().flat_map(|vip| vip.config.ips()).collect();
        let own = || {
            link.addresses.iter().filter_map(|net| match net.addr() {
                IpAddr::V6(ip) if !vips.contains(&net.addr()) => Some(ip),
                _ => None,
            })
        };
        own()
            .find(Ipv6Addr::is_unicast_link_local)
            .or_else(|| own().next())
            .ok_or_else(|| format!("{} has no IPv6 address to ask from", link.name))
    }
}

type Asked = (u16, Vec<Step>, Vec<u8>, Judge);

fn arp_question(mac: MacAddr, address: Ipv4Addr) -> Asked {
    let mut frame = vec![0; arp::FRAME_LEN];
    let length = Arp::probe(mac, address).encode(&mut frame);
    frame.truncate(length.unwrap_or(0));
    let answers = move |frame: &[u8]| {
        Arp::decode(frame)
            .is_ok_and(|arp| arp.operation == Operation::Reply && arp.sender_ip == address)
    };
    (ETHERTYPE_ARP, Vec::new(), frame, Box::new(answers))
}

fn ndp_question(mac: MacAddr, from: Ipv6Addr, address: Ipv6Addr) -> Asked {
    let mut frame = vec![0; ndp::FRAME_LEN];
    let length = Ndp::question(mac, from, address).encode(&mut frame);
    frame.truncate(length.unwrap_or(0));
    let answers = move |frame: &[u8]| {
        let said = Ndp::decode(frame);
        said.is_ok_and(|ndp| {
            matches!(ndp.kind, Kind::Advertisement { .. }) && ndp.target == address
        })
    };
    // Of a busy network's IPv6, only what can be the answer.
    let filter = vec![
        Step::LoadByte(NEXT_HEADER),
        Step::SkipIf(ICMPV6, 1),
        Step::Drop,
        Step::LoadByte(ICMPV6_TYPE),
        Step::SkipIf(NEIGHBOUR_ADVERTISEMENT, 1),
        Step::Drop,
        Step::Accept,
    ];
    (ETHERTYPE_IPV6, filter, frame, Box::new(answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr(2, 0, 0, 0, 0, 1);
    const GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const OWN: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x11);

    #[test]
    fn an_advertisement_of_the_gateway_is_an_answer_and_nothing_else_is() {
        let (ethertype, _, frame, answers) = ndp_question(MAC, OWN, GATEWAY);
        assert_eq!(ethertype, 0x86dd);
        let asked = Ndp::decode(&frame).unwrap();
        assert_eq!((asked.kind, asked.target), (Kind::Solicitation, GATEWAY));
        assert_eq!((asked.source_ip, asked.link_layer), (OWN, Some(MAC)));
        assert!(!answers(&frame), "its own question");
        let said = |of: Ipv6Addr| {
            let mut frame = vec![0; ndp::FRAME_LEN];
            Ndp::unsolicited(MAC, of).encode(&mut frame).unwrap();
            frame
        };
        assert!(answers(&said(GATEWAY)));
        assert!(!answers(&said(OWN)));
    }

    #[test]
    fn a_reply_of_the_gateway_is_an_answer_and_nothing_else_is() {
        let gateway = Ipv4Addr::new(10, 77, 0, 1);
        let (_, _, frame, answers) = arp_question(MAC, gateway);
        assert!(!answers(&frame), "its own question");
        let said = |of: Ipv4Addr| {
            let mut frame = vec![0; arp::FRAME_LEN];
            let reply = Arp::gratuitous(Operation::Reply, MAC, of);
            reply.encode(&mut frame).unwrap();
            frame
        };
        assert!(answers(&said(gateway)));
        assert!(!answers(&said(Ipv4Addr::new(10, 77, 0, 2))));
    }
}
