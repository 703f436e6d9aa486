//! A connection to the server that was chosen.

use std::future::poll_fn;
use std::task::{Poll, ready};

use super::client::{Client, Due};
use super::idle::{ServerConnection, is_its_clients};
use super::job::Job;
use crate::fault::Fault;
use crate::upstream::{Attempts, Lease, Seat, Seated, dial, take_seat};
use crate::worker::Tick;

/// Connects to the server, as soon as it may have one more connection. `true`: it is one that was idle
/// in another worker.
pub(super) async fn connect(
    client: &mut Client,
    job: &Job,
) -> Result<(ServerConnection, bool), Fault> {
    let (attempts, lease) = chosen(job)?;
    let pool = &attempts.pool().config;
    let worker = client.connection.worker.clone();
    let due = client.after(pool.timeouts.queue);
    let seat = take_seat(&worker, &lease.server, pool);
    let seat = match before(client, due, Fault::QueueTimeout, seat).await? {
        Seated::Free(seat) => seat,
        // Of the connection to somebody else's server nothing but the place is of use.
        Seated::Kept(handed) if is_its_clients(pool) => handed.seat,
        Seated::Kept(handed) => match handed.adopt(worker.index) {
            Ok((tcp, seat)) => return Ok((ServerConnection::new(tcp, seat), true)),
            Err(seat) => seat,
        },
    };
    Ok((open(client, job, seat).await?, false))
}

/// Connects to the server anew, in the place of a connection that was closed.
pub(super) async fn connect_again(
    client: &mut Client,
    job: &Job,
    closed: ServerConnection,
) -> Result<ServerConnection, Fault> {
    let ServerConnection { tcp, seat } = closed;
    drop(tcp);
    open(client, job, seat).await
}

async fn open(client: &mut Client, job: &Job, seat: Seat) -> Result<ServerConnection, Fault> {
    let (attempts, lease) = chosen(job)?;
    let pool = &attempts.pool().config;
    let due = client.after(pool.timeouts.connect);
    let dialled = dial(lease.server.address, pool, client.connection.ends());
    let tcp = before(client, due, Fault::ConnectTimeout, dialled).await?;
    Ok(ServerConnection::new(tcp, seat))
}

fn chosen(job: &Job) -> Result<(&Attempts, &Lease), Fault> {
    let story = &job.story;
    story
        .attempts
        .as_ref()
        .zip(story.lease.as_ref())
        .ok_or(Fault::NoServer)
}

/// Does something before a time; else it is `late`.
async fn before<T>(
    client: &mut Client,
    due: Tick,
    late: Fault,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut work = std::pin::pin!(work);
    let mut late = Some(late);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        // A place in line is for an answer that somebody waits for.
        if matches!(late, Some(Fault::QueueTimeout)) && client.has_gone(cx) {
            return Poll::Ready(Err(Fault::ClientGone));
        }
        Poll::Ready(Err(match ready!(client.poll_due(cx, due)) {
            Due::Time => late.take().unwrap_or(Fault::CutOff),
            Due::CutOff => Fault::CutOff,
        }))
    })
    .await
}
