//! Making responses.

use bytes::Bytes;
use halo_api::Outcome;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::Failure;
use crate::endpoint::NoEndpoint;

/// A response; its body is whole, since nothing here is large.
pub(crate) type Reply = Response<Full<Bytes>>;

/// `value` as JSON, and the end of a line for who looks with curl.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(mut body) => {
            body.push(b'\n');
            with_body(status, "application/json", body)
        }
        Err(error) => with_body(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            format!("the answer cannot be written as JSON: {error}\n"),
        ),
    }
}

/// Plain text.
pub(crate) fn text(text: String) -> Reply {
    with_body(StatusCode::OK, "text/plain; charset=utf-8", text)
}

/// Prometheus text (exposition format 0.0.4).
pub(crate) fn prometheus(text: String) -> Reply {
    with_body(StatusCode::OK, "text/plain; version=0.0.4", text)
}

/// A sentence.
pub(crate) fn message(status: StatusCode, message: impl Into<String>) -> Reply {
    let message = message.into();
    json(status, &Outcome { message })
}

/// A command's outcome.
pub(crate) fn outcome(outcome: Result<Outcome, Failure>) -> Reply {
    match outcome {
        Ok(outcome) => json(StatusCode::OK, &outcome),
        Err(failure) => failed(failure),
    }
}

/// A command that was not done.
pub(crate) fn failed(failure: Failure) -> Reply {
    match failure {
        Failure::NotFound(why) => message(StatusCode::NOT_FOUND, why),
        Failure::Refused(why) => message(StatusCode::CONFLICT, why),
        Failure::Failed(why) => message(StatusCode::INTERNAL_SERVER_ERROR, why),
        Failure::Unavailable(why) => message(StatusCode::SERVICE_UNAVAILABLE, why),
        Failure::TimedOut(why) => message(StatusCode::GATEWAY_TIMEOUT, why),
    }
}

/// A request for something that there is not.
pub(crate) fn no_endpoint(why: NoEndpoint, path: &str) -> Reply {
    match why {
        NoEndpoint::NotFound => message(
            StatusCode::NOT_FOUND,
            format!(
                "{path}: no such path; there are /v1/status, /v1/events, /v1/failover, /v1/config, /v1/config/reload, /v1/pools/POOL/servers/SERVER, /healthz, /readyz, /active and /metrics"
            ),
        ),
        NoEndpoint::Method(allow) => {
            let mut reply = message(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{path} takes only {allow}"),
            );
            reply
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(allow));
            reply
        }
        NoEndpoint::Query(why) => message(StatusCode::BAD_REQUEST, format!("{path}: {why}")),
    }
}

/// A request without the token (RFC 6750 section 3).
pub(crate) fn unauthorized() -> Reply {
    let mut reply = message(
        StatusCode::UNAUTHORIZED,
        "a token is needed: send `Authorization: Bearer TOKEN` with the content of the node's \
         `admin.token_file` (hactl: --token-file FILE, or HALO_TOKEN_FILE)",
    );
    reply
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    reply
}

fn with_body(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
