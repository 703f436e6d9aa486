//! Hearing who answers ARP or neighbour discovery, and nothing else.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use super::{FrameListener, Step};
use crate::error::Result;
use crate::vrrp::Family;

/// EtherType of ARP (RFC 826), and where an Ethernet frame has its operation and sender.
const ARP: u16 = 0x0806;
const ARP_OPERATION: usize = 20;
const ARP_SENDER: usize = 28;
const ARP_LENGTH: usize = 42;
const ARP_REPLY: [u8; 2] = [0, 2];

/// EtherType of IPv6, and where an Ethernet frame has what tells a Neighbor Advertisement (RFC 4861
/// sections 4.4 and 7.1.2).
const IPV6: u16 = 0x86dd;
const NEXT_HEADER: usize = 20;
const HOP_LIMIT: usize = 21;
const ICMPV6_TYPE: usize = 54;
const ICMPV6_CODE: usize = 55;
const NDP_FLAGS: usize = 58;
const NDP_TARGET: usize = 62;
const NDP_LENGTH: usize = 78;
const ICMPV6: u8 = 58;
const ADVERTISEMENT: u8 = 136;
const SOLICITED: u8 = 0x40;

/// Answers to ARP requests, or to Neighbor Solicitations, that are addressed to this machine. The kernel
/// sorts out all others, so that a busy network wakes nobody.
#[derive(Debug)]
pub struct AnswerListener {
    listener: FrameListener,
    family: Family,
}

impl AnswerListener {
    /// Opens it on the interface `index`. Needs `CAP_NET_RAW`.
    pub fn open(index: u32, family: Family) -> Result<Self> {
        let ethertype = match family {
            Family::V4 => ARP,
            Family::V6 => IPV6,
        };
        let listener = FrameListener::open(index, ethertype)?;
        listener.filter(&filter(family))?;
        Ok(Self { listener, family })
    }

    /// The address that the next answer is for; `None`: there is none.
    pub fn receive(&self) -> Result<Option<IpAddr>> {
        let mut frame = [0; NDP_LENGTH];
        while let Some(length) = self.listener.receive(&mut frame)? {
            // One that came before the filter is looked at like the others.
            let answered = frame.get(..length).and_then(|frame| match self.family {
                Family::V4 => arp_sender(frame),
                Family::V6 => advertised(frame),
            });
            if answered.is_some() {
                return Ok(answered);
            }
        }
        Ok(None)
    }
}

impl AsFd for AnswerListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// Frames for this host alone, with an ARP reply or a Neighbor Advertisement.
fn filter(family: Family) -> Vec<Step> {
    let values: &[(Step, u32)] = match family {
        Family::V4 => &[(Step::LoadHalf(ARP_OPERATION as u32), 2)],
        Family::V6 => &[
            (Step::LoadByte(NEXT_HEADER as u32), ICMPV6 as u32),
            (Step::LoadByte(ICMPV6_TYPE as u32), ADVERTISEMENT as u32),
        ],
    };
    let mut program = Vec::new();
    for (load, value) in [(Step::LoadPacketType, 0)].iter().chain(values) {
        program.extend([*load, Step::SkipIf(*value, 1), Step::Drop]);
    }
    program.push(Step::Accept);
    program
}

/// Who sent an ARP reply; `None`: it is none.
fn arp_sender(frame: &[u8]) -> Option<IpAddr> {
    let frame: &[u8; ARP_LENGTH] = frame.first_chunk()?;
    let sender: [u8; 4] = *frame[ARP_SENDER..].first_chunk()?;
    (frame[ARP_OPERATION..].starts_with(&ARP_REPLY)).then(|| sender.into())
}

/// Whose place a Neighbor Advertisement tells that somebody asked for; `None`: it is none, or came from
/// beyond the link.
fn advertised(frame: &[u8]) -> Option<IpAddr> {
    let frame: &[u8; NDP_LENGTH] = frame.first_chunk()?;
    let target: [u8; 16] = *frame[NDP_TARGET..].first_chunk()?;
    let asked = frame[NEXT_HEADER] == ICMPV6
        && frame[HOP_LIMIT] == u8::MAX
        && frame[ICMPV6_TYPE] == ADVERTISEMENT
        && frame[ICMPV6_CODE] == 0
        && frame[NDP_FLAGS] & SOLICITED != 0;
    asked.then(|| target.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::interpreter::accepts;

    #[test]
    fn an_arp_reply_tells_its_sender_and_a_request_nothing() {
        let mut frame = [0; 60];
        frame[ARP_OPERATION + 1] = 2;
        frame[ARP_SENDER..ARP_SENDER + 4].copy_from_slice(&[10, 77, 0, 11]);
        assert_eq!(arp_sender(&frame), Some([10, 77, 0, 11].into()));
        assert!(accepts(&filter(Family::V4), &frame));
        assert_eq!(arp_sender(&frame[..ARP_LENGTH - 1]), None);
        frame[ARP_OPERATION + 1] = 1;
        assert_eq!(arp_sender(&frame), None);
        assert!(!accepts(&filter(Family::V4), &frame));
    }

    #[test]
    fn section_7_1_2_only_a_valid_advertisement_that_was_asked_for_tells_its_target() {
        let target: std::net::Ipv6Addr = "fe80::b".parse().unwrap();
        let mut good = [0; 86];
        for (at, value) in [
            (NEXT_HEADER, ICMPV6),
            (HOP_LIMIT, 255),
            (ICMPV6_TYPE, ADVERTISEMENT),
            (NDP_FLAGS, SOLICITED),
        ] {
            good[at] = value;
        }
        good[NDP_TARGET..NDP_LENGTH].copy_from_slice(&target.octets());
        assert_eq!(advertised(&good), Some(target.into()));
        assert!(accepts(&filter(Family::V6), &good));
        assert_eq!(advertised(&good[..NDP_LENGTH - 1]), None);
        for (at, value) in [
            (NEXT_HEADER, 17),
            (HOP_LIMIT, 254),
            (ICMPV6_TYPE, 135),
            (ICMPV6_CODE, 1),
            (NDP_FLAGS, 0x20),
        ] {
            let mut bad = good;
            bad[at] = value;
            assert_eq!(advertised(&bad), None, "{at}");
            let another = [NEXT_HEADER, ICMPV6_TYPE].contains(&at);
            assert_eq!(accepts(&filter(Family::V6), &bad), !another, "{at}");
        }
    }
}
