//! Linux capabilities: what the agent needs, and what its child may keep.

use std::io;

use crate::error::{Error, Result};

/// The capabilities that Halo knows by name, by their number (`linux/capability.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// Change group identities.
    SetGid = 6,
    /// Change user identities.
    SetUid = 7,
    /// Drop capabilities from the bounding set.
    SetPcap = 8,
    /// Bind ports below 1024.
    NetBindService = 10,
    /// Change addresses and links.
    NetAdmin = 12,
    /// Send and receive raw packets.
    NetRaw = 13,
    /// Lock memory without a limit.
    IpcLock = 14,
}

impl Capability {
    /// Whether this process has it in force.
    #[must_use]
    pub fn in_force(self) -> bool {
        read_own().is_ok_and(|own| own.effective & self.bit() != 0)
    }

    /// The bits of several.
    pub(super) fn bits(all: &[Self]) -> u64 {
        all.iter().fold(0, |bits, one| bits | one.bit())
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// Fails unless this process may do the agent's work, and says what would let it.
pub fn require_network_privileges() -> Result<()> {
    if Capability::NetAdmin.in_force() && Capability::NetRaw.in_force() {
        return Ok(());
    }
    Err(Error::Privilege {
        what: "hold virtual IPs".to_owned(),
        remedy: "halod needs CAP_NET_ADMIN and CAP_NET_RAW: run it as root, or in a container with \
                 `cap_add: [NET_ADMIN, NET_RAW]`",
    })
}

/// The highest capability that any kernel may know: the sets are 64 bits wide.
const HIGHEST: libc::c_ulong = 63;
/// `_LINUX_CAPABILITY_VERSION_3`.
const VERSION_3: u32 = 0x2008_0522;
/// `SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED`:
/// user 0 gets nothing for being user 0.
const ROOT_IS_NOBODY: libc::c_ulong = 0b1111;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Default, Clone, Copy)]
struct Words {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

struct Sets {
    effective: u64,
    permitted: u64,
}

/// Shuts every way to capabilities that this process does not have, or that are not in `keep`, being user 0 included. Comes
/// before the change of user, which takes `CAP_SETPCAP` out of force. Only system calls: runs
/// between fork and exec.
pub(super) fn gain_no_more(keep: u64) -> io::Result<()> {
    drop_bounding_set(keep);
    // Where CAP_SETPCAP is missing, `no_new_privs` alone keeps user 0 from regaining its
    // capabilities over exec.
    prctl_where_permitted(libc::PR_SET_SECUREBITS, ROOT_IS_NOBODY, 0)?;
    nix::sys::prctl::set_no_new_privs()?;
    Ok(())
}

/// Leaves this process those of `keep` that it has, and nothing else. Only system calls: runs between
/// fork and exec.
pub(super) fn keep_only(keep: u64) -> io::Result<()> {
    let keep = read_own()?.permitted & keep;
    write_own(keep)?;
    for number in (0..=HIGHEST).filter(|number| keep >> number & 1 == 1) {
        prctl_where_permitted(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong,
            number,
        )?;
    }
    Ok(())
}

/// Leaves this process no capability. Only system calls: runs between fork and exec.
pub(super) fn keep_none() -> io::Result<()> {
    write_own(0)
}

/// Takes all but `keep` out of the bounding set, where that is permitted.
fn drop_bounding_set(keep: u64) {
    for number in (0..=HIGHEST).filter(|number| keep >> number & 1 == 0) {
        // SAFETY: prctl with integers only. Its failure (no CAP_SETPCAP, or a number that this
        // kernel does not know) leaves the set as it is, which `no_new_privs` makes harmless.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
    }
}

fn prctl_where_permitted(
    option: libc::c_int,
    first: libc::c_ulong,
    second: libc::c_ulong,
) -> io::Result<()> {
    // SAFETY: prctl with integers only.
    if unsafe { libc::prctl(option, first, second, 0, 0) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EPERM) {
        return Ok(());
    }
    Err(error)
}

fn read_own() -> io::Result<Sets> {
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let mut words = [Words::default(); 2];
    // SAFETY: version 3 reads the header and fills two `Words`; both outlive the call.
    if unsafe { libc::syscall(libc::SYS_capget, &raw const header, words.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Sets {
        effective: wide(words[0].effective, words[1].effective),
        permitted: wide(words[0].permitted, words[1].permitted),
    })
}

fn write_own(set: u64) -> io::Result<()> {
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let half = |bits: u64| Words {
        effective: bits as u32,
        permitted: bits as u32,
        inheritable: bits as u32,
    };
    let words = [half(set), half(set >> 32)];
    // SAFETY: version 3 reads the header and two `Words`; both outlive the call.
    if unsafe { libc::syscall(libc::SYS_capset, &raw const header, words.as_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn wide(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_our_capabilities() {
        let own = read_own().unwrap();
        assert_eq!(own.effective & !own.permitted, 0);
    }

    #[test]
    fn a_set_is_told_from_its_halves() {
        assert_eq!(wide(0x400, 0x1), 0x1_0000_0400);
    }
}
