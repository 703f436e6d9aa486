//! The HTTP check.

use bytes::Bytes;
use halo_config::HttpCheck;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::{BODY_LIMIT, Limit, Phase, ProbeError};

/// Sends one request over `stream`, looks at the answer, and returns its status.
pub(crate) async fn check(
    stream: TcpStream,
    check: &HttpCheck,
    limit: Limit,
) -> Result<u16, ProbeError> {
    let request = request(check, limit)?;
    let broken = |phase| {
        move |source| ProbeError::Http {
            address: limit.address,
            phase,
            source,
        }
    };
    let (mut sender, connection) = limit
        .within(Phase::Response, http1::handshake(TokioIo::new(stream)))
        .await?
        .map_err(broken(Phase::Response))?;
    // The request's future reports what goes wrong with the connection; this one only drives it,
    // and must not outlive the check.
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = limit
        .within(Phase::Response, sender.send_request(request))
        .await?
        .map_err(broken(Phase::Response))?;
    let status = response.status().as_u16();
    if !check
        .status
        .iter()
        .any(|(low, high)| (*low..=*high).contains(&status))
    {
        return Err(ProbeError::Status {
            got: status,
            expected: check.status.clone(),
        });
    }
    if let Some(wanted) = &check.contains {
        limit
            .within(Phase::Body, search(response, wanted))
            .await?
            .map_err(broken(Phase::Body))?
            .map_err(|looked_at| ProbeError::Content {
                status,
                looked_at,
                wanted: wanted.clone(),
            })?;
    }
    Ok(status)
}

fn request(check: &HttpCheck, limit: Limit) -> Result<Request<Empty<Bytes>>, ProbeError> {
    let host = check
        .host
        .clone()
        .unwrap_or_else(|| limit.address.to_string());
    Request::get(check.path.as_str())
        .header(HOST, host)
        .header(
            USER_AGENT,
            concat!("halo-health/", env!("CARGO_PKG_VERSION")),
        )
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|source| ProbeError::Request {
            address: limit.address,
            source,
        })
}

/// Looks for `wanted` in the body; `Err`: not there, in so many bytes.
async fn search(
    response: Response<Incoming>,
    wanted: &str,
) -> Result<Result<(), usize>, hyper::Error> {
    let mut body = response.into_body();
    let mut seen: Vec<u8> = Vec::new();
    loop {
        if find(&seen, wanted.as_bytes()) {
            return Ok(Ok(()));
        }
        if seen.len() >= BODY_LIMIT {
            return Ok(Err(seen.len()));
        }
        match body.frame().await {
            None => return Ok(Err(seen.len())),
            Some(frame) => {
                if let Some(data) = frame?.data_ref() {
                    let room = BODY_LIMIT - seen.len();
                    seen.extend_from_slice(&data[..data.len().min(room)]);
                }
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty()
        || haystack
            .windows(needle.len())
            .any(|window| window == needle)
}
