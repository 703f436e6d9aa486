//! A client connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection as Http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::body::ResponseBody;
use super::client::{Client, Due};
use super::exchange::Exchange;
use super::{answer, request, tunnel};
use crate::fault::Fault;
use crate::stream::{Meter, Stream};
use crate::worker::{Connection, draining};

/// Largest buffer for what a client sends: one read of a fast upload. Never smaller than the header
/// section may be.
const READ_BUFFER: usize = 64 * 1024;

/// How long a client may go on sending a body that nobody reads, so that it gets to see the answer
/// (RFC 9112 section 9.6: a close with unread data resets the connection).
const LINGER: Duration = Duration::from_secs(2);

/// Most bytes read and dropped meanwhile.
const LINGER_BYTES: usize = 1024 * 1024;

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<ResponseBody>, Infallible>>>>;

/// Serves one connection to its end.
pub(crate) async fn serve(connection: Connection, tcp: TcpStream) {
    let meter = Meter::of_listener(connection.listener.shared.clone(), connection.worker.index);
    let io = TokioIo::new(Stream::new(tcp, meter.clone()));
    let listener = connection.listener.config.clone();
    let client = Rc::new(Client::new(meter, &connection));
    let connection = Rc::new(connection);
    let service = Service {
        connection: connection.clone(),
        client: client.clone(),
    };
    let mut http = Builder::new()
        .header_read_timeout(None)
        .max_header_size(listener.max_header_bytes)
        .max_buf_size(READ_BUFFER.max(listener.max_header_bytes))
        .serve_connection(io, service);
    let end = drive(&mut http, &connection, &client).await;
    match end {
        End::Finished => {
            let parts = http.into_parts();
            if let Some(tunnel) = client.take_tunnel() {
                let side = tunnel::client_side(parts.io, parts.read_buf);
                tunnel.run(side, connection.phase.clone()).await;
            } else {
                close(parts.io, client.left_unread()).await;
            }
        }
        End::Refused(fault) => {
            // hyper has answered.
            note_fault(&connection, &client, fault);
            close(http.into_parts().io, true).await;
        }
        End::Due(Due::Header) => {
            note_fault(&connection, &client, Fault::HeaderTimeout);
            let mut io = http.into_parts().io;
            let answer = answer::raw(&Fault::HeaderTimeout);
            // A client that does not even take this is let go.
            if let Ok(Ok(())) = timeout(LINGER, io.inner_mut().write_all(answer.as_bytes())).await {
                close(io, true).await;
            }
        }
        End::Due(Due::Idle) => client.end(Fault::Idle),
        End::Due(Due::CutOff) => client.end(Fault::CutOff),
        End::Due(Due::Close) | End::Broken => {}
    }
}

/// How a connection came to its end.
enum End {
    /// As HTTP has it.
    Finished,
    /// By a request that is not HTTP/1.
    Refused(Fault),
    /// By the client's leaving, or a reset.
    Broken,
    /// By a deadline.
    Due(Due),
}

/// Turns the connection until it ends or runs into a deadline.
async fn drive(
    http: &mut Http1<TokioIo<Stream>, Service>,
    connection: &Connection,
    client: &Client,
) -> End {
    let mut timer = std::pin::pin!(sleep_until(client.deadline().0));
    let mut phase = connection.phase.clone();
    let mut drain = std::pin::pin!(draining(&mut phase));
    poll_fn(|cx| {
        if !client.is_draining()
            && let Poll::Ready((since, until)) = drain.as_mut().poll(cx)
        {
            client.start_draining(since, until);
        }
        if let Poll::Ready(ended) = http.poll_without_shutdown(cx) {
            return Poll::Ready(match ended {
                Ok(()) => End::Finished,
                Err(error) => refused(&error).map_or(End::Broken, End::Refused),
            });
        }
        loop {
            let (deadline, due) = client.deadline();
            // The timer is moved back when it must be, and forward only when it fires: most
            // deadlines are replaced long before they pass.
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if deadline <= Instant::now() {
                return Poll::Ready(End::Due(due));
            }
            timer.as_mut().reset(deadline);
        }
    })
    .await
}

/// The fault of a request that hyper could not read. Its answer is 400, or 431 when too large.
fn refused(error: &hyper::Error) -> Option<Fault> {
    if error.is_parse_too_large() {
        Some(Fault::HeaderTooLarge)
    } else if error.is_parse() {
        Some(Fault::BadRequest("the request is not valid HTTP/1.1"))
    } else {
        None
    }
}

/// Counts and logs a request that came to nothing before it was one.
fn note_fault(connection: &Rc<Connection>, client: &Rc<Client>, fault: Fault) {
    let mut exchange = Exchange::new(connection.clone(), client.clone(), None);
    exchange.answered(fault.status());
    exchange.fault = Some(fault);
}

/// Closes the connection so that the client gets to see all that was sent.
async fn close(io: TokioIo<Stream>, unread: bool) {
    let mut stream = io.into_inner();
    if stream.shutdown().await.is_err() || !unread {
        return;
    }
    let drain = async {
        let mut scratch = vec![0; 16 * 1024];
        let mut left = LINGER_BYTES;
        while let Ok(n) = stream.read(&mut scratch).await {
            left = left.saturating_sub(n);
            if n == 0 || left == 0 {
                break;
            }
        }
    };
    if timeout(LINGER, drain).await.is_err() {
        tracing::trace!("a client went on sending a body that was refused");
    }
}

/// Hands requests over.
struct Service {
    connection: Rc<Connection>,
    client: Rc<Client>,
}

impl hyper::service::Service<http::Request<Incoming>> for Service {
    type Response = http::Response<ResponseBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: http::Request<Incoming>) -> Answer {
        let (connection, client) = (self.connection.clone(), self.client.clone());
        Box::pin(async move { Ok(request::answer(connection, client, request).await) })
    }
}
