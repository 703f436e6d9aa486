//! The response head for the client.

use super::{Fate, Sink, chunked_fate, is_nominated, write_field, write_fields};
use crate::exchange::Delivery;
use crate::known::Known;
use crate::response::ResponseHead;

/// What a response says of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientConnection {
    /// Nothing: it stays open, as HTTP/1.1 takes for granted.
    #[default]
    Implied,
    /// `Connection: keep-alive`, for HTTP/1.0.
    KeepAlive,
    /// `Connection: close`.
    Close,
    /// `Connection: upgrade` and `Upgrade: websocket`, with 101.
    WebSocket,
}

/// What the proxy changes in a response.
#[derive(Debug, Clone, Copy)]
pub struct ResponseRewrite<'a> {
    /// How the body goes on.
    pub delivery: Delivery,
    /// What becomes of the client's connection.
    pub connection: ClientConnection,
    /// This proxy's `Via` member; `None`: none is written.
    pub via: Option<&'a [u8]>,
    /// When the response was received, as an IMF-fixdate (RFC 9110 section 5.6.7), for one that has
    /// no `Date` (section 6.6.1). Interim responses get none.
    pub date: Option<&'a [u8]>,
}

/// Writes the head of the response as it goes to the client, always as HTTP/1.1.
///
/// `buf` is the buffer that `head` was parsed from.
#[inline]
pub fn write_response<S: Sink>(
    out: &mut S,
    buf: &[u8],
    head: &ResponseHead,
    rewrite: &ResponseRewrite<'_>,
) {
    out.make_room(head.len() + 144);
    let end = head.len() - 2;
    let fields = head.fields();
    let from = if head.version().is_http11() {
        0
    } else {
        out.put(b"HTTP/1.1");
        8
    };
    let nominates = head.facts.nominates;
    let unchunk = matches!(rewrite.delivery, Delivery::Unchunk);
    write_fields(out, buf, fields, from, end, |field| match field.known() {
        Known::ContentLength if head.status() == 204 => Fate::Drop,
        // A recipient must have it, whatever `Connection` says.
        Known::ContentLength | Known::Date => Fate::Keep,
        Known::TransferEncoding if unchunk => Fate::Drop,
        Known::TransferEncoding => chunked_fate(buf, field),
        Known::Connection
        | Known::Upgrade
        | Known::Te
        | Known::KeepAlive
        | Known::Proxy
        | Known::Http2Settings
        | Known::Lookalike => Fate::Drop,
        Known::Other
        | Known::Host
        | Known::Expect
        | Known::Trailer
        | Known::Via
        | Known::XForwardedFor
        | Known::XForwardedProto
        | Known::XForwardedHost
        | Known::Provenance => {
            if nominates && is_nominated(buf, fields, field) {
                Fate::Drop
            } else {
                Fate::Keep
            }
        }
    });
    if rewrite.delivery == Delivery::Chunk {
        out.put(b"Transfer-Encoding: chunked\r\n");
    }
    match rewrite.connection {
        ClientConnection::Implied => {}
        ClientConnection::KeepAlive => out.put(b"Connection: keep-alive\r\n"),
        ClientConnection::Close => out.put(b"Connection: close\r\n"),
        ClientConnection::WebSocket => {
            out.put(b"Connection: upgrade\r\nUpgrade: websocket\r\n");
        }
    }
    if let Some(date) = rewrite.date
        && !head.facts.date
        && !head.is_interim()
    {
        write_field(out, b"Date", date);
    }
    if let Some(via) = rewrite.via {
        write_field(out, b"Via", via);
    }
    out.put(b"\r\n");
}
