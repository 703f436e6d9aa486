//! One direction of a relay.
//!
//! Small pieces are read into the worker's buffer and written at once: two system calls. A sender
//! that fills the buffer goes through a pipe from then on, so that its bytes are never copied, until
//! it sends little again. Neither buffer nor pipe stays with a stream that waits for its sender.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use halo_netio::splice::Pipe;
use nix::sys::socket::{MsgFlags, recv, send};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Plumbing;

/// A piece that came through a pipe and is smaller than this ends the use of pipes: to copy it would
/// have cost less.
const SMALL: usize = 8 * 1024;

/// Bytes moved before other connections get their turn.
const SHARE: usize = 1024 * 1024;

/// Which end of a flow failed.
#[derive(Debug)]
pub(super) enum Broken {
    /// The one that is read.
    Source(io::Error),
    /// The one that is written.
    Sink(io::Error),
}

/// How far a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its source may send more.
    Open,
    /// Its source has ended; what came is still on its way.
    Ending,
    /// Its sink knows.
    Ended,
}

/// Bytes on their way from one socket to the other.
#[derive(Debug)]
pub(super) struct Flow<'a> {
    plumbing: &'a Plumbing,
    from: &'a TcpStream,
    to: &'a TcpStream,
    /// What was read and not taken yet.
    pending: Bytes,
    /// Only while it is filled or drained.
    pipe: Option<Pipe>,
    /// Whether the source sends so much that pipes pay.
    bulk: bool,
    stage: Stage,
    read: u64,
    written: u64,
}

impl<'a> Flow<'a> {
    /// A flow that begins with bytes that were read before.
    pub(super) fn new(
        plumbing: &'a Plumbing,
        from: &'a TcpStream,
        to: &'a TcpStream,
        read_ahead: Bytes,
    ) -> Self {
        Self {
            plumbing,
            from,
            to,
            pending: read_ahead,
            pipe: None,
            bulk: false,
            stage: Stage::Open,
            read: 0,
            written: 0,
        }
    }

    /// Whether it has come to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Bytes read and written since this was last asked.
    pub(super) fn take_counts(&mut self) -> (u64, u64) {
        (
            std::mem::take(&mut self.read),
            std::mem::take(&mut self.written),
        )
    }

    /// Moves what can be moved. Ready when the source has ended and the sink was told so; `alone`:
    /// the other direction has ended already, so that closing the socket will tell it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, alone: bool) -> Poll<Result<(), Broken>> {
        let mut share = SHARE;
        loop {
            let moved = if !self.pending.is_empty() {
                ready!(self.poll_write(cx)).map_err(Broken::Sink)?
            } else if self.pipe.as_ref().is_some_and(|pipe| pipe.held() > 0) {
                ready!(self.poll_drain(cx)).map_err(Broken::Sink)?
            } else {
                match self.stage {
                    Stage::Open => ready!(self.poll_read(cx))?,
                    Stage::Ending => {
                        self.stage = Stage::Ended;
                        if !alone {
                            shutdown(self.to).map_err(Broken::Sink)?;
                        }
                        0
                    }
                    Stage::Ended => return Poll::Ready(Ok(())),
                }
            };
            share = share.saturating_sub(moved);
            if share == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Reads once, by whichever way suits the source.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
        match self.from.poll_read_ready(cx) {
            Poll::Ready(ready) => ready.map_err(Broken::Source)?,
            Poll::Pending => {
                // It may wait for long: others can use the pipe meanwhile.
                if let Some(pipe) = self.pipe.take() {
                    self.plumbing.put_pipe(pipe);
                }
                return Poll::Pending;
            }
        }
        let outcome = if self.bulk { self.fill() } else { self.copy()? };
        Poll::Ready(match outcome {
            Ok(0) => {
                self.stage = Stage::Ending;
                Ok(0)
            }
            Ok(n) => {
                self.read += n as u64;
                Ok(n)
            }
            // The readiness was of yesterday; the next turn waits for a new one.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(Broken::Source(error)),
        })
    }

    /// Takes what the source has into a pipe.
    fn fill(&mut self) -> io::Result<usize> {
        let mut pipe = match self.pipe.take() {
            Some(pipe) => pipe,
            None => match self.plumbing.take_pipe() {
                Ok(pipe) => pipe,
                Err(error) => {
                    // Without descriptors for a pipe, copying still works.
                    tracing::debug!(%error, "no pipe; copying instead");
                    self.bulk = false;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            },
        };
        let filled = self
            .from
            .try_io(Interest::READABLE, || pipe.fill(self.from));
        if let Ok(n) = filled
            && n < SMALL
        {
            self.bulk = false;
        }
        self.pipe = Some(pipe);
        filled
    }

    /// Reads into the worker's buffer and writes from it; what is not taken is kept.
    fn copy(&mut self) -> Result<io::Result<usize>, Broken> {
        let plumbing = self.plumbing;
        plumbing.with_scratch(|scratch| {
            let n = match once(self.from, Interest::READABLE, || {
                receive(self.from, scratch)
            }) {
                Ok(n) => n,
                Err(error) => return Ok(Err(error)),
            };
            self.bulk = n == scratch.len();
            let taken = if n == 0 {
                0
            } else {
                self.write(&scratch[..n])?
            };
            if taken < n {
                self.pending = Bytes::copy_from_slice(&scratch[taken..n]);
            }
            Ok(Ok(n))
        })
    }

    /// Writes what the sink takes now.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        match once(self.to, Interest::WRITABLE, || transmit(self.to, bytes)) {
            Ok(n) => {
                self.written += n as u64;
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(Broken::Sink(error)),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(self.to.poll_write_ready(cx))?;
        let pending = self.pending.clone();
        match self.write(&pending) {
            Ok(n) => {
                self.pending = pending.slice(n..);
                Poll::Ready(Ok(n))
            }
            Err(Broken::Sink(error) | Broken::Source(error)) => Poll::Ready(Err(error)),
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(self.to.poll_write_ready(cx))?;
        let Some(pipe) = &mut self.pipe else {
            return Poll::Ready(Ok(0));
        };
        match self.to.try_io(Interest::WRITABLE, || pipe.drain(self.to)) {
            Ok(n) => {
                self.written += n as u64;
                Poll::Ready(Ok(n))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Ready(Ok(0)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// What a system call moved.
struct Moved {
    bytes: usize,
    /// Whether the socket has no more, or takes no more, for now.
    exhausted: bool,
}

/// Makes one system call on a socket that is ready. One that shows that the socket is exhausted
/// takes its readiness back, which saves the call that would fail: with edge-triggered epoll what
/// comes later makes a new event.
fn once(
    stream: &TcpStream,
    interest: Interest,
    call: impl FnOnce() -> io::Result<Moved>,
) -> io::Result<usize> {
    let mut moved = None;
    let outcome = stream.try_io(interest, || {
        let now = call()?;
        moved = Some(now.bytes);
        if now.exhausted {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(now.bytes)
    });
    moved.map_or(outcome, Ok)
}

fn receive(from: &TcpStream, into: &mut [u8]) -> io::Result<Moved> {
    let bytes = recv(from.as_raw_fd(), into, MsgFlags::empty())?;
    Ok(Moved {
        bytes,
        // The end stays readable: it is not to be waited for again.
        exhausted: bytes > 0 && bytes < into.len(),
    })
}

fn transmit(to: &TcpStream, bytes: &[u8]) -> io::Result<Moved> {
    let sent = send(to.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?;
    Ok(Moved {
        bytes: sent,
        exhausted: sent < bytes.len(),
    })
}

/// Tells a peer that no more comes. One that is gone already need not be told.
fn shutdown(to: &TcpStream) -> io::Result<()> {
    match SockRef::from(to).shutdown(Shutdown::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        outcome => outcome,
    }
}
