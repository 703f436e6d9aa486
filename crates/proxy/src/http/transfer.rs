//! A request on its way to a server and the response on its way to the client, at the same time:
//! each direction goes on as far as it can, and waits for the slower of its two sides.

mod bulk;
mod download;
mod rate;
mod upload;

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use halo_http1::{CONTINUE, Delivery};
use tokio::net::TcpStream;

use super::client::{Client, Due};
use super::idle::ServerConnection;
use super::job::Job;
use crate::fault::Fault;
use crate::worker::Tick;
use bulk::Bulk;
use rate::Rate;

/// How long the client waits for a server's `100 Continue` before it gets ours. Servers that know
/// nothing of it send none, and some clients would wait for ever (RFC 9110 section 10.1.1).
const CONTINUE_WITHIN: Duration = Duration::from_secs(1);

/// How a transfer ended well.
#[derive(Debug)]
pub(super) enum Transferred {
    /// The client has the whole response.
    Response {
        /// Whether the client's connection may carry another request.
        keep_alive: bool,
        /// Whether the server's may.
        reusable: bool,
    },
    /// The client has the `101 Switching Protocols`.
    Switched,
}

/// How far a request and its response have come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    stage: Stage,
    /// Bytes that the server's socket took.
    written: u64,
    /// Whether bytes of the client's are gone that were not sent.
    skipped: bool,
    /// Whether a byte of the response came.
    heard: bool,
    /// Whether the server takes no more of the request.
    upload_broken: bool,
    /// Whether our own `100 Continue` was sent.
    continued: bool,
    /// Whether the response said that the client's connection is closed after it.
    closes: bool,
    /// When a byte last went either way.
    moved: Tick,
    /// When the server had the whole request.
    asked: Option<Tick>,
    /// Bytes of bulk in this turn.
    share: u64,
    /// Bytes that the client's socket took.
    delivered: u64,
    /// Those of them that came before the final head.
    delivered_before: u64,
    upload_rate: Rate,
    download_rate: Rate,
    upload: Bulk,
    download: Bulk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// The head of the response is not all there.
    #[default]
    Head,
    /// Its body follows.
    Body(Delivery),
    /// All of it is on its way to the client.
    Done,
    /// What follows is not HTTP.
    Switched,
}

impl Progress {
    /// Whether the client has been told a status, or the beginning of one.
    pub(super) fn response_began(&self) -> bool {
        self.stage != Stage::Head && self.delivered > self.delivered_before
    }

    /// Whether the request may be sent once more, after the server closed the connection: it had
    /// nothing of it, or `twice` is as good as once, and nothing came back.
    pub(super) fn may_be_repeated(&self, twice: bool) -> bool {
        let untouched = self.written == 0 && !self.skipped;
        !self.heard && self.stage == Stage::Head && (untouched || twice)
    }
}

/// Bytes of bulk moved before other connections get their turn.
const SHARE: u64 = 1024 * 1024;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Idle,
    Response,
    Continue,
}

/// Sends the request that `job` holds, whose head is ready to be sent, and passes the response on.
pub(super) async fn transfer(
    client: &mut Client,
    server: &mut ServerConnection,
    job: &mut Job,
) -> Result<Transferred, Fault> {
    job.progress = Progress {
        moved: client.connection.worker.timers.now(),
        ..Progress::default()
    };
    job.responses.reset();
    job.from_server.clear();
    job.to_client.clear();
    let response_within = match &job.story.attempts {
        Some(attempts) => attempts.pool().config.timeouts.response,
        None => Duration::MAX,
    };
    let outcome = poll_fn(|cx| {
        let mut transfer = Transfer {
            client: &mut *client,
            server: &mut server.tcp,
            job: &mut *job,
        };
        transfer.poll(cx, response_within)
    })
    .await;
    let plumbing = &client.connection.worker.plumbing;
    job.progress.upload.release(plumbing);
    job.progress.download.release(plumbing);
    outcome
}

struct Transfer<'a> {
    client: &'a mut Client,
    server: &'a mut TcpStream,
    job: &'a mut Job,
}

impl Transfer<'_> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        response_within: Duration,
    ) -> Poll<Result<Transferred, Fault>> {
        loop {
            let mut moved = self.poll_upload(cx)?;
            moved |= self.poll_download(cx)?;
            if let Some(transferred) = self.transferred() {
                return Poll::Ready(Ok(transferred));
            }
            if moved {
                self.job.progress.moved = self.client.connection.worker.timers.now();
            }
            ready!(self.poll_limits(cx, response_within))?;
        }
    }

    fn transferred(&self) -> Option<Transferred> {
        let job = &self.job;
        if !job.to_client.is_empty() {
            return None;
        }
        match job.progress.stage {
            Stage::Head | Stage::Body(_) => None,
            Stage::Switched => Some(Transferred::Switched),
            Stage::Done => Some(Transferred::Response {
                keep_alive: !job.progress.closes,
                reusable: !job.progress.upload_broken
                    && job.progress.upload.is_empty()
                    && job.to_server.is_empty()
                    && job.exchange.server_reusable(job.from_server.unread().len()),
            }),
        }
    }

    /// Waits for a time limit; `Ok` when it is one that something can be done about.
    fn poll_limits(
        &mut self,
        cx: &mut Context<'_>,
        response_within: Duration,
    ) -> Poll<Result<(), Fault>> {
        let (due, limit) = self.limit(response_within);
        let now = self.client.connection.worker.timers.now();
        let rates = if now < due {
            self.check_rates(now)?
        } else {
            Tick::NEVER
        };
        let passed = ready!(self.client.poll_due(cx, due.min(rates)));
        if now < due && passed == Due::Time {
            // Time to look at the rates again.
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(match (passed, limit) {
            (Due::CutOff, _) => Err(Fault::CutOff),
            (Due::Time, Limit::Idle) => Err(Fault::Idle),
            (Due::Time, Limit::Response) => Err(Fault::ResponseTimeout),
            (Due::Time, Limit::Continue) => {
                self.job.progress.continued = true;
                self.job.to_client.own().extend_from_slice(CONTINUE);
                Ok(())
            }
        })
    }

    fn limit(&self, response_within: Duration) -> (Tick, Limit) {
        let progress = &self.job.progress;
        let idle = self.client.last.1.config.timeouts.idle;
        match progress.asked {
            // While the server thinks, its own time counts.
            Some(asked) if progress.stage == Stage::Head => {
                (asked.after(response_within), Limit::Response)
            }
            None if self.awaits_continue() => {
                (progress.moved.after(CONTINUE_WITHIN), Limit::Continue)
            }
            _ => (progress.moved.after(idle), Limit::Idle),
        }
    }

    /// Refuses a client that is too slow. When to look again.
    fn check_rates(&mut self, now: Tick) -> Result<Tick, Fault> {
        let listener = &self.client.last.1.config;
        let awaits_continue = self.awaits_continue();
        let job = &mut *self.job;
        // Slow for its own part: neither waits for the server.
        let uploads = !job.exchange.request_body.is_done()
            && job.to_server.is_empty()
            && job.progress.upload.is_empty()
            && !job.progress.upload_broken
            && !awaits_continue;
        let window = listener.timeouts.idle;
        let sent = uploads.then_some((job.story.bytes_in, listener.min_body_rate));
        let sent = job.progress.upload_rate.check(sent, now, window);
        let blocked = !job.to_client.is_empty() || !job.progress.download.is_empty();
        let took = blocked.then_some((job.progress.delivered, listener.min_read_rate));
        let took = job.progress.download_rate.check(took, now, window);
        let again = sent.ok_or(Fault::BodyTooSlow)?;
        Ok(again.min(took.ok_or(Fault::ReadTooSlow)?))
    }

    fn awaits_continue(&self) -> bool {
        let job = &self.job;
        job.exchange.awaits_continue()
            && !job.progress.continued
            && job.story.bytes_in == 0
            && job.to_client.is_empty()
            && job.progress.stage == Stage::Head
    }
}
