//! The access log: one JSON object a line.
//!
//! A worker writes lines into a buffer of its own and hands full buffers to one writer thread. It
//! never waits: when the writer cannot keep up, buffers are dropped and their lines counted.

mod record;
mod timestamp;
mod writer;

use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use halo_config::AccessLog;
use tokio::sync::Notify;

use crate::ApplyError;
use writer::{Message, Sink};

pub(crate) use record::Record;

/// A buffer this full is handed over at once: large enough that the writer's system calls do not
/// matter, small enough to stay in the cache.
const BUFFER: usize = 32 * 1024;

/// Lines wait no longer than this for their buffer to fill.
const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// Buffers that may wait for the writer: 4 MiB in all.
const MOST_QUEUED: usize = 128;

/// The control thread's end.
#[derive(Debug)]
pub(crate) struct Log {
    node: Arc<str>,
    to_writer: Option<Sender<Message>>,
    shared: Arc<Shared>,
    in_force: Mutex<AccessLog>,
    thread: Option<JoinHandle<()>>,
}

/// What workers and writer share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    queued: AtomicUsize,
    dropped: AtomicU64,
}

/// An opened target, not in force yet.
#[derive(Debug)]
pub(crate) struct Opened(Option<(AccessLog, Sink)>);

impl Log {
    pub(crate) fn start(node: &str) -> io::Result<Self> {
        let (to_writer, messages) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new()
            .name("access-log".to_owned())
            .spawn({
                let shared = shared.clone();
                move || writer::run(&messages, &shared)
            })?;
        Ok(Self {
            node: node.into(),
            to_writer: Some(to_writer),
            shared,
            in_force: Mutex::new(AccessLog::Off),
            thread: Some(thread),
        })
    }

    /// A worker's end.
    pub(crate) fn buffer(&self) -> LogBuffer {
        LogBuffer {
            node: self.node.clone(),
            lines: Cell::new(0),
            bytes: RefCell::new(Vec::new()),
            to_writer: self.to_writer.clone(),
            shared: self.shared.clone(),
            not_empty: Notify::new(),
        }
    }

    /// Opens a target without using it yet. Nothing is opened when it is in force already.
    pub(crate) fn open(&self, target: &AccessLog) -> Result<Opened, ApplyError> {
        if *self.in_force() == *target {
            return Ok(Opened(None));
        }
        let sink = match target {
            AccessLog::Off => Sink::Off,
            AccessLog::Stdout => Sink::Stdout,
            AccessLog::File(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                let file = file.map_err(|source| ApplyError::AccessLog {
                    path: path.clone(),
                    source,
                })?;
                Sink::File(path.clone(), file)
            }
        };
        Ok(Opened(Some((target.clone(), sink))))
    }

    /// Uses a target from now on.
    pub(crate) fn switch(&self, opened: Opened) {
        if let Opened(Some((target, sink))) = opened {
            *self.in_force() = target;
            self.send(Message::Switch(sink));
        }
    }

    pub(crate) fn reopen(&self) {
        self.send(Message::Reopen);
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    fn in_force(&self) -> std::sync::MutexGuard<'_, AccessLog> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, message: Message) {
        let sent = self.to_writer.as_ref().map(|to| to.send(message));
        if !matches!(sent, Some(Ok(()))) {
            tracing::error!("the access-log thread is gone; restart the data plane");
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.to_writer = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the access-log thread had panicked");
        }
    }
}

/// A worker's end: lines that wait to be handed over.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    node: Arc<str>,
    lines: Cell<u64>,
    bytes: RefCell<Vec<u8>>,
    to_writer: Option<Sender<Message>>,
    shared: Arc<Shared>,
    not_empty: Notify,
}

impl LogBuffer {
    /// Adds a line.
    pub(crate) fn write(&self, record: &Record<'_>) {
        let mut bytes = self.bytes.borrow_mut();
        let before = bytes.len();
        if serde_json::to_writer(&mut *bytes, &record.on(&self.node)).is_err() {
            bytes.truncate(before);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        bytes.push(b'\n');
        self.lines.set(self.lines.get() + 1);
        if bytes.len() >= BUFFER {
            drop(bytes);
            self.flush();
        } else if before == 0 {
            self.not_empty.notify_one();
        }
    }

    /// Hands over lines that have waited long enough, for as long as the worker runs.
    pub(crate) async fn flush_in_time(&self) {
        loop {
            self.not_empty.notified().await;
            tokio::time::sleep(FLUSH_AFTER).await;
            self.flush();
        }
    }

    fn flush(&self) {
        let lines = self.lines.take();
        if lines == 0 {
            return;
        }
        if self.shared.queued.load(Ordering::Relaxed) >= MOST_QUEUED {
            self.bytes.borrow_mut().clear();
            self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
            return;
        }
        let bytes = std::mem::take(&mut *self.bytes.borrow_mut());
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        let sent = self
            .to_writer
            .as_ref()
            .map(|to| to.send(Message::Lines { lines, bytes }));
        if !matches!(sent, Some(Ok(()))) {
            self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
        }
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}
