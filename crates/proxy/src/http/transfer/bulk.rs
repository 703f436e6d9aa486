//! A large body goes from socket to socket through a pipe, and is never copied.

use std::io;
use std::task::{Context, Poll, ready};

use halo_netio::splice::Pipe;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::relay::Plumbing;

/// From how many bytes on a body goes through a pipe. Below that, a buffer takes it in one or two
/// pieces, and two system calls with each are what a pipe takes as well.
pub(super) const BULK: u64 = 64 * 1024;

/// One direction's pipe, while bytes are in it.
#[derive(Debug, Default)]
pub(super) struct Bulk(Option<Pipe>);

impl Bulk {
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|pipe| pipe.held() == 0)
    }

    /// Takes at most `most` bytes from a socket; 0 at the end of its stream. The pipe must be empty,
    /// and goes back when there is nothing to take.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        plumbing: &Plumbing,
        from: &TcpStream,
        most: u64,
    ) -> Poll<io::Result<usize>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        loop {
            if from.poll_read_ready(cx)?.is_pending() {
                self.release(plumbing);
                return Poll::Pending;
            }
            let pipe = match &mut self.0 {
                Some(pipe) => pipe,
                none => none.insert(plumbing.take_pipe()?),
            };
            match from.try_io(Interest::READABLE, || pipe.fill_up_to(from, most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                filled => return Poll::Ready(filled),
            }
        }
    }

    /// Gives bytes to a socket: how many it took.
    pub(super) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        to: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        let Some(pipe) = &mut self.0 else {
            return Poll::Ready(Ok(0));
        };
        loop {
            ready!(to.poll_write_ready(cx))?;
            match to.try_io(Interest::WRITABLE, || pipe.drain(to)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                drained => return Poll::Ready(drained),
            }
        }
    }

    /// Gives the pipe back. What is in it, is lost.
    pub(super) fn release(&mut self, plumbing: &Plumbing) {
        if let Some(pipe) = self.0.take() {
            plumbing.put_pipe(pipe);
        }
    }
}
