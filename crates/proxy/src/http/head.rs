//! Receiving the head of a request.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use halo_http1::Parsed;

use super::client::{Client, Due};
use super::job::Job;
use crate::fault::Fault;
use crate::worker::Tick;

/// What came of it.
pub(super) enum Received {
    /// A request, that the job holds.
    Request,
    /// Nothing yet: what woke the connection was no byte.
    Nothing,
    /// The client closed, or was let go.
    End,
    /// Something that is no request, or too late for one.
    Refused(Fault),
}

/// Receives the head of the next request. Part of it may have arrived with the one before.
pub(super) async fn receive(client: &mut Client, job: &mut Job) -> Received {
    let due = client.after(client.last.1.config.timeouts.header);
    poll_fn(|cx| poll_receive(cx, client, job, due)).await
}

fn poll_receive(
    cx: &mut Context<'_>,
    client: &mut Client,
    job: &mut Job,
    due: Tick,
) -> Poll<Received> {
    loop {
        if !job.from_client.is_empty()
            && let Some(received) = parse(client, job)
        {
            return Poll::Ready(received);
        }
        let most = client.last.1.limits.head_bytes;
        if !job.from_client.make_room(most) {
            return Poll::Ready(Received::Refused(Fault::HeaderTooLarge));
        }
        match client.poll_receive(cx, &mut job.from_client) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Received::End),
            Poll::Ready(Ok(_)) => {}
            Poll::Pending if job.from_client.is_empty() => return Poll::Ready(Received::Nothing),
            Poll::Pending => {
                return Poll::Ready(match ready!(client.poll_due(cx, due)) {
                    Due::Time => Received::Refused(Fault::HeaderTimeout),
                    Due::CutOff => Received::End,
                });
            }
        }
    }
}

fn parse(client: &mut Client, job: &mut Job) -> Option<Received> {
    client.follow_configuration();
    let limits = &client.last.1.limits;
    match job.requests.parse(job.from_client.unread(), limits) {
        Ok(Parsed::Partial) => None,
        Ok(Parsed::Complete(len)) => {
            job.accept(len, limits);
            Some(Received::Request)
        }
        Err(error) => Some(Received::Refused(Fault::request(error))),
    }
}
