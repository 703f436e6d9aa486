//! The response's way to the client.

use std::io;
use std::task::{Context, Poll};

use halo_http1::{
    Answer, CHUNK_END, ClientConnection, Delivery, LAST_CHUNK, Parsed, ResponseRewrite,
    write_chunk_size, write_response,
};

use super::bulk::BULK;
use super::{SHARE, Stage, Transfer};
use crate::fault::Fault;
use crate::http::job::Job;

/// Up to here copying what follows our own bytes is cheaper than a system call with two parts.
const JOINED: usize = 4096;

impl Job {
    /// Whether nothing of the response follows what is to be sent to the client now.
    fn is_last_of_response(&self) -> bool {
        match self.progress.stage {
            // The last chunk follows.
            Stage::Body(Delivery::Chunk) | Stage::Head | Stage::Switched => false,
            Stage::Body(_) => self.exchange.response_body.is_done(),
            Stage::Done => true,
        }
    }
}

impl Transfer<'_> {
    /// Passes on what there is of the response. Whether anything moved.
    pub(super) fn poll_download(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        let mut moved = false;
        loop {
            let job = &mut *self.job;
            if !job.to_client.is_empty() {
                if job.progress.closes && job.is_last_of_response() {
                    job.to_client.ends();
                }
                let (sent, outcome) =
                    self.client
                        .poll_send(cx, &mut job.to_client, &mut job.from_server);
                moved |= sent > 0;
                job.progress.delivered += sent;
                match outcome {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Err(Fault::ClientGone),
                    Poll::Pending => return Ok(moved),
                }
            }
            if !job.progress.download.is_empty() {
                match self.poll_pour(cx)? {
                    Poll::Ready(()) => moved = true,
                    Poll::Pending => return Ok(moved),
                }
                continue;
            }
            let taken = match self.job.progress.stage {
                Stage::Head => self.take_head()?,
                Stage::Body(delivery) => self.take_body_down(delivery)?,
                Stage::Done | Stage::Switched => return Ok(moved),
            };
            if taken {
                continue;
            }
            let heard = if self.goes_through_a_pipe() {
                self.poll_draw(cx)?
            } else {
                self.poll_hear(cx)?
            };
            match heard {
                Poll::Ready(()) => moved = true,
                Poll::Pending => return Ok(moved),
            }
        }
    }

    /// Whether what comes next of the body goes on as it is and is much.
    fn goes_through_a_pipe(&self) -> bool {
        let job = &self.job;
        match job.progress.stage {
            Stage::Body(Delivery::AsIs | Delivery::Unchunk | Delivery::UntilClose) => {
                job.from_server.is_empty() && job.exchange.response_body.unseen() >= BULK
            }
            Stage::Body(Delivery::Chunk) | Stage::Head | Stage::Done | Stage::Switched => false,
        }
    }

    /// Draws bytes of the body into the pipe.
    fn poll_draw(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        let job = &mut *self.job;
        let plumbing = &self.client.connection.worker.plumbing;
        if job.progress.share >= SHARE {
            job.progress.share = 0;
            cx.waker().wake_by_ref();
            return Ok(Poll::Pending);
        }
        let most = job.exchange.response_body.unseen();
        match job
            .progress
            .download
            .poll_fill(cx, plumbing, self.server, most)
        {
            Poll::Ready(Ok(0)) => self.server_ended(None)?,
            Poll::Ready(Ok(n)) => {
                job.progress.share += n as u64;
                job.exchange.response_body.handle_spliced(n as u64);
                job.story.bytes_out += n as u64;
            }
            Poll::Ready(Err(error)) => self.server_ended(Some(error))?,
            Poll::Pending => {
                job.progress.share = 0;
                return Ok(Poll::Pending);
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Pours what is in the pipe out to the client.
    fn poll_pour(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        let progress = &mut self.job.progress;
        match progress.download.poll_drain(cx, &self.client.tcp) {
            Poll::Ready(Ok(n)) => {
                progress.delivered += n as u64;
                self.client.counts().bytes_out.add(n as u64);
                Ok(Poll::Ready(()))
            }
            Poll::Ready(Err(_)) => Err(Fault::ClientGone),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Receives more of the response.
    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        let job = &mut *self.job;
        job.from_server.expect(job.exchange.response_body.unseen());
        let most = job.story.response_limits()?.head_bytes;
        if !job.from_server.make_room(most) {
            return Err(Fault::BadResponse(halo_http1::Error::HeadTooLong));
        }
        match job.from_server.poll_fill(cx, self.server) {
            Poll::Ready(Ok(0)) => self.server_ended(None)?,
            Poll::Ready(Ok(_)) => job.progress.heard = true,
            Poll::Ready(Err(error)) => self.server_ended(Some(error))?,
            Poll::Pending => return Ok(Poll::Pending),
        }
        Ok(Poll::Ready(()))
    }

    /// The server closed its half of the connection, or all of it by a reset.
    fn server_ended(&mut self, error: Option<io::Error>) -> Result<(), Fault> {
        match (self.job.progress.stage, error) {
            (Stage::Head, _) if !self.job.progress.heard => Err(Fault::ServerClosed),
            (Stage::Head, _) => Err(Fault::BadResponse(halo_http1::Error::Truncated)),
            (_, Some(error)) => Err(Fault::Truncated(error.to_string())),
            (_, None) => {
                let ended = self.job.exchange.response_body.handle_eof();
                ended.map_err(|error| Fault::Truncated(error.to_string()))
            }
        }
    }

    /// Takes the head of a response, and what came of its body. Whether it was all there.
    fn take_head(&mut self) -> Result<bool, Fault> {
        let job = &mut *self.job;
        if job.from_server.is_empty() {
            return Ok(false);
        }
        let limits = job.story.response_limits()?;
        let buf = job.from_server.unread();
        let parsed = job.responses.parse(buf, job.exchange.asked(), limits);
        let Parsed::Complete(len) = parsed.map_err(Fault::BadResponse)? else {
            return Ok(false);
        };
        let head = job.responses.head();
        let answer = job.exchange.handle_response(head, limits);
        let mut delivery = Delivery::AsIs;
        let connection = match answer.map_err(Fault::BadResponse)? {
            Answer::Interim { pass: false } => None,
            Answer::Interim { pass: true } => Some(ClientConnection::Implied),
            Answer::Switch => {
                job.progress.stage = Stage::Switched;
                Some(ClientConnection::WebSocket)
            }
            Answer::Final(as_what) => {
                delivery = as_what;
                job.progress.stage = Stage::Body(delivery);
                job.progress.closes = self.client.is_draining() || job.exchange.client_closes();
                Some(if job.progress.closes {
                    ClientConnection::Close
                } else if job.exchange.says_keep_alive() {
                    ClientConnection::KeepAlive
                } else {
                    ClientConnection::Implied
                })
            }
        };
        if let Some(connection) = connection {
            let date = self.client.connection.worker.timers.date();
            let rewrite = ResponseRewrite {
                delivery,
                connection,
                via: None,
                date: Some(date.as_bytes()),
            };
            write_response(job.to_client.own(), buf, head, &rewrite);
        }
        let status = head.status();
        job.from_server.consume(len);
        match job.progress.stage {
            Stage::Head => job.responses.reset(),
            Stage::Switched => job.story.answered(self.client, status, true),
            Stage::Body(_) | Stage::Done => {
                job.progress.delivered_before = job.progress.delivered;
                // One that is wrong from its beginning is not told at all.
                self.take_body_down(delivery)?;
                self.job.story.answered(self.client, status, true);
            }
        }
        Ok(true)
    }

    /// Finds how much of what has been received goes on, and how. Whether that is anything, or the
    /// end.
    fn take_body_down(&mut self, delivery: Delivery) -> Result<bool, Fault> {
        let job = &mut *self.job;
        let body = &mut job.exchange.response_body;
        if body.is_done() {
            if delivery == Delivery::Chunk {
                job.to_client.own().extend_from_slice(LAST_CHUNK);
            }
            job.progress.stage = Stage::Done;
            return Ok(true);
        }
        if job.from_server.is_empty() {
            return Ok(false);
        }
        let unread = job.from_server.unread();
        let flow = match delivery {
            Delivery::Unchunk => body.handle_bytes_unframed(unread),
            Delivery::AsIs | Delivery::Chunk | Delivery::UntilClose => body.handle_bytes(unread),
        };
        let flow = flow.map_err(|error| Fault::Truncated(error.to_string()))?;
        if flow.consumed() == 0 {
            return Ok(body.is_done());
        }
        job.from_server.consume(flow.skip);
        job.story.bytes_out += flow.pass as u64;
        let chunk = delivery == Delivery::Chunk && flow.pass > 0;
        let own = job.to_client.own();
        if chunk {
            write_chunk_size(own, flow.pass);
        }
        if !own.is_empty() && flow.pass <= JOINED {
            own.extend_from_slice(&job.from_server.unread()[..flow.pass]);
            own.extend_from_slice(if chunk { CHUNK_END } else { b"" });
            job.from_server.consume(flow.pass);
        } else {
            job.to_client.pass(flow.pass);
            job.to_client.tail(if chunk { CHUNK_END } else { b"" });
        }
        Ok(true)
    }
}
