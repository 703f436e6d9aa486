//! A request: checked, routed, passed on, answered.

use std::rc::Rc;

use http::header::{CONNECTION, EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;

use super::answer;
use super::body::{RequestBody, ResponseBody};
use super::client::Client;
use super::exchange::Exchange;
use super::fields::{has_token, is_websocket, set_forwarded, set_websocket, strip_hop_by_hop};
use super::forward::{Forwarded, forward};
use super::tunnel::Tunnel;
use crate::fault::Fault;
use crate::snapshot::{ListenerEntry, Target};
use crate::upstream::Attempts;
use crate::worker::{Connection, View};

/// Answers a request, whatever happens.
pub(super) async fn answer(
    connection: Rc<Connection>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let (parts, body) = request.into_parts();
    let mut exchange = Exchange::new(connection, client, Some(&parts));
    let version = parts.version;
    let mut response = match pass_on(&mut exchange, parts, body).await {
        Ok(forwarded) => from_server(exchange, forwarded),
        Err(fault) => from_us(exchange, fault),
    };
    // RFC 9110 section 6.2: our own version, whatever the server's is.
    *response.version_mut() = version;
    response
}

async fn pass_on(
    exchange: &mut Exchange,
    mut parts: Parts,
    body: Incoming,
) -> Result<Forwarded, Fault> {
    let connection = exchange.connection.clone();
    let limit = connection.listener.config.max_body_bytes;
    // Before any check, so that a refused body counts as unread.
    let body = RequestBody::new(body, limit, exchange.upload.clone());
    check(&parts)?;
    let declared = body.size_hint().exact().unwrap_or(0);
    if limit > 0 && declared > limit {
        return Err(Fault::BodyTooLarge);
    }
    let target = take_target(&mut parts)?;
    let (view, listener) = exchange.client.configuration(&connection.worker);
    let route = route(&listener, &parts, &target).ok_or(Fault::NoRoute)?;
    let websocket = is_websocket(&parts.headers) && parts.version == Version::HTTP_11;
    if websocket && !route.websocket {
        return Err(Fault::WebSocketRefused);
    }
    rewrite(&mut parts, &connection, &listener, target, &body, websocket);
    send(exchange, view, route, Request::from_parts(parts, body)).await
}

async fn send(
    exchange: &mut Exchange,
    view: Rc<View>,
    route: Target,
    request: Request<RequestBody>,
) -> Result<Forwarded, Fault> {
    let worker = exchange.connection.worker.clone();
    let attempts = Attempts::new(worker, view, route.pool);
    exchange.attempts = Some(attempts);
    forward(exchange, request).await
}

/// Refuses what this proxy must not or does not pass on.
fn check(parts: &Parts) -> Result<(), Fault> {
    // RFC 9110 section 9.3.6: CONNECT asks for a tunnel to anywhere. Section 9.3.8: TRACE would show
    // a client the fields that this proxy adds.
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Fault::MethodRefused);
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // RFC 9112 section 3.2: exactly one, except from HTTP/1.0.
        (None, _) if parts.version == Version::HTTP_11 => {
            return Err(Fault::BadRequest("the Host field is missing"));
        }
        (Some(_), Some(_)) => {
            return Err(Fault::BadRequest("there is more than one Host field"));
        }
        (Some(host), None) if !is_authority(host.as_bytes()) => {
            return Err(Fault::BadRequest("the Host field is not a host"));
        }
        (None | Some(_), None | Some(_)) => {}
    }
    let coded = parts.headers.get_all(TRANSFER_ENCODING).iter();
    if coded
        .into_iter()
        .any(|c| !c.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(Fault::UnknownCoding);
    }
    Ok(())
}

/// Whether a `Host` could name one: no separator of another part of a URI, no space.
fn is_authority(host: &[u8]) -> bool {
    host.iter()
        .all(|b| b.is_ascii_graphic() && !b"/?#@,\\\"<>".contains(b))
}

/// The request target in the form that servers get: a path, or `*`. An absolute target replaces the
/// `Host` field (RFC 9112 section 3.2.2).
fn take_target(parts: &mut Parts) -> Result<Uri, Fault> {
    if let Some(authority) = parts.uri.authority() {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host)
            .map_err(|_| Fault::BadRequest("the request target is not valid"))?;
        parts.headers.insert(HOST, host);
    }
    let uri = std::mem::take(&mut parts.uri);
    match uri.into_parts().path_and_query {
        Some(path) => Ok(Uri::from(path)),
        None => Err(Fault::BadRequest("the request target has no path")),
    }
}

fn route(listener: &ListenerEntry, parts: &Parts, target: &Uri) -> Option<Target> {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    listener
        .routes
        .lookup(host, target.path())
        .copied()
        .or(listener.default)
}

/// Makes the client's request the one that a server gets.
fn rewrite(
    parts: &mut Parts,
    connection: &Connection,
    listener: &ListenerEntry,
    target: Uri,
    body: &RequestBody,
    websocket: bool,
) {
    parts.uri = target;
    let expects = parts.version == Version::HTTP_11
        && !body.is_none()
        && has_token(&parts.headers, &EXPECT, "100-continue");
    strip_hop_by_hop(&mut parts.headers);
    set_forwarded(
        &mut parts.headers,
        connection.client.ip(),
        listener.config.trust_forwarded,
    );
    if websocket {
        set_websocket(&mut parts.headers);
    }
    if !expects {
        parts.headers.remove(EXPECT);
    }
    if !body.is_none() && body.size_hint().exact().is_none() {
        // Said openly, because hyper would send no body at all with a GET.
        parts
            .headers
            .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    parts.version = Version::HTTP_11;
    // What hyper noted about the client's connection means nothing on the server's.
    parts.extensions.clear();
}

/// The server's response, made the one that the client gets.
fn from_server(mut exchange: Exchange, forwarded: Forwarded) -> Response<ResponseBody> {
    let Forwarded {
        response,
        connection,
    } = forwarded;
    let (mut parts, incoming) = response.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    parts.extensions.clear();
    exchange.answered(parts.status);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        set_websocket(&mut parts.headers);
        let client = exchange.client.clone();
        client.set_tunnel(Tunnel {
            connection,
            exchange,
        });
        return Response::from_parts(parts, ResponseBody::own(bytes::Bytes::new(), None));
    }
    if exchange.client.is_draining() {
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Response::from_parts(
        parts,
        ResponseBody::from_server(incoming, connection, exchange),
    )
}

/// Our own answer to a request that failed.
fn from_us(mut exchange: Exchange, fault: Fault) -> Response<ResponseBody> {
    let (mut parts, text) = answer::response(&fault).into_parts();
    exchange.answered(parts.status);
    exchange.fault = Some(fault);
    if exchange.client.is_draining() || !exchange.upload_is_done() {
        // What follows on the connection may be the body that was refused.
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Response::from_parts(parts, ResponseBody::own(text, Some(exchange)))
}
