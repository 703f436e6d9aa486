//! Answers that come from the proxy itself.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use halo_http1::{Canned, Method, RequestHead, reason, write_canned};

use super::client::Client;
use super::close::LINGER;
use super::job::Job;
use super::serve::After;
use crate::calendar::HttpDate;
use crate::fault::Fault;
use crate::worker::Tick;

/// Tells the client what became of its request, and says what becomes of its connection.
pub(super) async fn send(client: &mut Client, job: &mut Job, fault: &Fault) -> After {
    let status = fault.status();
    job.story.answered(client, status, false);
    // What follows on the connection may be the body that was refused, or anything at all.
    let unread = !job.upload_is_done();
    let head = job.head();
    let keeps_alive = |head: &RequestHead| head.keep_alive() && head.version().is_http11();
    let close = unread || client.is_draining() || !head.is_some_and(keeps_alive);
    let head_only = head.map(RequestHead::method) == Some(Method::Head);
    let text = text(fault);
    job.to_client.clear();
    write_canned(
        job.to_client.own(),
        &Canned {
            status,
            text: text.trim_end(),
            close,
            head_only,
            fields: &fields(fault, client.connection.worker.timers.date()),
        },
    );
    job.from_server.clear();
    job.story.bytes_out = text.len() as u64;
    let due = client.after(LINGER);
    // A client that does not even take this is let go.
    if !poll_fn(|cx| poll_send(cx, client, job, due)).await {
        After::Close { unread: false }
    } else if close {
        let unread = unread || !job.from_client.is_empty();
        After::Close { unread }
    } else {
        After::Next
    }
}

fn poll_send(cx: &mut Context<'_>, client: &mut Client, job: &mut Job, due: Tick) -> Poll<bool> {
    let (_, sent) = client.poll_send(cx, &mut job.to_client, &mut job.from_server);
    if let Poll::Ready(sent) = sent {
        return Poll::Ready(sent.is_ok());
    }
    ready!(client.poll_due(cx, due));
    Poll::Ready(false)
}

/// Status and why, for whoever reads the answer.
fn text(fault: &Fault) -> String {
    let status = fault.status();
    format!("{status} {}: {fault}\n", reason(status))
}

/// Names the fault, so that a client's developer knows who answered and why.
fn fields(fault: &Fault, date: HttpDate) -> Vec<u8> {
    let mut fields = b"Date: ".to_vec();
    fields.extend_from_slice(date.as_bytes());
    fields.extend_from_slice(b"\r\nHalo-Error: ");
    fields.extend_from_slice(fault.name().as_bytes());
    fields.extend_from_slice(b"\r\n");
    if matches!(fault, Fault::MethodRefused) {
        // RFC 9110 section 15.5.6: 405 says what is allowed.
        fields.extend_from_slice(b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{HttpDate, fields, text};
    use crate::fault::Fault;

    #[test]
    fn an_answer_names_status_reason_and_fault() {
        assert_eq!(
            text(&Fault::NoServer),
            "503 Service Unavailable: no server is available\n"
        );
        let date = HttpDate::now(None);
        let fields = fields(&Fault::NoServer, date);
        let expected = [b"Date: ", date.as_bytes(), b"\r\nHalo-Error: no_server\r\n"].concat();
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_refused_method_is_told_which_are_taken() {
        let fields = fields(&Fault::MethodRefused, HttpDate::now(None));
        let fields = String::from_utf8(fields).unwrap();
        assert!(fields.contains("\r\nAllow: GET, "), "{fields}");
    }
}
