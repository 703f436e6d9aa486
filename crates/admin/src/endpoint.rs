//! Which request means what.

use hyper::{Method, Uri};
use percent_encoding::percent_decode_str;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Status,
    Events { after: u64 },
    Failover,
    Node,
    Reload,
    Config,
    Server { pool: String, server: String },
    Healthz,
    Readyz,
    Active { vip: Option<String> },
    Metrics,
}

/// Why a request asks for nothing that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoEndpoint {
    /// No such path.
    NotFound,
    /// Another method is needed.
    Method(&'static str),
    /// The query cannot be understood; why.
    Query(String),
}

impl Endpoint {
    /// Finds what `method` on `uri` asks for.
    pub(crate) fn find(method: &Method, uri: &Uri) -> Result<Self, NoEndpoint> {
        let path: Vec<&str> = uri.path().split('/').skip(1).collect();
        let get = |endpoint| match *method {
            Method::GET | Method::HEAD => Ok(endpoint),
            _ => Err(NoEndpoint::Method("GET, HEAD")),
        };
        let post = |endpoint| match *method {
            Method::POST => Ok(endpoint),
            _ => Err(NoEndpoint::Method("POST")),
        };
        match path.as_slice() {
            ["v1", "status"] => get(Self::Status),
            ["v1", "events"] => {
                let after = match query(uri, "after")? {
                    None => 0,
                    Some(number) => number.parse().map_err(|_| {
                        NoEndpoint::Query(format!("`after={number}` is not a sequence number"))
                    })?,
                };
                get(Self::Events { after })
            }
            ["v1", "failover"] => post(Self::Failover),
            ["v1", "node"] => post(Self::Node),
            ["v1", "config"] => get(Self::Config),
            ["v1", "config", "reload"] => post(Self::Reload),
            ["v1", "pools", pool, "servers", server] => post(Self::Server {
                pool: decode(pool).ok_or(NoEndpoint::NotFound)?,
                server: decode(server).ok_or(NoEndpoint::NotFound)?,
            }),
            ["healthz"] => get(Self::Healthz),
            ["readyz"] => get(Self::Readyz),
            ["active"] => get(Self::Active {
                vip: query(uri, "vip")?,
            }),
            ["metrics"] => get(Self::Metrics),
            _ => Err(NoEndpoint::NotFound),
        }
    }

    /// Whether it is told to anybody who can connect: load balancers and Prometheus ask for these,
    /// and they say nothing that would help an attacker more than being answered at all.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Healthz | Self::Readyz | Self::Active { .. } | Self::Metrics => true,
            Self::Status
            | Self::Events { .. }
            | Self::Failover
            | Self::Node
            | Self::Reload
            | Self::Config
            | Self::Server { .. } => false,
        }
    }
}

/// The value of `key` in the query; `None`: not there.
fn query(uri: &Uri, key: &str) -> Result<Option<String>, NoEndpoint> {
    let mut found = None;
    for pair in uri.query().unwrap_or_default().split('&') {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != key {
            return Err(NoEndpoint::Query(format!(
                "unknown parameter `{name}`; this path takes `{key}`"
            )));
        }
        found = Some(
            decode(value)
                .ok_or_else(|| NoEndpoint::Query(format!("the value of `{key}` is not UTF-8")))?,
        );
    }
    Ok(found)
}

fn decode(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, uri: &str) -> Result<Endpoint, NoEndpoint> {
        Endpoint::find(&method.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn paths_are_found_with_their_parameters() {
        assert_eq!(find("GET", "/v1/status"), Ok(Endpoint::Status));
        assert_eq!(
            find("GET", "/v1/events?after=17"),
            Ok(Endpoint::Events { after: 17 })
        );
        assert_eq!(find("GET", "/v1/events"), Ok(Endpoint::Events { after: 0 }));
        assert_eq!(
            find("POST", "/v1/pools/app/servers/10.0.0.1%3A80"),
            Ok(Endpoint::Server {
                pool: "app".into(),
                server: "10.0.0.1:80".into()
            })
        );
        assert_eq!(
            find("HEAD", "/active?vip=web"),
            Ok(Endpoint::Active {
                vip: Some("web".into())
            })
        );
    }

    #[test]
    fn what_there_is_not_is_told_apart() {
        assert_eq!(find("GET", "/v1"), Err(NoEndpoint::NotFound));
        assert_eq!(find("GET", "/v1/status/"), Err(NoEndpoint::NotFound));
        assert_eq!(
            find("POST", "/metrics"),
            Err(NoEndpoint::Method("GET, HEAD"))
        );
        assert_eq!(find("GET", "/v1/failover"), Err(NoEndpoint::Method("POST")));
        assert!(matches!(
            find("GET", "/v1/events?after=x"),
            Err(NoEndpoint::Query(_))
        ));
        assert!(matches!(
            find("GET", "/active?vpi=web"),
            Err(NoEndpoint::Query(_))
        ));
    }
}
