//! The answer to a request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use serde_json::json;

use crate::query::Query;
use crate::{App, websocket};

pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Size of one piece of a large body.
const CHUNK: usize = 64 * 1024;

/// Answers a request.
pub(crate) async fn answer(
    app: &App,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Result<Answer, hyper::Error> {
    Ok(match (request.method(), request.uri().path()) {
        (_, "/healthz") => health(app),
        (&Method::POST, "/health/down") => set_health(app, false),
        (&Method::POST, "/health/up") => set_health(app, true),
        (_, "/health/down" | "/health/up") => {
            text(StatusCode::METHOD_NOT_ALLOWED, "use POST\n".to_owned())
        }
        (_, "/ws") => websocket::handshake(request),
        _ => who_am_i(app, client, request).await?,
    })
}

/// An answer of a few words.
pub(crate) fn text(status: StatusCode, text: String) -> Answer {
    with_type(
        status,
        "text/plain; charset=utf-8",
        Full::new(text.into()).boxed(),
    )
}

fn health(app: &App) -> Answer {
    if app.healthy.load(Ordering::Relaxed) {
        text(StatusCode::OK, format!("ok {}\n", app.name))
    } else {
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("down {}\n", app.name),
        )
    }
}

fn set_health(app: &App, healthy: bool) -> Answer {
    app.healthy.store(healthy, Ordering::Relaxed);
    let state = if healthy { "up" } else { "down" };
    text(StatusCode::OK, format!("{} is {state}\n", app.name))
}

async fn who_am_i(
    app: &App,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Result<Answer, hyper::Error> {
    let (head, body) = request.into_parts();
    let query = match Query::parse(head.uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => return Ok(text(StatusCode::BAD_REQUEST, error + "\n")),
    };
    let received = drain(body).await?;
    tokio::time::sleep(query.delay).await;
    if let Some(bytes) = query.bytes {
        let body = filler(bytes);
        return Ok(with_type(query.status, "application/octet-stream", body));
    }
    Ok(if query.json {
        let said = json!({
            "name": app.name,
            "client": client.to_string(),
            "method": head.method.as_str(),
            "path": head.uri.to_string(),
            "headers": fields(&head.headers).collect::<Vec<_>>(),
            "body_bytes": received,
        });
        with_type(
            query.status,
            "application/json",
            Full::new(said.to_string().into()).boxed(),
        )
    } else {
        let mut said = format!(
            "Name: {}\nClient: {client}\n{} {} {:?}\n",
            app.name, head.method, head.uri, head.version
        );
        for (name, value) in fields(&head.headers) {
            said.push_str(&format!("{name}: {value}\n"));
        }
        if received > 0 {
            said.push_str(&format!("Body: {received} bytes\n"));
        }
        text(query.status, said)
    })
}

/// Reads the request's body to its end and says how long it was.
async fn drain(mut body: Incoming) -> Result<u64, hyper::Error> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(bytes)
}

/// A body of so many bytes, made as it is sent.
fn filler(bytes: usize) -> BoxBody<Bytes, Infallible> {
    let chunk = Bytes::from(vec![b'x'; bytes.min(CHUNK)]);
    if bytes <= CHUNK {
        return Full::new(chunk).boxed();
    }
    let pieces = (0..bytes).step_by(CHUNK).map(move |at| {
        let piece = chunk.slice(..(bytes - at).min(CHUNK));
        Ok(Frame::data(piece))
    });
    BodyExt::boxed(StreamBody::new(futures_util::stream::iter(pieces)))
}

fn fields(fields: &HeaderMap) -> impl Iterator<Item = (String, String)> + '_ {
    fields.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), value.into_owned())
    })
}

fn with_type(status: StatusCode, kind: &'static str, body: BoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
