//! Hearing who answers ARP, and nothing else.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::FrameListener;
use crate::error::{Error, Result};

/// EtherType of ARP (RFC 826).
const ARP: u16 = 0x0806;
/// An Ethernet frame that carries ARP.
const LENGTH: usize = 42;

/// Answers to ARP requests that are addressed to this machine. The kernel sorts out all others, so that a
/// busy network wakes nobody.
#[derive(Debug)]
pub struct ArpListener(FrameListener);

impl ArpListener {
    /// Opens it on the interface `index`. Needs `CAP_NET_RAW`.
    pub fn open(index: u32) -> Result<Self> {
        let listener = FrameListener::open(index, ARP)?;
        only_replies_to_us(&listener)
            .map_err(|source| Error::os(format!("filter ARP on interface {index}"), source))?;
        Ok(Self(listener))
    }

    /// The IPv4 address that the next answer is from; `None`: there is none.
    pub fn receive(&self) -> Result<Option<Ipv4Addr>> {
        let mut frame = [0; LENGTH];
        while let Some(length) = self.0.receive(&mut frame)? {
            // RFC 826: behind the Ethernet header, operation at 6 and sender's protocol address at 14.
            if length == LENGTH && frame[20..22] == [0, 2] {
                return Ok(Some(Ipv4Addr::new(
                    frame[28], frame[29], frame[30], frame[31],
                )));
            }
        }
        Ok(None)
    }
}

impl AsFd for ArpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A classic BPF filter: frames for this host alone (`PACKET_HOST`), with ARP operation 2.
fn only_replies_to_us(listener: &FrameListener) -> io::Result<()> {
    /// Where `skb->pkt_type` is found (linux/filter.h: SKF_AD_OFF + SKF_AD_PKTTYPE).
    const PACKET_TYPE: u32 = (-0x1000_i32 + 4).cast_unsigned();
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_HALF: u16 = 0x28;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut code = [
        instruction(LOAD_BYTE, 0, 0, PACKET_TYPE),
        instruction(JUMP_EQUAL, 0, 3, 0),
        instruction(LOAD_HALF, 0, 0, 20),
        instruction(JUMP_EQUAL, 0, 1, 2),
        instruction(RETURN, 0, 0, u32::MAX),
        instruction(RETURN, 0, 0, 0),
    ];
    crate::frame::attach_filter(listener.as_fd().as_raw_fd(), &mut code)
}
