//! The request's way to the server.

use std::task::{Context, Poll, ready};

use super::bulk::{BULK, Bulk};
use super::{SHARE, Transfer};
use crate::fault::Fault;

/// Most bytes of a body, or of requests to come, that are taken before the server takes them.
const AHEAD: usize = 64 * 1024;

impl Transfer<'_> {
    /// Sends on what there is of the request. Whether anything moved.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        let mut moved = false;
        while !self.job.progress.upload_broken {
            // Before the first write, so that a small body goes with its head.
            let taken = self.take_body()?;
            let (sent, outcome) = self.poll_send(cx);
            moved |= sent;
            if outcome.is_pending() {
                return Ok(moved);
            }
            if !self.job.progress.upload.is_empty() {
                match self.poll_pour_up(cx) {
                    Poll::Ready(()) => moved = true,
                    Poll::Pending => return Ok(moved),
                }
                continue;
            }
            if self.job.exchange.request_body.is_done() {
                if self.job.progress.asked.is_none() && !self.job.progress.upload_broken {
                    self.job.progress.asked = Some(self.client.connection.worker.timers.now());
                }
                break;
            }
            if taken {
                continue;
            }
            let unseen = self.job.exchange.request_body.unseen();
            let received = if unseen >= BULK && self.job.from_client.is_empty() {
                self.poll_draw_up(cx, unseen)?
            } else {
                self.poll_receive(cx)?
            };
            match received {
                Poll::Ready(()) => moved = true,
                Poll::Pending => return Ok(moved),
            }
        }
        self.watch_client(cx)?;
        Ok(moved)
    }

    /// Finds how much of what has been received goes on. Whether that is anything.
    fn take_body(&mut self) -> Result<bool, Fault> {
        let job = &mut *self.job;
        if job.to_server.is_passing() || job.from_client.is_empty() {
            return Ok(false);
        }
        let body = &mut job.exchange.request_body;
        if body.is_done() {
            return Ok(false);
        }
        let flow = body
            .handle_bytes(job.from_client.unread())
            .map_err(Fault::request)?;
        if flow.skip > 0 {
            job.progress.skipped = true;
            job.from_client.consume(flow.skip);
        }
        job.to_server.pass(flow.pass);
        job.story.bytes_in += flow.pass as u64;
        Ok(flow.consumed() > 0)
    }

    /// Sends until nothing is left. A server that takes no more may still have something to say.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> (bool, Poll<()>) {
        let job = &mut *self.job;
        let before = job.progress.written;
        let sent = job.to_server.poll_send(
            cx,
            self.server,
            &mut job.from_client,
            &mut job.progress.written,
        );
        let moved = job.progress.written != before;
        match sent {
            Poll::Pending => return (moved, Poll::Pending),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => job.progress.upload_broken = true,
        }
        (moved, Poll::Ready(()))
    }

    /// Draws bytes of the body into the pipe.
    fn poll_draw_up(&mut self, cx: &mut Context<'_>, most: u64) -> Result<Poll<()>, Fault> {
        let job = &mut *self.job;
        let plumbing = &self.client.connection.worker.plumbing;
        if job.progress.share >= SHARE {
            job.progress.share = 0;
            cx.waker().wake_by_ref();
            return Ok(Poll::Pending);
        }
        let filled = job
            .progress
            .upload
            .poll_fill(cx, plumbing, &self.client.tcp, most);
        match filled {
            Poll::Ready(Ok(0) | Err(_)) => Err(Fault::ClientGone),
            Poll::Ready(Ok(n)) => {
                job.progress.share += n as u64;
                job.progress.skipped = true;
                job.exchange.request_body.handle_spliced(n as u64);
                job.story.bytes_in += n as u64;
                self.client.counts().bytes_in.add(n as u64);
                Ok(Poll::Ready(()))
            }
            Poll::Pending => {
                job.progress.share = 0;
                Ok(Poll::Pending)
            }
        }
    }

    /// Pours what is in the pipe out to the server.
    fn poll_pour_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let progress = &mut self.job.progress;
        match ready!(progress.upload.poll_drain(cx, self.server)) {
            Ok(n) => progress.written += n as u64,
            Err(_) => {
                progress.upload_broken = true;
                progress.upload = Bulk::default();
            }
        }
        Poll::Ready(())
    }

    /// Receives more of the body.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        let job = &mut *self.job;
        job.from_client.expect(job.exchange.request_body.unseen());
        if !job.from_client.make_room(AHEAD) {
            // Never: the codec needs no more than a trailer section to tell what it is.
            return Err(Fault::HeaderTooLarge);
        }
        match self.client.poll_receive(cx, &mut job.from_client) {
            Poll::Ready(Ok(0) | Err(_)) => Err(Fault::ClientGone),
            Poll::Ready(Ok(_)) => Ok(Poll::Ready(())),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Notices that the client went away. What it sends meanwhile is of requests to come.
    fn watch_client(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        while self.job.from_client.make_room(AHEAD) {
            match self.client.poll_receive(cx, &mut self.job.from_client) {
                Poll::Ready(Ok(0) | Err(_)) => return Err(Fault::ClientGone),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        Ok(())
    }
}
