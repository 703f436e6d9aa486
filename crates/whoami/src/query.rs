//! What a request asks for in its query.

use std::time::Duration;

use http::StatusCode;

/// Longest delay that can be asked for: a typing error must not hold a connection for a day.
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// Most bytes that can be asked for.
const MOST_BYTES: usize = 1 << 30;

/// The query, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) delay: Duration,
    pub(crate) status: StatusCode,
    /// Size of the body instead of the usual one.
    pub(crate) bytes: Option<usize>,
    pub(crate) json: bool,
}

impl Query {
    /// Reads a query; what it does not know it leaves to the application that it plays.
    ///
    /// # Errors
    /// A sentence that names the parameter and what it takes.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self {
            delay: Duration::ZERO,
            status: StatusCode::OK,
            bytes: None,
            json: false,
        };
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "delay" => parsed.delay = delay(value)?,
                "status" => parsed.status = status(value)?,
                "bytes" => parsed.bytes = Some(bytes(value)?),
                "format" => parsed.json = value == "json",
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn delay(value: &str) -> Result<Duration, String> {
    let parsed = match (value.strip_suffix("ms"), value.strip_suffix('s')) {
        (Some(millis), _) => millis.parse().ok().map(Duration::from_millis),
        (None, Some(seconds)) => seconds.parse().ok().map(Duration::from_secs),
        (None, None) => None,
    };
    parsed
        .filter(|delay| *delay <= LONGEST_DELAY)
        .ok_or_else(|| format!("delay={value}: give a time such as 300ms or 2s, at most 300s"))
}

fn status(value: &str) -> Result<StatusCode, String> {
    value
        .parse()
        .ok()
        .filter(|status: &StatusCode| !status.is_informational())
        .ok_or_else(|| format!("status={value}: give a status code from 200 to 999"))
}

fn bytes(value: &str) -> Result<usize, String> {
    value
        .parse()
        .ok()
        .filter(|bytes| *bytes <= MOST_BYTES)
        .ok_or_else(|| format!("bytes={value}: give a number up to {MOST_BYTES}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Query;

    #[test]
    fn every_parameter_is_read() {
        let query = Query::parse("delay=300ms&status=503&bytes=10000&format=json&x=y").unwrap();
        assert_eq!(query.delay, Duration::from_millis(300));
        assert_eq!(query.status, 503);
        assert_eq!(query.bytes, Some(10_000));
        assert!(query.json);
        assert_eq!(
            Query::parse("delay=2s").unwrap().delay,
            Duration::from_secs(2)
        );
        assert_eq!(Query::parse("").unwrap().status, 200);
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named() {
        for query in [
            "delay=3",
            "delay=1h",
            "delay=999s",
            "status=abc",
            "status=100",
            "bytes=-1",
            "bytes=99999999999",
        ] {
            let error = Query::parse(query).unwrap_err();
            assert!(error.starts_with(query), "{error}");
        }
    }
}
