//! Locked memory: in a process of its own, since it is all of the process's.

use std::fs;
use std::process::Command;

use halo_netio::process::{Residence, lock_memory};

/// KiB that are locked, as proc_pid_status(5) says.
fn locked(status: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with("VmLck:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of KiB")
}

#[test]
fn memory_is_locked_or_the_remedy_told_and_children_do_not_inherit_it() {
    let residence = lock_memory();
    let own = locked(&fs::read_to_string("/proc/self/status").unwrap());
    match &residence {
        Residence::Locked => {
            assert!(own > 2 * 1024, "{own} KiB, the heap among them");
            assert_eq!(residence.warning(), None);
        }
        Residence::Pageable(_) => {
            assert_eq!(own, 0, "half of it is worse than nothing");
            let warning = residence.warning().unwrap();
            assert!(warning.contains("CAP_IPC_LOCK"), "{warning}");
        }
    }
    let child = Command::new("cat")
        .arg("/proc/self/status")
        .output()
        .unwrap();
    assert_eq!(locked(&String::from_utf8(child.stdout).unwrap()), 0);
}
