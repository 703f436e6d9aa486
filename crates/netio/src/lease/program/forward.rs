//! Packets of connections that the address's former holder still has, sent on to it.
//!
//! Who holds an address now cannot know the connections of who held it before; answering their packets
//! would reset them. So what belongs to no connection here gets a second chance there. The former holder
//! answers the client by itself; only packets from the client take the way over this node. They are not
//! sent back to where they came from, and have one hop less to live, so that nothing goes round for long
//! however often an address moves.

use super::super::assembler::{Assembler, Label, Register, When, Width};
use super::super::bpf::Field;
use super::{ETHERNET, ETHERTYPE_IPV6, IPV6_NEXT_HEADER, IPV6_SOURCE, OTHER, PROTOCOL};
use super::{load_at_r2, load_field, network_order};
use Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};

/// Helpers of the kernel, by number.
const SKB_STORE_BYTES: i32 = 9;
const L3_CSUM_REPLACE: i32 = 10;
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

const SOURCE_HARDWARE: i32 = 6;
const TCP: i32 = 6;
const IPV4_TTL: i32 = ETHERNET + 8;
const IPV4_CHECKSUM: i32 = ETHERNET + 10;
const IPV4_SOURCE: i32 = ETHERNET + 12;
const IPV6_HOP_LIMIT: i32 = ETHERNET + 7;
/// `BPF_F_RECOMPUTE_CSUM`: what the interface has summed up is kept in step.
const RECOMPUTE: i32 = 1;
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

/// Sends the packet, which is to an address that is leased or drains, to that one's former holder if it
/// has one (the record in `R9` says) and the packet belongs to no connection here; else to `local`. Now
/// is in `R0`.
pub(super) fn forward(asm: &mut Assembler, local: Label) {
    let [ipv6, from_ipv4, from_ipv6, there] = std::array::from_fn(|_| asm.label());
    asm.load(Width::W64, R7, R9, Field::Forwarding.offset());
    asm.jump_if_register(R0, When::AtLeast, R7, local);
    asm.load(Width::W32, R7, R6, PACKET_TYPE);
    asm.jump_if(R7, When::NotEqual, FOR_US, local);
    turn_none_back(asm, local);
    asm.load(Width::W32, R7, R6, PROTOCOL);
    asm.jump_if(R7, When::Equal, network_order(ETHERTYPE_IPV6), ipv6);
    read_ipv4(asm, local);
    read_ports(asm, local);
    find_connection(asm, TUPLE_IPV4, from_ipv4, local);
    asm.place(ipv6);
    read_ipv6(asm, local);
    read_ports(asm, local);
    find_connection(asm, TUPLE_IPV6, from_ipv6, local);
    asm.place(from_ipv4);
    age_ipv4(asm, local);
    asm.jump(there);
    asm.place(from_ipv6);
    age_ipv6(asm, local);
    asm.place(there);
    send_there(asm, local);
}

/// To `local` when the packet comes from where it would go to.
fn turn_none_back(asm: &mut Assembler, local: Label) {
    let another = asm.label();
    load_field(asm, SOURCE_HARDWARE, 6, OTHER, local);
    asm.load(Width::W32, R7, R10, OTHER);
    asm.load(Width::W32, R8, R9, Field::ForwardTo.offset());
    asm.jump_if_register(R7, When::NotEqual, R8, another);
    asm.load(Width::W16, R7, R10, OTHER + 4);
    asm.load(Width::W16, R8, R9, Field::ForwardTo.offset() + 4);
    asm.jump_if_register(R7, When::Equal, R8, local);
    asm.place(another);
}

/// One hop less, in the header and in its checksum.
fn age_ipv4(asm: &mut Assembler, local: Label) {
    // With the protocol, since checksums count in pairs of bytes.
    load_field(asm, IPV4_TTL, 2, OTHER, local);
    asm.load(Width::W16, R8, R10, OTHER);
    take_a_hop(asm, local);
    asm.copy(R1, R6);
    asm.set(R2, IPV4_CHECKSUM);
    asm.copy(R3, R8);
    asm.load(Width::W16, R4, R10, OTHER);
    asm.set(R5, 2);
    asm.call(L3_CSUM_REPLACE);
    asm.jump_if(R0, When::NotEqual, 0, local);
    store(asm, IPV4_TTL, OTHER, 1, 0, local);
}

fn age_ipv6(asm: &mut Assembler, local: Label) {
    load_field(asm, IPV6_HOP_LIMIT, 1, OTHER, local);
    take_a_hop(asm, local);
    store(asm, IPV6_HOP_LIMIT, OTHER, 1, RECOMPUTE, local);
}

/// Of the hops in the byte at [`OTHER`]; to `local` when there is but one.
fn take_a_hop(asm: &mut Assembler, local: Label) {
    asm.load(Width::W8, R7, R10, OTHER);
    asm.jump_if(R7, When::Less, 2, local);
    asm.add(R7, -1);
    asm.store(Width::W8, R10, OTHER, R7);
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
    store(asm, 0, HARDWARE, 12, 0, local);
    asm.load(Width::W32, R1, R6, IFINDEX);
    asm.set(R2, 0);
    asm.call(REDIRECT);
    asm.leave();
}

/// Copies bytes from the stack into the packet.
fn store(asm: &mut Assembler, to: i32, from: i16, length: i32, flags: i32, failed: Label) {
    asm.copy(R1, R6);
    asm.set(R2, to);
    asm.copy(R3, R10);
    asm.add(R3, from.into());
    asm.set(R4, length);
    asm.set(R5, flags);
    asm.call(SKB_STORE_BYTES);
    asm.jump_if(R0, When::NotEqual, 0, failed);
}
