//! Passing a request on: a server, a connection, a response; another server when that is safe.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{EXPECT, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::ext::on_informational;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::body::{RequestBody, UploadFailure};
use super::exchange::Exchange;
use super::idle::ServerConnection;
use crate::fault::Fault;
use crate::upstream::{Lease, connect};

/// How long the client's body is held back for the server's `100 Continue`. Servers that know
/// nothing of it send none, so that the body must follow at some time (RFC 9110 section 10.1.1).
const CONTINUE_WITHIN: Duration = Duration::from_secs(1);

/// A server's response, and the connection that its body comes by.
pub(super) struct Forwarded {
    pub(super) response: Response<Incoming>,
    pub(super) connection: ServerConnection,
}

/// Passes a request on. On success the exchange holds the server's lease.
pub(super) async fn forward(
    exchange: &mut Exchange,
    mut request: Request<RequestBody>,
) -> Result<Forwarded, Fault> {
    hold_for_continue(&mut request);
    loop {
        let attempts = exchange.attempts.as_mut().ok_or(Fault::NoServer)?;
        let chosen = Instant::now();
        let lease = attempts.next()?;
        let connect_within = attempts.pool().config.timeouts.connect;
        match to_server(exchange, &lease, request, connect_within).await {
            Ok(forwarded) => {
                exchange.lease = Some(lease);
                exchange.upstream = Some(chosen.elapsed());
                return Ok(forwarded);
            }
            Err(Failed {
                fault,
                unsent: Some(unsent),
            }) => {
                let attempts = exchange.attempts.as_mut().ok_or(Fault::NoServer)?;
                attempts.failed(lease, fault)?;
                request = unsent;
            }
            Err(Failed {
                fault,
                unsent: None,
            }) => {
                exchange.lease = Some(lease);
                return Err(fault);
            }
        }
    }
}

/// A failure, and the request if a server can have seen nothing of it, or may see it twice.
struct Failed {
    fault: Fault,
    unsent: Option<Request<RequestBody>>,
}

/// Sends a request to one server: over an idle connection if there is one, else over a new one. An
/// idle connection may have been closed by the server in this very moment; that says nothing of the
/// server, so the request goes over a new connection to the same one.
async fn to_server(
    exchange: &Exchange,
    lease: &Lease,
    mut request: Request<RequestBody>,
    connect_within: Duration,
) -> Result<Forwarded, Failed> {
    let worker = &exchange.connection.worker;
    if let Some(idle) = worker.upstreams.take(lease.server.id) {
        match over(exchange, idle, request).await {
            Err(Failed {
                fault: Fault::ServerClosed,
                unsent: Some(unsent),
            }) => request = unsent,
            done => return done,
        }
    }
    let connected = match connect(lease.server.address, connect_within).await {
        Ok(tcp) => ServerConnection::open(tcp, Arc::clone(&lease.server)).await,
        Err(fault) => Err(fault),
    };
    match connected {
        Ok(connection) => match over(exchange, connection, request).await {
            // It took the connection and closed it before it was sent anything.
            Err(Failed {
                fault: Fault::ServerClosed,
                unsent: Some(unsent),
            }) => Err(Failed {
                fault: Fault::Connect(io::ErrorKind::ConnectionReset.into()),
                unsent: Some(unsent),
            }),
            done => done,
        },
        Err(fault) => Err(Failed {
            fault,
            unsent: Some(request),
        }),
    }
}

/// Sends a request over a connection and waits for the head of its response.
async fn over(
    exchange: &Exchange,
    mut connection: ServerConnection,
    request: Request<RequestBody>,
) -> Result<Forwarded, Failed> {
    let upgrading = request.headers().contains_key(UPGRADE);
    let spare = spare(exchange, &connection, &request);
    let received_before = connection.meter.bytes_in();
    let response_within = exchange
        .attempts
        .as_ref()
        .map_or(Duration::MAX, |a| a.pool().config.timeouts.response);
    let sent_at = Instant::now();
    let outcome = {
        let mut response = std::pin::pin!(connection.sender.try_send_request(request));
        let mut timer = std::pin::pin!(sleep_until(sent_at + response_within));
        loop {
            tokio::select! {
                outcome = &mut response => break outcome,
                () = &mut timer => {
                    // The time counts from the last byte of the request.
                    let deadline = exchange.upload.done_at().unwrap_or_else(Instant::now).max(sent_at)
                        + response_within;
                    if deadline <= timer.deadline() {
                        return Err(Failed { fault: Fault::ResponseTimeout, unsent: None });
                    }
                    timer.as_mut().reset(deadline);
                }
            }
        }
    };
    match outcome {
        Ok(response) => match check(&response, upgrading) {
            Ok(()) => Ok(Forwarded {
                response,
                connection,
            }),
            Err(why) => Err(Failed {
                fault: Fault::BadResponse(why.to_owned()),
                unsent: None,
            }),
        },
        Err(mut error) => {
            let silent = connection.meter.bytes_in() == received_before;
            let unsent = error.take_message();
            let fault = fault_of(exchange, &error.into_error(), silent);
            // What hyper gives back it has not sent. What it has sent is sent again only if the
            // server had closed the connection before, and twice is as good as once.
            let unsent = unsent.or_else(|| spare.filter(|_| silent));
            Err(Failed { fault, unsent })
        }
    }
}

/// Refuses what cannot be passed on.
fn check(response: &Response<Incoming>, upgrading: bool) -> Result<(), &'static str> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS && !upgrading {
        return Err("it switches to a protocol that nobody asked for");
    }
    let mut coded = response.headers().get_all(TRANSFER_ENCODING).iter();
    if coded.any(|c| !c.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err("it has a transfer coding other than chunked");
    }
    Ok(())
}

/// A copy of the request, if it may be sent twice over a connection that might be dead.
fn spare(
    exchange: &Exchange,
    connection: &ServerConnection,
    request: &Request<RequestBody>,
) -> Option<Request<RequestBody>> {
    if !(connection.reused && request.body().is_none() && is_idempotent(request.method())) {
        return None;
    }
    let mut copy = Request::new(RequestBody::none(Rc::clone(&exchange.upload)));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// RFC 9110 section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

/// Whose fault it is that there is no response. `silent`: not one byte of it came.
fn fault_of(exchange: &Exchange, error: &hyper::Error, silent: bool) -> Fault {
    match exchange.upload.failure() {
        Some(UploadFailure::TooLarge) => Fault::BodyTooLarge,
        Some(UploadFailure::ClientGone) => Fault::ClientGone,
        None if silent => Fault::ServerClosed,
        None => Fault::BadResponse(error.to_string()),
    }
}

/// Passes an expectation of `100 Continue` on: the client is asked for its body when the server
/// says so. A final response in its stead ends the request without the body.
fn hold_for_continue(request: &mut Request<RequestBody>) {
    if !request.headers().contains_key(EXPECT) {
        return;
    }
    let continued = Arc::new(Notify::new());
    let waiting = Arc::clone(&continued);
    on_informational(request, move |response| {
        if response.status() == StatusCode::CONTINUE {
            continued.notify_one();
        }
    });
    request.body_mut().hold_until(Box::pin(async move {
        if timeout(CONTINUE_WITHIN, waiting.notified()).await.is_err() {
            tracing::trace!("no 100 Continue from the server; sending the body");
        }
    }));
}
