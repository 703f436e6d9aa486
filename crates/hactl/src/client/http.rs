//! HTTP to the data plane's admin API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use halo_api::Outcome;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::exit::Failure;

/// Longest answer taken.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Where the admin API is.
#[derive(Debug)]
pub(super) struct Http {
    place: Place,
    token: Option<HeaderValue>,
}

#[derive(Debug)]
enum Place {
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum HttpFailure {
    /// Nobody answers, or the data plane cannot yet: the agent may know more.
    Down(String),
    /// Nothing came in time. What was asked for may still be done.
    Slow(String),
    /// The node answered.
    Final(Failure),
}

impl HttpFailure {
    /// For who has nobody else to ask.
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Down(why) => Failure::Unreachable(why),
            Self::Slow(why) => Failure::TimedOut(why),
            Self::Final(failure) => failure,
        }
    }
}

impl Http {
    pub(super) fn unix(path: PathBuf) -> Self {
        Self {
            place: Place::Unix(path),
            token: None,
        }
    }

    pub(super) fn tcp(url: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        let usage = || Failure::Usage(format!("--url {url}: write it as http://HOST:PORT"));
        let uri: Uri = url.parse().map_err(|_| usage())?;
        let authority = uri.authority().ok_or_else(usage)?;
        if uri.scheme_str() != Some("http") || authority.port().is_none() || uri.path() != "/" {
            return Err(usage());
        }
        Ok(Self {
            place: Place::Tcp(authority.to_string()),
            token: token_file.map(read_token).transpose()?,
        })
    }

    pub(super) async fn get(&self, path: &str, time: Duration) -> Result<Bytes, HttpFailure> {
        self.send(Method::GET, path, Bytes::new(), time).await
    }

    pub(super) async fn post(
        &self,
        path: &str,
        body: impl Serialize,
        time: Duration,
    ) -> Result<Bytes, HttpFailure> {
        let body = serde_json::to_vec(&body).map_err(|error| {
            HttpFailure::Final(Failure::Failed(format!(
                "cannot write the request: {error}"
            )))
        })?;
        self.send(Method::POST, path, body.into(), time).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        time: Duration,
    ) -> Result<Bytes, HttpFailure> {
        let exchange = async {
            let request = self.request(method, path, body)?;
            match &self.place {
                Place::Unix(path) => exchange(UnixStream::connect(path).await?, request).await,
                Place::Tcp(place) => exchange(TcpStream::connect(place).await?, request).await,
            }
        };
        let (status, body) = match tokio::time::timeout(time, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                return Err(HttpFailure::Down(format!(
                    "the data plane cannot be reached at {}: {error}",
                    self.place()
                )));
            }
            Err(_) => {
                return Err(HttpFailure::Slow(format!(
                    "the data plane did not answer at {} within {time:?}",
                    self.place()
                )));
            }
        };
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal(status, &body))
    }

    fn place(&self) -> String {
        match &self.place {
            Place::Unix(path) => path.display().to_string(),
            Place::Tcp(place) => format!("http://{place}"),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let host = match &self.place {
            Place::Unix(_) => "localhost",
            Place::Tcp(place) => place,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        Ok(request)
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Errors of the connection come out of the request as well.
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST_BYTES)
        .collect()
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?
        .to_bytes();
    connection.abort();
    Ok((status, body))
}

/// An answer that is not 200, as the admin API means it.
fn refusal(status: StatusCode, body: &[u8]) -> HttpFailure {
    let message = serde_json::from_slice(body).map_or_else(
        |_| format!("the node answered {status}"),
        |outcome: Outcome| outcome.message,
    );
    match status {
        StatusCode::SERVICE_UNAVAILABLE => HttpFailure::Down(message),
        StatusCode::GATEWAY_TIMEOUT => HttpFailure::Slow(message),
        StatusCode::CONFLICT | StatusCode::UNAUTHORIZED => {
            HttpFailure::Final(Failure::Refused(message))
        }
        _ => HttpFailure::Final(Failure::Failed(message)),
    }
}

fn read_token(file: &Path) -> Result<HeaderValue, Failure> {
    let wrong = |why: String| Failure::Usage(format!("--token-file {}: {why}", file.display()));
    let token = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let token = token.trim();
    if token.is_empty() {
        return Err(wrong("there is no token in it".to_owned()));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| wrong("the token has characters that a header cannot carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_urls_with_a_port_are_taken() {
        assert!(Http::tcp("http://10.0.0.1:9500", None).is_ok());
        assert!(Http::tcp("http://[fd00::1]:9500/", None).is_ok());
        for wrong in [
            "10.0.0.1:9500",
            "https://h:1",
            "http://h",
            "http://h:1/v1",
            "x y",
        ] {
            assert!(
                matches!(Http::tcp(wrong, None), Err(Failure::Usage(_))),
                "{wrong}"
            );
        }
    }
}
