//! The two programs: what comes in, and what goes out, on the interface of a virtual IP.

mod forward;

use std::time::Duration;

use super::Way;
use super::assembler::{Assembler, Instruction, Label, Register, When, Width};
use super::bpf::Field;
use Register::{R0, R1, R2, R3, R4, R6, R7, R8, R9, R10};

/// `TC_ACT_SHOT`: the packet is dropped.
pub(super) const SHOT: i32 = 2;
/// `TC_ACT_UNSPEC`: none of our business; the next filter is asked.
pub(super) const NO_OPINION: i32 = -1;
/// `TC_ACT_REDIRECT`: it goes elsewhere.
pub(super) const REDIRECT: i32 = 7;

/// For this long after its end a lease shuts the gate. By then the kernel took the address off long
/// since (its `valid_lft` is seconds): whoever put it on again is not Halo, and is let work.
pub(super) const JUDGES_FOR: Duration = Duration::from_secs(60);

/// Helpers of the kernel, by number (`linux/bpf.h`).
const MAP_LOOKUP_ELEM: i32 = 1;
const SKB_LOAD_BYTES: i32 = 26;
const KTIME_GET_BOOT_NS: i32 = 125;

/// Where `struct __sk_buff` has the EtherType, in network order, and the VLAN tag that the kernel
/// took out of the frame.
const PROTOCOL: i16 = 16;
const VLAN_TCI: i16 = 24;
/// The part of a VLAN tag that says which VLAN it is; 0: none.
const VLAN_ID: i32 = 0x0fff;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const DESTINATION_HARDWARE: i32 = 0;
const SOURCE_HARDWARE: i32 = 6;
const ETHERNET: i32 = 14;
const IPV4_DESTINATION: i32 = ETHERNET + 16;

const ARP_SENDER: i32 = ETHERNET + 14;
const ARP_TARGET: i32 = ETHERNET + 24;
/// Start of an ARP packet for IPv4 over Ethernet: hardware type 1, protocol 0x0800, lengths 6, 4.
const ARP_FOR_IPV4: u32 = 0x0001_0800;
const ARP_REQUEST: u16 = 1;

const IPV6_NEXT_HEADER: i32 = ETHERNET + 6;
const IPV6_SOURCE: i32 = ETHERNET + 8;
const IPV6_DESTINATION: i32 = ETHERNET + 24;
const ICMPV6: i32 = 58;
/// The ICMPv6 type, and the target of a Neighbour Discovery message (RFC 4861 section 4.3). Neither is
/// looked for behind extension headers.
const ICMPV6_TYPE: i32 = ETHERNET + 40;
const NEIGHBOUR_TARGET: i32 = ETHERNET + 48;
const NEIGHBOUR_SOLICITATION: i32 = 135;
const NEIGHBOUR_ADVERTISEMENT: i32 = 136;

/// The stack: the address in question as a key of the map, and other things for a moment. `R6` is the
/// packet throughout, and `R9` the address's record once it is found.
const ADDRESS: i16 = -16;
const ADDRESS_IPV4: i16 = ADDRESS + 12;
const SLOT: i16 = -24;
const OTHER: i16 = -40;

/// Where to go on with what was found in a packet.
#[derive(Debug, Clone, Copy)]
struct Exits {
    /// [`ADDRESS`] is what an ARP or Neighbour Discovery packet is about.
    resolution: Label,
    /// [`ADDRESS`] is where any other packet goes to.
    traffic: Label,
    /// It is not for us to judge.
    pass: Label,
}

/// Assembles one of them over the maps of these descriptors.
///
/// * In: a packet to an address whose lease has ended, and an ARP request or Neighbour Solicitation
///   for it, are dropped. Another node's announcement (a request for its own address) passes: it is to
///   be heard. While connections on the address finish, packets to it pass nevertheless. Of those that
///   are let pass, the ones of connections that another node has are sent there ([`forward`]). To an
///   address that takes no packets, only Neighbour Advertisements pass.
/// * Out: an ARP packet, Neighbour Advertisement or Neighbour Solicitation that says we have such an
///   address is dropped, whoever made it.
///
/// Everything else, every other address, and frames of a VLAN on top of this interface, are left to
/// the filters that follow.
///
/// On an interface with a virtual MAC address of its own (`by_mac`), that one is leased as well, and without
/// its lease every frame that comes from it or is for it is dropped, whatever it is about: the kernel has
/// more to say than ARP, such as its multicast groups, and switches would look for the address here.
pub(super) fn gate(way: Way, addresses: i32, records: i32, by_mac: bool) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    let [resolution, traffic, pass, drop] = std::array::from_fn(|_| asm.label());
    let exits = Exits {
        resolution,
        traffic,
        pass,
    };
    asm.copy(R6, R1);
    if by_mac {
        judge_mac(&mut asm, way, addresses, records, [drop, pass]);
    }
    find_address(&mut asm, way, exits);
    asm.place(resolution);
    find_record(&mut asm, addresses, records, pass);
    asm.jump_if_register(R0, When::Less, R7, pass);
    asm.load(Width::W64, R8, R9, Field::Draining.offset());
    judge_end(&mut asm, drop, pass);
    asm.place(drop);
    asm.finish(SHOT);
    if way == Way::In {
        let [wanted, taken] = std::array::from_fn(|_| asm.label());
        asm.place(traffic);
        find_record(&mut asm, addresses, records, pass);
        asm.jump_if_register(R0, When::Less, R7, wanted);
        asm.load(Width::W64, R8, R9, Field::Draining.offset());
        judge_end(&mut asm, wanted, pass);
        asm.finish(SHOT);
        asm.place(wanted);
        asm.load(Width::W64, R8, R9, Field::Refusing.offset());
        asm.jump_if(R8, When::Equal, 0, taken);
        pass_advertisement(&mut asm, pass);
        asm.finish(SHOT);
        asm.place(taken);
        forward::forward(&mut asm, pass);
    }
    asm.place(pass);
    asm.finish(NO_OPINION);
    asm.assemble()
}

/// To `drop` when the frame comes from a MAC address, or is for one, whose lease has ended; to `pass` when
/// it is cut short; else on.
fn judge_mac(
    asm: &mut Assembler,
    way: Way,
    addresses: i32,
    records: i32,
    [drop, pass]: [Label; 2],
) {
    let leased = asm.label();
    let mac = match way {
        Way::In => DESTINATION_HARDWARE,
        Way::Out => SOURCE_HARDWARE,
    };
    // As `super::of_mac` has it.
    asm.store_value(Width::W64, R10, ADDRESS, -1);
    asm.store_value(Width::W16, R10, ADDRESS + 8, -1);
    load_field(asm, mac, 6, ADDRESS + 10, pass);
    find_record(asm, addresses, records, leased);
    asm.jump_if_register(R0, When::Less, R7, leased);
    match way {
        // Until switches know its next holder, what they send here still is taken.
        Way::In => {
            asm.load(Width::W64, R8, R9, Field::Draining.offset());
            judge_end(asm, leased, leased);
        }
        Way::Out => {
            asm.set(R8, 0);
            judge_end(asm, drop, leased);
        }
    }
    asm.jump(drop);
    asm.place(leased);
}

/// Puts the address that a packet is about at [`ADDRESS`], and goes where such packets are judged.
fn find_address(asm: &mut Assembler, way: Way, exits: Exits) {
    let [ipv4, ipv6] = std::array::from_fn(|_| asm.label());
    asm.load(Width::W32, R7, R6, VLAN_TCI);
    asm.mask(R7, VLAN_ID);
    asm.jump_if(R7, When::NotEqual, 0, exits.pass);
    asm.load(Width::W32, R7, R6, PROTOCOL);
    asm.jump_if(R7, When::Equal, network_order(ETHERTYPE_IPV6), ipv6);
    if way == Way::In {
        asm.jump_if(R7, When::Equal, network_order(ETHERTYPE_IPV4), ipv4);
    }
    asm.jump_if(R7, When::NotEqual, network_order(ETHERTYPE_ARP), exits.pass);
    find_in_arp(asm, way, exits.pass);
    asm.jump(exits.resolution);
    if way == Way::In {
        asm.place(ipv4);
        load_ipv4(asm, IPV4_DESTINATION, exits.pass);
        asm.jump(exits.traffic);
    }
    asm.place(ipv6);
    find_in_ipv6(asm, way, exits);
}

/// Puts the address that an ARP packet is about at [`ADDRESS`]; to `pass` when it is not for us to judge.
fn find_in_arp(asm: &mut Assembler, way: Way, pass: Label) {
    load_field(asm, ETHERNET, 8, OTHER, pass);
    asm.load(Width::W32, R7, R10, OTHER);
    asm.set_wide(R8, u64::from(ARP_FOR_IPV4.to_be()));
    asm.jump_if_register(R7, When::NotEqual, R8, pass);
    match way {
        Way::In => {
            asm.load(Width::W16, R7, R10, OTHER + 6);
            asm.jump_if(R7, When::NotEqual, network_order(ARP_REQUEST), pass);
            load_field(asm, ARP_SENDER, 4, OTHER, pass);
            load_ipv4(asm, ARP_TARGET, pass);
            asm.load(Width::W32, R7, R10, OTHER);
            asm.load(Width::W32, R8, R10, ADDRESS_IPV4);
            asm.jump_if_register(R7, When::Equal, R8, pass);
        }
        Way::Out => load_ipv4(asm, ARP_SENDER, pass),
    }
}

fn find_in_ipv6(asm: &mut Assembler, way: Way, exits: Exits) {
    let destination = asm.label();
    let no_discovery = match way {
        Way::In => destination,
        Way::Out => exits.pass,
    };
    load_field(asm, IPV6_NEXT_HEADER, 1, OTHER, exits.pass);
    asm.load(Width::W8, R7, R10, OTHER);
    asm.jump_if(R7, When::NotEqual, ICMPV6, no_discovery);
    load_field(asm, ICMPV6_TYPE, 1, OTHER, no_discovery);
    asm.load(Width::W8, R7, R10, OTHER);
    match way {
        Way::In => {
            asm.jump_if(R7, When::NotEqual, NEIGHBOUR_SOLICITATION, destination);
            load_field(asm, NEIGHBOUR_TARGET, 16, ADDRESS, exits.pass);
            asm.jump(exits.resolution);
            asm.place(destination);
            load_field(asm, IPV6_DESTINATION, 16, ADDRESS, exits.pass);
            asm.jump(exits.traffic);
        }
        Way::Out => {
            let question = asm.label();
            asm.jump_if(R7, When::Equal, NEIGHBOUR_SOLICITATION, question);
            asm.jump_if(R7, When::NotEqual, NEIGHBOUR_ADVERTISEMENT, exits.pass);
            load_field(asm, NEIGHBOUR_TARGET, 16, ADDRESS, exits.pass);
            asm.jump(exits.resolution);
            asm.place(question);
            load_field(asm, IPV6_SOURCE, 16, ADDRESS, exits.pass);
        }
    }
}

/// To `pass` if the packet is a Neighbour Advertisement (RFC 9568 section 6.4.3); else on.
fn pass_advertisement(asm: &mut Assembler, pass: Label) {
    let other = asm.label();
    asm.load(Width::W32, R7, R6, PROTOCOL);
    asm.jump_if(R7, When::NotEqual, network_order(ETHERTYPE_IPV6), other);
    load_field(asm, IPV6_NEXT_HEADER, 1, OTHER, other);
    asm.load(Width::W8, R7, R10, OTHER);
    asm.jump_if(R7, When::NotEqual, ICMPV6, other);
    load_field(asm, ICMPV6_TYPE, 1, OTHER, other);
    asm.load(Width::W8, R7, R10, OTHER);
    asm.jump_if(R7, When::Equal, NEIGHBOUR_ADVERTISEMENT, pass);
    asm.place(other);
}

/// `R9 =` the record of the address at [`ADDRESS`], `R7 =` its lease's end, `R0 =` now; to `pass` when
/// the address is not guarded, or was never leased.
fn find_record(asm: &mut Assembler, addresses: i32, records: i32, pass: Label) {
    look_up(asm, addresses, ADDRESS, pass);
    asm.load(Width::W32, R1, R0, 0);
    asm.store(Width::W32, R10, SLOT, R1);
    look_up(asm, records, SLOT, pass);
    asm.copy(R9, R0);
    asm.load(Width::W64, R7, R9, Field::Leased.offset());
    asm.jump_if(R7, When::Equal, 0, pass);
    asm.call(KTIME_GET_BOOT_NS);
}

/// Of a lease that ended at `R7`: to `draining` before the time in `R8`, to `pass` when both were over
/// for long; else on.
fn judge_end(asm: &mut Assembler, draining: Label, pass: Label) {
    let later = asm.label();
    asm.jump_if_register(R0, When::Less, R8, draining);
    asm.jump_if_register(R8, When::Less, R7, later);
    asm.copy(R7, R8);
    asm.place(later);
    asm.subtract(R0, R7);
    let judges_for = u64::try_from(JUDGES_FOR.as_nanos()).expect("a minute fits");
    asm.set_wide(R1, judges_for);
    asm.jump_if_register(R0, When::AtLeast, R1, pass);
}

/// `R0 =` the value in `map` under the key at `key` on the stack; to `missing` when there is none.
fn look_up(asm: &mut Assembler, map: i32, key: i16, missing: Label) {
    asm.set_map(R1, map);
    asm.copy(R2, R10);
    asm.add(R2, key.into());
    asm.call(MAP_LOOKUP_ELEM);
    asm.jump_if(R0, When::Equal, 0, missing);
}

/// Puts an IPv4 address of the packet at [`ADDRESS`], as the map has it.
fn load_ipv4(asm: &mut Assembler, offset: i32, short: Label) {
    asm.store_value(Width::W64, R10, ADDRESS, 0);
    let mapped = 0x0000_ffff_u32.to_be().cast_signed();
    asm.store_value(Width::W32, R10, ADDRESS + 8, mapped);
    load_field(asm, offset, 4, ADDRESS_IPV4, short);
}

/// Copies bytes of the packet, wherever they are in memory, to the stack; to `short` when the packet
/// ends before.
fn load_field(asm: &mut Assembler, offset: i32, length: i32, to: i16, short: Label) {
    asm.set(R2, offset);
    load_at_r2(asm, length, to, short);
}

/// The same, from the offset in `R2`.
fn load_at_r2(asm: &mut Assembler, length: i32, to: i16, short: Label) {
    asm.copy(R1, R6);
    asm.copy(R3, R10);
    asm.add(R3, to.into());
    asm.set(R4, length);
    asm.call(SKB_LOAD_BYTES);
    asm.jump_if(R0, When::NotEqual, 0, short);
}

/// The bytes of `value` as on the wire, read as a number of this machine.
fn network_order(value: u16) -> i32 {
    i32::from(value.to_be())
}
