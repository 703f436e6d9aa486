//! The life of a client's connection.
//!
//! Most connections wait most of the time, so their task is small: what answers requests is in memory
//! of the worker's ([`Work`]), which a connection has as long as it has a request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::net::TcpStream;

use super::client::Client;
use super::job::Job;
use super::tunnel::Tunnel;
use super::{close, head, request, tunnel};
use crate::worker::Connection;

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
pub(crate) fn serve(connection: Connection, tcp: TcpStream) -> Serve {
    let mut client = Box::new(Client::new(connection, tcp));
    client.due = client.after(client.last.1.config.timeouts.first_byte);
    Serve(State::Waiting(client))
}

/// The task of a connection.
pub(crate) struct Serve(State);

enum State {
    /// For a request, without a buffer for it.
    Waiting(Box<Client>),
    Answering(Box<dyn Work>),
    Tunnel(Pin<Box<dyn Future<Output = ()>>>),
    Over,
}

impl Future for Serve {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.0 = match std::mem::replace(&mut self.0, State::Over) {
                State::Waiting(mut client) => match poll_readable(cx, &mut client) {
                    Poll::Pending => {
                        self.0 = State::Waiting(client);
                        return Poll::Pending;
                    }
                    Poll::Ready(false) => return Poll::Ready(()),
                    Poll::Ready(true) => {
                        let (job, mut work) = client.connection.worker.jobs.take();
                        work.begin(client, job);
                        State::Answering(work)
                    }
                },
                State::Answering(mut work) => match work.poll(cx) {
                    Poll::Pending => {
                        self.0 = State::Answering(work);
                        return Poll::Pending;
                    }
                    Poll::Ready(done) => next(done, work),
                },
                State::Tunnel(mut tunnel) => match tunnel.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.0 = State::Tunnel(tunnel);
                        return Poll::Pending;
                    }
                    Poll::Ready(()) => return Poll::Ready(()),
                },
                State::Over => return Poll::Ready(()),
            }
        }
    }
}

/// What a connection goes on with after its requests.
fn next(done: Done, work: Box<dyn Work>) -> State {
    let Done {
        mut client,
        job,
        after,
    } = done;
    let state = match after {
        After::Tunnel(to) => return State::Tunnel(Box::pin(tunnel::run(*client, job, *to))),
        After::Close { .. } => {
            client.connection.worker.jobs.put(job, work);
            return State::Over;
        }
        After::Next => {
            client.due = client.after(client.last.1.config.timeouts.keep_alive);
            client
        }
        After::Wait => client,
    };
    state.connection.worker.jobs.put(job, work);
    State::Waiting(state)
}

/// Memory in which requests are answered, one connection's after the other's: a future takes the place
/// of the one before, so that nothing is allocated for a request.
pub(super) trait Work {
    /// Begins with the requests of a connection.
    fn begin(&mut self, client: Box<Client>, job: Box<Job>);

    /// Goes on with them. Pending for ever before it has begun.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Done>;
}

/// A connection whose requests so far are answered.
pub(super) struct Done {
    client: Box<Client>,
    job: Box<Job>,
    after: After,
}

/// Memory for the requests of a connection.
pub(super) fn work() -> Box<dyn Work> {
    Box::new(Place {
        make: answer_all,
        future: Box::pin(None),
    })
}

struct Place<M, F> {
    make: M,
    future: Pin<Box<Option<F>>>,
}

impl<M, F> Work for Place<M, F>
where
    M: Fn(Box<Client>, Box<Job>) -> F,
    F: Future<Output = Done>,
{
    fn begin(&mut self, client: Box<Client>, job: Box<Job>) {
        self.future.set(Some((self.make)(client, job)));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        let Some(future) = self.future.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let done = ready!(future.poll(cx));
        self.future.set(None);
        Poll::Ready(done)
    }
}

/// Answers what has arrived, and closes the connection if that is what follows.
async fn answer_all(mut client: Box<Client>, mut job: Box<Job>) -> Done {
    let after = requests(&mut client, &mut job).await;
    match after {
        After::Close { unread: true } => close::linger(&mut client, &mut job).await,
        After::Close { unread: false } => close::finish(&client, &job),
        After::Next | After::Wait | After::Tunnel(_) => {}
    }
    Done { client, job, after }
}

/// Waits for the first byte of a request. `false`: the connection is to be closed.
fn poll_readable(cx: &mut Context<'_>, client: &mut Client) -> Poll<bool> {
    if client.tcp.poll_read_ready(cx).is_ready() {
        return Poll::Ready(true);
    }
    ready!(client.poll_idle(cx, client.due));
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
    use super::{Client, Serve};

    #[test]
    fn a_connection_that_waits_takes_little_for_its_task() {
        let sizes = (size_of::<Serve>(), size_of::<Client>());
        assert!(sizes.0 <= 24 && sizes.1 <= 216, "{sizes:?} bytes");
    }
}
