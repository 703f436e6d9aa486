//! Starting processes that die with this one.
//!
//! The kernel's parent-death signal is tied to the *thread* that forks. All children are therefore
//! started by one thread that lives as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

struct Job {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

/// Starts `command` from the thread that lives as long as the process.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts processes has ended");
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, waiting) = channel::<Job>();
        // Detached on purpose: it ends with the process.
        thread::spawn(move || {
            for Job { mut command, reply } in waiting {
                if let Err(lost) = reply.send(command.spawn()) {
                    drop(lost); // the asker has gone; its child dies of PDEATHSIG with us
                }
            }
        });
        jobs
    });
    let (reply, answer) = sync_channel(1);
    spawner.send(Job { command, reply }).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}
