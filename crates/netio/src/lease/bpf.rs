//! `bpf(2)`: maps and programs.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::assembler::Instruction;

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const MAP_DELETE_ELEM: libc::c_long = 3;
const PROG_LOAD: libc::c_long = 5;
const PROG_TEST_RUN: libc::c_long = 10;

const MAP_TYPE_HASH: u32 = 1;
const MAP_TYPE_ARRAY: u32 = 2;
const FLAG_MMAPABLE: u32 = 1 << 10;
const PROG_TYPE_SCHED_CLS: u32 = 3;

/// What the verifier says of a program that it refuses; it ends with the reason.
const LOG: usize = 64 * 1024;

/// The start of `union bpf_attr`, as `BPF_MAP_CREATE` reads it. The kernel takes what is missing
/// at the end for zero, of each of these.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

#[repr(C)]
struct MapElement {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgramLoad {
    program_type: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    verdict: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
}

/// An address as a map's key, in network order; IPv4 as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2).
pub(super) type Key = [u8; 16];

/// `slot number of an address`, by [`Key`].
#[derive(Debug)]
pub(super) struct AddressMap(OwnedFd);

impl AddressMap {
    pub(super) fn create(entries: u32) -> io::Result<Self> {
        create_map(&MapCreate {
            map_type: MAP_TYPE_HASH,
            key_size: 16,
            value_size: 4,
            max_entries: entries,
            map_flags: 0,
        })
        .map(Self)
    }

    pub(super) fn insert(&self, address: Key, slot: u32) -> io::Result<()> {
        self.change(MAP_UPDATE_ELEM, address, slot)
    }

    pub(super) fn remove(&self, address: Key) -> io::Result<()> {
        self.change(MAP_DELETE_ELEM, address, 0)
    }

    fn change(&self, command: libc::c_long, address: Key, slot: u32) -> io::Result<()> {
        let mut element = MapElement {
            map: number(self.0.as_raw_fd()),
            padding: 0,
            key: address_of(&address),
            value: if command == MAP_DELETE_ELEM {
                0
            } else {
                address_of(&slot)
            },
            flags: 0,
        };
        // SAFETY: key and value are of the sizes that the map was created with, and outlive the call.
        unsafe { bpf(command, &mut element) }.map(drop)
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// What the programs know of an address, in the order in which it is in a [`Records`] map. Times are
/// nanoseconds of `CLOCK_BOOTTIME`, as the kernel counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Field {
    /// The lease's end.
    Leased = 0,
    /// The end of the time in which connections finish here without a lease.
    Draining = 1,
    /// The end of the time in which connections that are unknown here belong to another node.
    Forwarding = 2,
    /// That node's hardware address, in the first six bytes.
    ForwardTo = 3,
    /// Not 0: packets to the address are dropped, whoever has it.
    Refusing = 4,
}

impl Field {
    const COUNT: usize = 5;

    /// Where the programs find it in a record.
    pub(super) fn offset(self) -> i16 {
        self as i16 * 8
    }
}

/// A record for each slot, shared with the kernel.
#[derive(Debug)]
pub(super) struct Records {
    map: OwnedFd,
    memory: NonNull<AtomicU64>,
    slots: usize,
}

// SAFETY: the memory belongs to this value alone on this side, is mapped until it is dropped, and is
// only touched through atomics.
unsafe impl Send for Records {}

impl Records {
    pub(super) fn create(slots: u32) -> io::Result<Self> {
        let map = create_map(&MapCreate {
            map_type: MAP_TYPE_ARRAY,
            key_size: 4,
            value_size: (Field::COUNT * size_of::<AtomicU64>()) as u32,
            max_entries: slots,
            map_flags: FLAG_MMAPABLE,
        })?;
        Self::map(map, slots as usize)
    }

    /// Shares the records of a map that another process made with this many slots.
    pub(super) fn map(map: OwnedFd, slots: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice; the kernel checks the length
        // against the map's.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Self::length(slots),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { map, memory, slots })
    }

    /// Sets a field of a slot: one store, no system call. The kernel's programs see the stores of
    /// this thread in their order.
    pub(super) fn set(&self, slot: usize, field: Field, value: u64) {
        self.cell(slot, field).store(value, Ordering::Release);
    }

    /// A field of a slot.
    pub(super) fn get(&self, slot: usize, field: Field) -> u64 {
        self.cell(slot, field).load(Ordering::Acquire)
    }

    fn cell(&self, slot: usize, field: Field) -> &AtomicU64 {
        assert!(slot < self.slots, "slots are given out below their number");
        // SAFETY: the slot's fields are within the mapping, which is page-aligned and lives as long as
        // `self`.
        unsafe {
            self.memory
                .add(slot * Field::COUNT + field as usize)
                .as_ref()
        }
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.map.as_raw_fd()
    }

    /// Another descriptor of the map, for another process.
    pub(super) fn share(&self) -> io::Result<OwnedFd> {
        self.map.try_clone()
    }

    /// Bytes of the mapping.
    fn length(slots: usize) -> usize {
        slots * Field::COUNT * size_of::<AtomicU64>()
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that `create` made, which nothing refers to any more. The kernel
        // keeps the map itself for the programs.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), Self::length(self.slots)) };
    }
}

/// A verified program.
#[derive(Debug)]
pub(super) struct Program(OwnedFd);

impl Program {
    /// Loads a traffic control classifier; an error of the verifier carries its last words.
    pub(super) fn load(code: &[Instruction]) -> io::Result<Self> {
        match Self::load_with(code, &mut []) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EACCES)) => {
                let mut log = vec![0; LOG];
                Self::load_with(code, &mut log).map_err(|error| with_log(&error, &log))
            }
            other => other,
        }
    }

    fn load_with(code: &[Instruction], log: &mut [u8]) -> io::Result<Self> {
        let license = c"Apache-2.0";
        let mut load = ProgramLoad {
            program_type: PROG_TYPE_SCHED_CLS,
            instructions: u32::try_from(code.len()).map_err(io::Error::other)?,
            code: code.as_ptr().expose_provenance() as u64,
            license: license.as_ptr().expose_provenance() as u64,
            log_level: u32::from(!log.is_empty()),
            log_size: u32::try_from(log.len()).map_err(io::Error::other)?,
            log: if log.is_empty() {
                0
            } else {
                log.as_mut_ptr().expose_provenance() as u64
            },
        };
        // SAFETY: code, license and log are valid for the call, with their true lengths.
        let descriptor = unsafe { bpf(PROG_LOAD, &mut load) }?;
        // SAFETY: a new descriptor that nobody else knows.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Runs it over a frame (`BPF_PROG_TEST_RUN`), as traffic control would; its verdict, and the frame
    /// as it is then.
    pub(super) fn run(&self, frame: &[u8]) -> io::Result<(i32, Vec<u8>)> {
        let mut output = vec![0; frame.len()];
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        let mut run = TestRun {
            program: number(self.0.as_raw_fd()),
            data_size_in: length,
            data_size_out: length,
            data_in: frame.as_ptr().expose_provenance() as u64,
            data_out: output.as_mut_ptr().expose_provenance() as u64,
            repeat: 1,
            ..TestRun::default()
        };
        // SAFETY: the frame and the room for its copy are valid for the call, with their true lengths.
        unsafe { bpf(PROG_TEST_RUN, &mut run) }?;
        Ok((run.verdict.cast_signed(), output))
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0)
    }
}

fn create_map(create: &MapCreate) -> io::Result<OwnedFd> {
    let mut create = MapCreate { ..*create };
    // SAFETY: the structure has no pointers.
    let descriptor = unsafe { bpf(MAP_CREATE, &mut create) }?;
    // SAFETY: a new descriptor that nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// # Safety
/// `attributes` must be what `command` reads and writes, and its pointers valid for the call.
unsafe fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<RawFd> {
    // SAFETY: the caller's promise; the kernel reads and writes no more than the size given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    RawFd::try_from(result).map_err(io::Error::other)
}

fn with_log(error: &io::Error, log: &[u8]) -> io::Error {
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..end]);
    let last: Vec<&str> = log.lines().rev().take(3).collect();
    io::Error::new(error.kind(), format!("{error} ({})", last.join(" | ")))
}

fn address_of<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).expose_provenance() as u64
}

fn number(descriptor: RawFd) -> u32 {
    descriptor.cast_unsigned()
}
