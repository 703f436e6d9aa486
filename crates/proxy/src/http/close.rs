//! Closing a connection so that the client gets to see all that was sent.

use std::future::poll_fn;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncWrite;

use super::client::Client;
use super::job::Job;
use crate::worker::Tick;

/// How long a client may go on sending a body that nobody reads, so that it gets to see the answer
/// (RFC 9112 section 9.6: a close with unread data resets the connection).
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Most bytes read and dropped meanwhile.
const LINGER_BYTES: usize = 1024 * 1024;

/// Ends our half of the connection, with what the system holds back for that.
///
/// Closing it alone would do so too, unless the client had sent something that nobody read: then the
/// connection is reset, and what was held back is lost.
pub(super) fn finish(client: &Client, job: &Job) {
    if job.to_client.is_held_back()
        && let Err(error) = SockRef::from(&client.tcp).shutdown(Shutdown::Write)
    {
        tracing::debug!(%error, "the client closed first");
    }
}

/// Ends our half of the connection, and takes what the client still sends.
pub(super) async fn linger(client: &mut Client, job: &mut Job) {
    let due = client.after(LINGER);
    let mut left = LINGER_BYTES;
    if poll_fn(|cx| Pin::new(&mut client.tcp).poll_shutdown(cx))
        .await
        .is_ok()
    {
        poll_fn(|cx| poll_linger(cx, client, job, due, &mut left)).await;
    }
}

fn poll_linger(
    cx: &mut Context<'_>,
    client: &mut Client,
    job: &mut Job,
    due: Tick,
    left: &mut usize,
) -> Poll<()> {
    loop {
        job.from_client.clear();
        // An empty buffer has room.
        if !job.from_client.make_room(1) {
            return Poll::Ready(());
        }
        match client.poll_receive(cx, &mut job.from_client) {
            Poll::Ready(Ok(n)) => {
                *left = left.saturating_sub(n);
                if n == 0 || *left == 0 {
                    return Poll::Ready(());
                }
            }
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Pending => {
                ready!(client.poll_due(cx, due));
                return Poll::Ready(());
            }
        }
    }
}
