//! What is started, and what becomes of it.

use super::*;

fn started(launch: &Launch) -> io::Result<Launched> {
    // SAFETY: nothing is done.
    unsafe { launch.start(&mut || Ok(())) }
}

fn shell(script: &str) -> Launch {
    Launch::new("/bin/sh", "sh")
        .and_then(|launch| launch.argument("-c"))
        .and_then(|launch| launch.argument(script))
        .unwrap()
}

fn code(mut launched: Launched) -> Option<i32> {
    launched.wait().unwrap().unwrap().code()
}

#[test]
fn a_program_gets_its_arguments_and_no_environment_but_its_own() {
    let script = "test \"$0\" = sh && test \"$KEY\" = value && test -z \"$CARGO\"";
    let launch = shell(script).variable("KEY", "value").unwrap();
    assert_eq!(code(started(&launch).unwrap()), Some(0));
}

#[test]
fn it_starts_where_it_is_told_without_input_and_with_its_signals() {
    let script = "test \"$(pwd)\" = / && test -z \"$(cat)\" && kill -PIPE $$";
    let launch = shell(script).directory("/").unwrap().nowhere(&[0]);
    let mut launched = started(&launch).unwrap();
    let status = launched.wait().unwrap().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGPIPE));
}

#[test]
fn what_cannot_be_executed_is_an_error_and_leaves_no_child() {
    let missing = Launch::new("/no/such/program", "x").unwrap();
    let error = started(&missing).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    let launch = shell("true");
    // SAFETY: an error made of a number.
    let refused = unsafe { launch.start(&mut || Err(io::Error::from_raw_os_error(libc::EPERM))) };
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EPERM));
}

#[test]
fn a_file_that_the_kernel_cannot_execute_is_a_script() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("check");
    std::fs::write(&file, "exit 3\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let launch = Launch::new(&file, "check").unwrap();
    assert_eq!(code(started(&launch).unwrap()), Some(3));
}

#[test]
fn the_end_is_told_again_and_the_process_is_known_by_its_descriptor() {
    let mut launched = started(&shell("exit 4")).unwrap();
    let mut ready = [nix::poll::PollFd::new(
        launched.as_fd(),
        nix::poll::PollFlags::POLLIN,
    )];
    nix::poll::ppoll(&mut ready, None, None).unwrap();
    for _ in 0..2 {
        let status = launched.try_wait().unwrap().unwrap();
        assert_eq!(status.code(), Some(4));
    }
}

#[test]
fn other_threads_go_on_while_a_child_gets_ready() {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};
    static TURNS: AtomicU64 = AtomicU64::new(0);
    let thread = std::thread::spawn(|| {
        let end = Instant::now() + Duration::from_secs(20);
        let launch = shell("true");
        // SAFETY: sleeps by a system call until the other thread has turned; reads an atomic.
        let mut launched = unsafe {
            launch.start(&mut || {
                let pause = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: 1_000_000,
                };
                while TURNS.load(Ordering::Relaxed) < 10 && Instant::now() < end {
                    libc::nanosleep(&raw const pause, ptr::null_mut());
                }
                Ok(())
            })
        }
        .unwrap();
        launched.wait().unwrap();
        TURNS.load(Ordering::Relaxed)
    });
    while !thread.is_finished() {
        TURNS.fetch_add(1, Ordering::Relaxed);
        std::thread::yield_now();
    }
    assert!(thread.join().unwrap() >= 10);
}
