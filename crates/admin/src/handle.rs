//! From a request to its response.

use halo_api::VipState;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;

use crate::control::{Control, Readiness};
use crate::endpoint::Endpoint;
use crate::reply::{self, Reply};
use crate::server::Limits;
use crate::{auth, metrics};

/// Answers one request. `token`: what it must carry; `None`: nothing.
pub(crate) async fn handle<C: Control>(
    request: Request<Incoming>,
    control: &C,
    token: Option<&str>,
    limits: Limits,
) -> Reply {
    let endpoint = Endpoint::find(request.method(), request.uri());
    let open = endpoint.as_ref().is_ok_and(Endpoint::is_open);
    if let Some(token) = token
        && !open
        && !auth::allowed(request.headers(), token)
    {
        return reply::unauthorized();
    }
    match endpoint {
        Ok(endpoint) => perform(endpoint, request, control, limits).await,
        Err(why) => reply::no_endpoint(why, request.uri().path()),
    }
}

async fn perform<C: Control>(
    endpoint: Endpoint,
    request: Request<Incoming>,
    control: &C,
    limits: Limits,
) -> Reply {
    match endpoint {
        Endpoint::Status => match control.status().await {
            Ok(status) => reply::json(StatusCode::OK, &status),
            Err(failure) => reply::failed(failure),
        },
        Endpoint::Events { after } => match control.events(after).await {
            Ok(events) => reply::json(StatusCode::OK, &events),
            Err(failure) => reply::failed(failure),
        },
        Endpoint::Failover => match body(request, limits).await {
            Ok(wish) => reply::outcome(control.failover(wish).await),
            Err(refusal) => refusal,
        },
        Endpoint::Node => match body(request, limits).await {
            Ok(command) => reply::outcome(control.node(command).await),
            Err(refusal) => refusal,
        },
        Endpoint::Reload => reply::outcome(control.reload().await),
        Endpoint::Config => match control.config().await {
            Ok(text) => reply::text(text),
            Err(failure) => reply::failed(failure),
        },
        Endpoint::Server { pool, server } => match body(request, limits).await {
            Ok(command) => reply::outcome(control.server(&pool, &server, command).await),
            Err(refusal) => refusal,
        },
        Endpoint::Healthz => reply::message(StatusCode::OK, "alive"),
        Endpoint::Readyz => match control.readiness().await {
            Readiness::Ready => reply::message(StatusCode::OK, "ready"),
            Readiness::NotReady(why) => reply::message(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        Endpoint::Active { vip } => active(control, vip.as_deref()).await,
        Endpoint::Metrics => match control.sample().await {
            Ok(sample) => reply::prometheus(metrics::render(&sample)),
            Err(failure) => reply::failed(failure),
        },
    }
}

async fn active<C: Control>(control: &C, wanted: Option<&str>) -> Reply {
    let status = match control.status().await {
        Ok(status) => status,
        Err(failure) => return reply::failed(failure),
    };
    let vips = &status.agent.vips;
    if let Some(name) = wanted
        && !vips.iter().any(|vip| vip.name == name)
    {
        let why = format!("no VIP is called `{name}`");
        return reply::message(StatusCode::NOT_FOUND, why);
    }
    let held: Vec<&str> = vips
        .iter()
        .filter(|vip| vip.state == VipState::Active)
        .map(|vip| vip.name.as_str())
        .filter(|name| wanted.is_none_or(|wanted| wanted == *name))
        .collect();
    let node = &status.agent.node;
    if held.is_empty() {
        let what = wanted.unwrap_or("any VIP");
        let why = format!("{node} does not hold {what}");
        return reply::message(StatusCode::SERVICE_UNAVAILABLE, why);
    }
    reply::message(StatusCode::OK, format!("{node} holds {}", held.join(", ")))
}

/// The request's body, from JSON. An empty one counts as `{}`.
async fn body<T: DeserializeOwned>(request: Request<Incoming>, limits: Limits) -> Result<T, Reply> {
    let bytes = read(request, limits).await?;
    let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
    serde_json::from_slice(bytes).map_err(|error| {
        let why = format!("the request's body cannot be understood: {error}");
        reply::message(StatusCode::BAD_REQUEST, why)
    })
}

async fn read(request: Request<Incoming>, limits: Limits) -> Result<Bytes, Reply> {
    let collected = Limited::new(request.into_body(), limits.body).collect();
    match tokio::time::timeout(limits.request_time, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(reply::message(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request's body is longer than {} bytes", limits.body),
        )),
        Ok(Err(error)) => Err(reply::message(
            StatusCode::BAD_REQUEST,
            format!("the request's body cannot be read: {error}"),
        )),
        Err(_) => Err(reply::message(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the request's body took longer than {:?}",
                limits.request_time
            ),
        )),
    }
}
