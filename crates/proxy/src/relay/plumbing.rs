//! What the relays of a worker share: they need it only while bytes move.

use std::cell::RefCell;
use std::io;

use halo_netio::splice::Pipe;

/// Bytes read at a time where they are copied. One buffer a worker, so that it stays in the cache;
/// who sends more than this at once is worth a pipe.
const SCRATCH: usize = 32 * 1024;

/// Bytes a pipe is to hold: enough that a system call moves many packets, and little enough that
/// the 64 MiB that Linux allows each user in pipes serve two hundred streams at full speed.
const PIPE: usize = 256 * 1024;

/// Empty pipes kept for the next stream; a burst's others are closed.
const KEPT: usize = 64;

/// A worker's buffer and pipes.
#[derive(Debug)]
pub(crate) struct Plumbing {
    scratch: RefCell<Box<[u8]>>,
    pipes: RefCell<Vec<Pipe>>,
}

impl Default for Plumbing {
    fn default() -> Self {
        Self {
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            pipes: RefCell::default(),
        }
    }
}

impl Plumbing {
    /// Lends the buffer.
    pub(crate) fn with_scratch<T>(&self, work: impl FnOnce(&mut [u8]) -> T) -> T {
        work(&mut self.scratch.borrow_mut())
    }

    /// An empty pipe.
    pub(crate) fn take_pipe(&self) -> io::Result<Pipe> {
        match self.pipes.borrow_mut().pop() {
            Some(pipe) => Ok(pipe),
            None => Pipe::open(PIPE),
        }
    }

    /// Takes a pipe back. One that holds bytes is closed, and they with it.
    pub(crate) fn put_pipe(&self, pipe: Pipe) {
        let mut pipes = self.pipes.borrow_mut();
        if pipe.held() == 0 && pipes.len() < KEPT {
            pipes.push(pipe);
        }
    }
}
