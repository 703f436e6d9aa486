//! The thread that writes the access log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::Shared;

/// What the writer is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Whole lines.
    Lines { lines: u64, bytes: Vec<u8> },
    /// Write somewhere else from now on.
    Switch(Sink),
    /// Open the same file anew.
    Reopen,
}

/// Where lines go.
#[derive(Debug)]
pub(crate) enum Sink {
    Off,
    Stdout,
    File(PathBuf, File),
}

/// Writes until every sender is gone.
pub(crate) fn run(messages: &Receiver<Message>, shared: &Shared) {
    let mut sink = Sink::Off;
    let mut failing = false;
    for message in messages {
        match message {
            Message::Switch(to) => sink = to,
            Message::Reopen => reopen(&mut sink),
            Message::Lines { lines, bytes } => {
                shared.queued.fetch_sub(1, Ordering::Relaxed);
                match write(&mut sink, &bytes) {
                    Ok(()) => failing = false,
                    Err(error) => {
                        shared.dropped.fetch_add(lines, Ordering::Relaxed);
                        // Said once, not once a buffer: a full disk is full for long.
                        if !failing {
                            tracing::error!(%error, "cannot write the access log; lines are dropped");
                        }
                        failing = true;
                    }
                }
            }
        }
    }
}

fn write(sink: &mut Sink, bytes: &[u8]) -> io::Result<()> {
    match sink {
        Sink::Off => Ok(()),
        Sink::Stdout => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()
        }
        Sink::File(_, file) => file.write_all(bytes),
    }
}

fn reopen(sink: &mut Sink) {
    if let Sink::File(path, file) = sink {
        match OpenOptions::new().append(true).create(true).open(&*path) {
            Ok(new) => *file = new,
            Err(error) => tracing::error!(
                path = %path.display(),
                %error,
                "cannot open the access log anew; still writing to the old file"
            ),
        }
    }
}
