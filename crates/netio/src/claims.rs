//! Hearing who says that an address is theirs: ARP and neighbour discovery of others, on one interface.
//!
//! A network is full of both. A packet filter in the kernel (classic BPF) lets through only what names
//! one of the addresses, so that the rest costs this process nothing.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use crate::error::Result;
use crate::frame::{FrameListener, Step};

const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Where things are in a frame, behind 14 bytes of Ethernet (and 40 of IPv6).
const ARP_SENDER: u32 = 28;
const IPV6_NEXT_HEADER: u32 = 20;
const IPV6_SOURCE_END: u32 = 34;
const ICMPV6_TYPE: u32 = 54;
const NDP_TARGET_END: u32 = 74;
const ICMPV6: u32 = 58;
const SOLICITATION: u32 = 135;
const ADVERTISEMENT: u32 = 136;

/// Longer than a neighbour's message with the options that there are; what is cut off is not needed.
const LONGEST: usize = 256;

/// A listener for claims of these addresses.
#[derive(Debug)]
pub struct ClaimListener {
    sockets: Vec<FrameListener>,
    addresses: Vec<IpAddr>,
}

impl ClaimListener {
    /// Opens it on the interface `index`. Needs `CAP_NET_RAW`.
    pub fn open(index: u32, addresses: &[IpAddr]) -> Result<Self> {
        let mut sockets = Vec::new();
        for (ethertype, program) in [
            (ETHERTYPE_ARP, arp_filter(addresses)),
            (ETHERTYPE_IPV6, ndp_filter(addresses)),
        ] {
            if let Some(program) = program {
                let socket = FrameListener::open(index, ethertype)?;
                // A frame that came before the filter is looked at like the others.
                socket.filter(&program)?;
                sockets.push(socket);
            }
        }
        Ok(Self {
            sockets,
            addresses: addresses.to_vec(),
        })
    }

    /// What it listens for.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// What to poll for readability.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(std::os::fd::AsFd::as_fd)
    }

    /// The next frame that has come, if any. It names one of the addresses, or came before the filter.
    pub fn receive(&self) -> Result<Option<Vec<u8>>> {
        let mut buffer = [0; LONGEST];
        for socket in &self.sockets {
            if let Some(length) = socket.receive(&mut buffer)? {
                return Ok(buffer.get(..length).map(<[u8]>::to_vec));
            }
        }
        Ok(None)
    }
}

/// ARP whose sender has one of the addresses. `None`: there is no IPv4 address.
fn arp_filter(addresses: &[IpAddr]) -> Option<Vec<Step>> {
    let words: Vec<u32> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(address) => Some(u32::from(*address)),
            IpAddr::V6(_) => None,
        })
        .collect();
    let mut program = vec![Step::LoadWord(ARP_SENDER)];
    accept_each(&mut program, &words);
    program.push(Step::Drop);
    (!words.is_empty()).then_some(program)
}

/// Solicitations and advertisements whose source or target ends as one of the addresses does. The
/// last four bytes will do: the caller looks at all. `None`: there is no IPv6 address.
fn ndp_filter(addresses: &[IpAddr]) -> Option<Vec<Step>> {
    let words: Vec<u32> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => {
                let [.., a, b, c, d] = address.octets();
                Some(u32::from_be_bytes([a, b, c, d]))
            }
        })
        .collect();
    let mut program = vec![
        Step::LoadByte(IPV6_NEXT_HEADER),
        Step::SkipIf(ICMPV6, 1),
        Step::Drop,
        Step::LoadByte(ICMPV6_TYPE),
        Step::SkipIf(SOLICITATION, 2),
        Step::SkipIf(ADVERTISEMENT, 1),
        Step::Drop,
    ];
    for at in [NDP_TARGET_END, IPV6_SOURCE_END] {
        program.push(Step::LoadWord(at));
        accept_each(&mut program, &words);
    }
    program.push(Step::Drop);
    (!words.is_empty()).then_some(program)
}

fn accept_each(program: &mut Vec<Step>, words: &[u32]) {
    for word in words {
        program.extend([Step::SkipUnless(*word, 1), Step::Accept]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::interpreter::accepts;

    const FOUR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 100));

    fn arp(sender: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0; 42];
        frame[28..32].copy_from_slice(&sender);
        frame
    }

    fn ndp(next_header: u8, kind: u8, source: u8, target: u8) -> Vec<u8> {
        let mut frame = vec![0; 78];
        frame[20] = next_header;
        frame[37] = source;
        frame[54] = kind;
        frame[77] = target;
        frame
    }

    #[test]
    fn arp_passes_when_its_sender_has_one_of_the_addresses() {
        let other: IpAddr = "10.77.0.101".parse().unwrap();
        let program = arp_filter(&[other, FOUR]).unwrap();
        assert!(accepts(&program, &arp([10, 77, 0, 100])));
        assert!(accepts(&program, &arp([10, 77, 0, 101])));
        assert!(!accepts(&program, &arp([10, 77, 0, 102])));
        assert!(!accepts(&program, &arp([10, 77, 0, 100])[..30]));
        assert_eq!(arp_filter(&["::1".parse().unwrap()]), None);
    }

    #[test]
    fn a_neighbours_message_passes_when_it_is_from_or_about_one_of_the_addresses() {
        let program = ndp_filter(&["::5".parse().unwrap()]).unwrap();
        assert!(accepts(&program, &ndp(58, 136, 0, 5)));
        assert!(accepts(&program, &ndp(58, 135, 5, 0)));
        assert!(!accepts(&program, &ndp(58, 136, 0, 6)));
        assert!(!accepts(&program, &ndp(58, 134, 5, 5)));
        assert!(!accepts(&program, &ndp(6, 136, 5, 5)));
        assert_eq!(ndp_filter(&[FOUR]), None);
    }
}
