//! Packets of connections that the address's former holder still has, sent on to it.
//!
//! Who holds an address now cannot know the connections of who held it before; answering their packets
//! would reset them. So what belongs to no connection here gets a second chance there. The former holder
//! answers the client by itself; only packets from the client take the way over this node.

use super::super::assembler::{Assembler, Label, Register, When, Width};
use super::super::bpf::Field;
use super::{ETHERNET, ETHERTYPE_IPV6, IPV6_NEXT_HEADER, IPV6_SOURCE, OTHER, PROTOCOL};
use super::{load_at_r2, load_field, network_order};
use Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};

/// Helpers of the kernel, by number.
const SKB_STORE_BYTES: i32 = 9;
const REDIRECT: i32 = 23;
const SK_RELEASE: i32 = 86;
const SKC_LOOKUP_TCP: i32 = 99;

/// Where `struct __sk_buff` says whom the frame was for, and where it came in.
const PACKET_TYPE: i16 = 4;
const IFINDEX: i16 = 40;
/// `PACKET_HOST`: for this machine, not overheard.
const FOR_US: i32 = 0;
/// Where `struct bpf_sock` has the connection's state.
const STATE: i16 = 72;
const TCP_LISTEN: i32 = 10;
/// `BPF_F_CURRENT_NETNS`: sockets of the namespace of the packet's interface.
const HERE: i32 = -1;

const TCP: i32 = 6;
const IPV4_SOURCE: i32 = ETHERNET + 12;
/// More-fragments flag and fragment offset: a fragment has no ports to go by, or lacks its rest.
const FRAGMENT: u16 = 0x3fff;
const TCP_FLAGS: i32 = 13;
const SYN: i32 = 0x02;

/// The stack, below what judging uses: `struct bpf_sock_tuple` (addresses, then ports), which is
/// shorter for IPv4 and ends at the same place; later the new start of the frame.
const TUPLE_IPV6: i16 = -80;
const TUPLE_IPV4: i16 = TUPLE_IPV6 + 24;
const PORTS: i16 = TUPLE_IPV6 + 32;
const TUPLE_END: i16 = PORTS + 4;
const HARDWARE: i16 = TUPLE_IPV6;

/// Sends the packet, which is to a leased address, to that one's former holder if it has one (the
/// record in `R9` says) and the packet belongs to no connection here; else to `local`. Now is in `R0`.
pub(super) fn forward(asm: &mut Assembler, local: Label) {
    let [ipv6, there] = std::array::from_fn(|_| asm.label());
    asm.load(Width::W64, R7, R9, Field::Forwarding.offset());
    asm.jump_if_register(R0, When::AtLeast, R7, local);
    asm.load(Width::W32, R7, R6, PACKET_TYPE);
    asm.jump_if(R7, When::NotEqual, FOR_US, local);
    asm.load(Width::W32, R7, R6, PROTOCOL);
    asm.jump_if(R7, When::Equal, network_order(ETHERTYPE_IPV6), ipv6);
    read_ipv4(asm, local);
    read_ports(asm, local);
    find_connection(asm, TUPLE_IPV4, there, local);
    asm.place(ipv6);
    read_ipv6(asm, local);
    read_ports(asm, local);
    find_connection(asm, TUPLE_IPV6, there, local);
    asm.place(there);
    send_there(asm, local);
}

/// Reads addresses; `R8 =` where TCP begins.
fn read_ipv4(asm: &mut Assembler, local: Label) {
    load_field(asm, ETHERNET, 12, OTHER, local);
    asm.load(Width::W8, R7, R10, OTHER + 9);
    asm.jump_if(R7, When::NotEqual, TCP, local);
    asm.load(Width::W16, R7, R10, OTHER + 6);
    asm.mask(R7, network_order(FRAGMENT));
    asm.jump_if(R7, When::NotEqual, 0, local);
    load_field(asm, IPV4_SOURCE, 8, TUPLE_IPV4, local);
    // The header's length in words.
    asm.load(Width::W8, R8, R10, OTHER);
    asm.mask(R8, 0x0f);
    asm.shift_left(R8, 2);
    asm.add(R8, ETHERNET);
}

fn read_ipv6(asm: &mut Assembler, local: Label) {
    load_field(asm, IPV6_NEXT_HEADER, 1, OTHER, local);
    asm.load(Width::W8, R7, R10, OTHER);
    asm.jump_if(R7, When::NotEqual, TCP, local);
    load_field(asm, IPV6_SOURCE, 32, TUPLE_IPV6, local);
    asm.set(R8, ETHERNET + 40);
}

/// Reads the ports of the TCP header at `R8`. Whoever wants a new connection gets it here.
fn read_ports(asm: &mut Assembler, local: Label) {
    asm.copy(R2, R8);
    load_at_r2(asm, 4, PORTS, local);
    asm.copy(R2, R8);
    asm.add(R2, TCP_FLAGS);
    load_at_r2(asm, 1, OTHER, local);
    asm.load(Width::W8, R7, R10, OTHER);
    asm.mask(R7, SYN);
    asm.jump_if(R7, When::NotEqual, 0, local);
}

/// To `there` when this machine has no such connection, neither one that is being opened nor one that
/// has just ended; else to `local`.
fn find_connection(asm: &mut Assembler, tuple: i16, there: Label, local: Label) {
    asm.copy(R1, R6);
    asm.copy(R2, R10);
    asm.add(R2, tuple.into());
    asm.set(R3, (TUPLE_END - tuple).into());
    asm.set(R4, HERE);
    asm.set(R5, 0);
    asm.call(SKC_LOOKUP_TCP);
    asm.jump_if(R0, When::Equal, 0, there);
    asm.load(Width::W32, R7, R0, STATE);
    asm.copy(R1, R0);
    asm.call(SK_RELEASE);
    // Only the listener was found: it would answer with a reset.
    asm.jump_if(R7, When::Equal, TCP_LISTEN, there);
    asm.jump(local);
}

/// From this node's hardware address, which the frame came to, so that switches learn nothing wrong.
fn send_there(asm: &mut Assembler, local: Label) {
    asm.load(Width::W64, R7, R9, Field::ForwardTo.offset());
    asm.store(Width::W64, R10, HARDWARE, R7);
    load_field(asm, 0, 6, HARDWARE + 6, local);
    asm.copy(R1, R6);
    asm.set(R2, 0);
    asm.copy(R3, R10);
    asm.add(R3, HARDWARE.into());
    asm.set(R4, 12);
    asm.set(R5, 0);
    asm.call(SKB_STORE_BYTES);
    asm.jump_if(R0, When::NotEqual, 0, local);
    asm.load(Width::W32, R1, R6, IFINDEX);
    asm.set(R2, 0);
    asm.call(REDIRECT);
    asm.leave();
}
