//! Answers that come from the proxy itself.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};

use crate::fault::Fault;

/// Names the fault, so that a client's developer knows who answered and why.
pub(crate) const ERROR_FIELD: HeaderName = HeaderName::from_static("halo-error");

/// The text of an answer: its status and why.
pub(crate) fn text(fault: &Fault) -> String {
    let status = fault.status();
    let reason = status.canonical_reason().unwrap_or("Error");
    format!("{} {reason}: {fault}\n", status.as_u16())
}

/// What a client is told when its request fails.
pub(crate) fn response(fault: &Fault) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text(fault)));
    *response.status_mut() = fault.status();
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    fields.insert(ERROR_FIELD, HeaderValue::from_static(fault.name()));
    if matches!(fault, Fault::MethodRefused) {
        // RFC 9110 section 15.5.6: 405 says what is allowed.
        fields.insert(
            ALLOW,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
    }
    response
}

/// The same as bytes, for a client that hyper cannot answer any more; the connection ends after it.
pub(crate) fn raw(fault: &Fault) -> String {
    let status = fault.status();
    let text = text(fault);
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         halo-error: {}\r\nconnection: close\r\n\r\n{text}",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        text.len(),
        fault.name(),
    )
}

#[cfg(test)]
mod tests {
    use super::{raw, response};
    use crate::fault::Fault;

    #[test]
    fn an_answer_names_status_reason_and_fault() {
        let answer = response(&Fault::NoServer);
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["halo-error"], "no_server");
        assert_eq!(
            answer.body(),
            "503 Service Unavailable: no server is available\n"
        );
    }

    #[test]
    fn a_raw_answer_is_a_whole_response() {
        let raw = raw(&Fault::HeaderTimeout);
        let (head, body) = raw.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())));
    }
}
