//! Ending without a trace: on ^C, SIGTERM, SIGHUP and panic.
//!
//! Processes and namespaces die with this process anyway, however it ends; what needs care is
//! the lab's directory.

use anyhow::Context;
use nix::sys::signal::{SigSet, Signal};

/// Blocks the signals that end a program, so that [`wait`] gets them. Before any thread.
pub(super) fn block() -> anyhow::Result<SigSet> {
    let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    set.thread_block().context("cannot block signals")?;
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        default(panic);
        halo_lab::remove_directories();
    }));
    Ok(set)
}

/// Waits for a signal.
pub(super) fn wait(set: &SigSet) -> anyhow::Result<Signal> {
    set.wait().context("cannot wait for signals")
}

/// From now on a signal ends the program, after what it leaves on disk has been removed.
pub(super) fn clean_up_on_signals() -> anyhow::Result<()> {
    let set = block()?;
    std::thread::spawn(move || {
        let code = wait(&set).map_or(1, |signal| 128 + signal as i32);
        halo_lab::remove_directories();
        std::process::exit(code)
    });
    Ok(())
}
