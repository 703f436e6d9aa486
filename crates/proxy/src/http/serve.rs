//! The life of a client's connection.

use std::future::poll_fn;
use std::task::{Poll, ready};

use tokio::net::TcpStream;

use super::client::Client;
use super::job::Job;
use super::tunnel::Tunnel;
use super::{close, head, request, tunnel};
use crate::worker::{Connection, Tick};

/// What becomes of a connection after a request.
#[derive(Debug)]
pub(super) enum After {
    /// It waits for the next one.
    Next,
    /// It goes on with its wait: there was none.
    Wait,
    /// It is closed. `unread`: the client may still be sending what nobody reads.
    Close { unread: bool },
    /// It speaks another protocol.
    Tunnel(Box<Tunnel>),
}

/// Serves one connection to its end.
pub(crate) fn serve(connection: Connection, tcp: TcpStream) -> impl Future<Output = ()> {
    // Made outside, and used where it is: what an async function is given, it keeps twice.
    let mut client = Client::new(connection, tcp);
    async move {
        if let Some((job, tunnel)) = live(&mut client).await {
            Box::pin(tunnel::run(client, job, *tunnel)).await;
        }
    }
}

/// Answers requests until the connection is to be closed, or speaks another protocol.
async fn live(client: &mut Client) -> Option<(Box<Job>, Box<Tunnel>)> {
    let worker = client.connection.worker.clone();
    let mut due = client.after(client.last.1.config.timeouts.first_byte);
    loop {
        if !poll_fn(|cx| poll_readable(cx, client, due)).await {
            return None;
        }
        let mut job = worker.jobs.take();
        match requests(client, &mut job).await {
            After::Wait => worker.jobs.put(job),
            After::Next => {
                due = client.after(client.last.1.config.timeouts.keep_alive);
                worker.jobs.put(job);
            }
            After::Close { unread } => {
                if unread {
                    close::linger(client, &mut job).await;
                } else {
                    close::finish(client, &job);
                }
                worker.jobs.put(job);
                return None;
            }
            After::Tunnel(to) => return Some((job, to)),
        }
    }
}

/// Waits for the first byte of a request, without a buffer for it. `false`: the connection is to be
/// closed.
fn poll_readable(cx: &mut std::task::Context<'_>, client: &mut Client, due: Tick) -> Poll<bool> {
    if client.tcp.poll_read_ready(cx).is_ready() {
        return Poll::Ready(true);
    }
    ready!(client.poll_idle(cx, due));
    Poll::Ready(false)
}

/// Answers requests as long as they have arrived.
async fn requests(client: &mut Client, job: &mut Job) -> After {
    loop {
        match head::receive(client, job).await {
            head::Received::Request => {}
            head::Received::Nothing => return After::Wait,
            head::Received::End => return After::Close { unread: false },
            head::Received::Refused(fault) => {
                return request::refuse_before(client, job, fault).await;
            }
        }
        match request::answer(client, job).await {
            After::Next => job.next(),
            after => return after,
        }
        if job.from_client.is_empty() {
            return After::Next;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::serve;
    use crate::worker::Connection;

    /// The size of what a function's future takes.
    fn size_of_future<F: Future>(_: impl Fn(Connection, TcpStream) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_that_waits_takes_less_than_a_kilobyte_for_its_task() {
        let size = size_of_future(serve);
        assert!(size <= 896, "{size} bytes");
    }
}
