//! The two programs: what comes in, and what goes out, on the interface of a virtual IP.

use std::time::Duration;

use super::Way;
use super::assembler::{Assembler, Instruction, Label, Register, When, Width};
use Register::{R0, R1, R2, R3, R4, R6, R7, R8, R10};

/// `TC_ACT_SHOT`: the packet is dropped.
pub(super) const SHOT: i32 = 2;
/// `TC_ACT_UNSPEC`: none of our business; the next filter is asked.
pub(super) const NO_OPINION: i32 = -1;

/// For this long after its end a lease shuts the gate. By then the kernel took the address off long
/// since (its `valid_lft` is seconds): whoever put it on again is not Halo, and is let work.
pub(super) const JUDGES_FOR: Duration = Duration::from_secs(60);

/// Helpers of the kernel, by number (`linux/bpf.h`).
const MAP_LOOKUP_ELEM: i32 = 1;
const SKB_LOAD_BYTES: i32 = 26;
const KTIME_GET_BOOT_NS: i32 = 125;

/// Where `struct __sk_buff` has the EtherType, in network order.
const PROTOCOL: i16 = 16;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERNET: i32 = 14;
const IPV4_DESTINATION: i32 = ETHERNET + 16;
const ARP_SENDER: i32 = ETHERNET + 14;
const ARP_TARGET: i32 = ETHERNET + 24;
/// Start of an ARP packet for IPv4 over Ethernet: hardware type 1, protocol 0x0800, lengths 6, 4.
const ARP_FOR_IPV4: u32 = 0x0001_0800;
const ARP_REQUEST: u16 = 1;

/// The stack: the address in question, and other things for a moment.
const ADDRESS: i16 = -4;
const SLOT: i16 = -8;
const OTHER: i16 = -16;

/// Assembles one of them over the maps of these descriptors.
///
/// * In: an IPv4 packet to an address whose lease has ended, and an ARP request for it, are dropped.
///   Another node's announcement (a request for its own address) passes: it is to be heard.
/// * Out: an ARP packet that says we have such an address is dropped, whoever made it.
///
/// Everything else, and every other address, is left to the filters that follow.
pub(super) fn gate(way: Way, addresses: i32, deadlines: i32) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    let pass = asm.label();
    let judge = asm.label();
    asm.copy(R6, R1);
    asm.load(Width::W32, R7, R6, PROTOCOL);
    if way == Way::In {
        let not_ip = asm.label();
        asm.jump_if(R7, When::NotEqual, network_order(ETHERTYPE_IPV4), not_ip);
        load_field(&mut asm, IPV4_DESTINATION, 4, ADDRESS, pass);
        asm.jump(judge);
        asm.place(not_ip);
    }
    asm.jump_if(R7, When::NotEqual, network_order(ETHERTYPE_ARP), pass);
    load_field(&mut asm, ETHERNET, 8, OTHER, pass);
    asm.load(Width::W32, R7, R10, OTHER);
    asm.set_wide(R8, u64::from(ARP_FOR_IPV4.to_be()));
    asm.jump_if_register(R7, When::NotEqual, R8, pass);
    match way {
        Way::In => {
            asm.load(Width::W16, R7, R10, OTHER + 6);
            asm.jump_if(R7, When::NotEqual, network_order(ARP_REQUEST), pass);
            load_field(&mut asm, ARP_SENDER, 4, OTHER, pass);
            load_field(&mut asm, ARP_TARGET, 4, ADDRESS, pass);
            asm.load(Width::W32, R7, R10, OTHER);
            asm.load(Width::W32, R8, R10, ADDRESS);
            asm.jump_if_register(R7, When::Equal, R8, pass);
        }
        Way::Out => load_field(&mut asm, ARP_SENDER, 4, ADDRESS, pass),
    }
    asm.place(judge);
    judge_address(&mut asm, addresses, deadlines, pass);
    asm.finish(SHOT);
    asm.place(pass);
    asm.finish(NO_OPINION);
    asm.assemble()
}

/// Goes on when the lease of the address at [`ADDRESS`] has ended not long ago, else to `pass`.
fn judge_address(asm: &mut Assembler, addresses: i32, deadlines: i32, pass: Label) {
    look_up(asm, addresses, ADDRESS, pass);
    asm.load(Width::W32, R1, R0, 0);
    asm.store(Width::W32, R10, SLOT, R1);
    look_up(asm, deadlines, SLOT, pass);
    asm.load(Width::W64, R7, R0, 0);
    asm.call(KTIME_GET_BOOT_NS);
    asm.jump_if_register(R0, When::Less, R7, pass);
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

/// Copies bytes of the packet, wherever they are in memory, to the stack; to `short` when the packet
/// ends before. The packet is in `R6`.
fn load_field(asm: &mut Assembler, offset: i32, length: i32, to: i16, short: Label) {
    asm.copy(R1, R6);
    asm.set(R2, offset);
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
