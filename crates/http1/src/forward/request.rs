//! The request head for the server.

use super::{Fate, Sink, chunked_fate, is_nominated, write_field, write_fields};
use crate::field::Field;
use crate::known::Known;
use crate::request::{RequestHead, TargetForm};

/// What the proxy adds to a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestRewrite<'a> {
    /// The client's address as text, for `X-Forwarded-For`; empty: none is written.
    pub client: &'a [u8],
    /// `http` or `https`, for `X-Forwarded-Proto`; empty: none is written.
    pub scheme: &'a [u8],
    /// Whether the client is another proxy whose `X-Forwarded-*`, `Forwarded` and `X-Real-IP` are
    /// kept, and `X-Forwarded-For` added to. Otherwise they are removed, and written anew.
    pub trust_forwarded: bool,
    /// `Host` for an HTTP/1.0 request that has none: the server's own address is the best guess.
    pub fallback_host: &'a [u8],
    /// Whether to pass a WebSocket handshake on; no effect unless
    /// [`RequestHead::offers_websocket`].
    pub websocket: bool,
    /// This proxy's `Via` member, such as `1.1 lb1`; `None`: none is written.
    pub via: Option<&'a [u8]>,
}

/// Writes the head of the request as it goes to the server: HTTP/1.1, in origin-form or `*`.
///
/// `buf` is the buffer that `head` was parsed from. Nothing is written that was not checked:
/// fields are copied as they came or as `name: value`, and framing fields say what was understood.
#[inline]
pub fn write_request<S: Sink>(
    out: &mut S,
    buf: &[u8],
    head: &RequestHead,
    rewrite: &RequestRewrite<'_>,
) {
    out.make_room(head.len() + rewrite.client.len() + head.host(buf).map_or(0, <[u8]>::len) + 192);
    let end = head.len() - 2;
    let fields = head.fields();
    let verbatim = head.form() != TargetForm::Absolute && head.version().is_http11();
    let from = if verbatim {
        head.start
    } else {
        write_line(out, buf, head);
        fields.first().map_or(end, Field::start)
    };
    let trust = rewrite.trust_forwarded;
    let nominates = head.facts.nominates;
    write_fields(out, buf, fields, from, end, |field| match field.known() {
        Known::Other | Known::Trailer | Known::Via | Known::Date => {
            if nominates && is_nominated(buf, fields, field) {
                Fate::Drop
            } else {
                Fate::Keep
            }
        }
        Known::Host | Known::ContentLength => Fate::Keep,
        Known::TransferEncoding => chunked_fate(buf, field),
        Known::Expect if head.expects_continue() => Fate::Replace(b"100-continue"),
        Known::XForwardedProto | Known::XForwardedHost | Known::Provenance if trust => Fate::Keep,
        Known::Expect
        | Known::XForwardedFor
        | Known::XForwardedProto
        | Known::XForwardedHost
        | Known::Provenance
        | Known::Connection
        | Known::Upgrade
        | Known::Te
        | Known::KeepAlive
        | Known::Proxy
        | Known::Http2Settings
        | Known::Lookalike => Fate::Drop,
    });
    write_additions(out, buf, head, rewrite);
    out.put(b"\r\n");
}

fn write_line<S: Sink>(out: &mut S, buf: &[u8], head: &RequestHead) {
    out.put(head.method_bytes(buf));
    out.put(b" ");
    let path = head.path_and_query(buf);
    if !path.starts_with(b"/") && head.form() == TargetForm::Absolute {
        // RFC 9112 sections 3.2.1 and 3.2.4: an empty path is `/`, or `*` with OPTIONS.
        let whole = path.is_empty() && head.method() == crate::Method::Options;
        out.put(if whole { b"*" } else { b"/" });
    }
    out.put(path);
    out.put(b" HTTP/1.1\r\n");
}

#[inline]
fn write_additions<S: Sink>(
    out: &mut S,
    buf: &[u8],
    head: &RequestHead,
    rewrite: &RequestRewrite<'_>,
) {
    let kept = rewrite.trust_forwarded && head.facts.provenance;
    let has = |known| kept && head.fields().iter().any(|field| field.known() == known);
    if !head.facts.has_host {
        write_field(
            out,
            b"Host",
            head.host(buf).unwrap_or(rewrite.fallback_host),
        );
    }
    write_forwarded_for(out, buf, head, rewrite.client, kept);
    if !rewrite.scheme.is_empty() && !has(Known::XForwardedProto) {
        out.put(b"X-Forwarded-Proto: ");
        out.put(rewrite.scheme);
        out.put(b"\r\n");
    }
    if let Some(host) = head.host(buf)
        && !has(Known::XForwardedHost)
    {
        out.put(b"X-Forwarded-Host: ");
        out.put(host);
        out.put(b"\r\n");
    }
    if rewrite.websocket && head.offers_websocket() {
        out.put(b"Connection: upgrade\r\nUpgrade: websocket\r\n");
    }
    if let Some(via) = rewrite.via {
        write_field(out, b"Via", via);
    }
}

/// One field with all the addresses, so that no reader can take the first or the last line only.
#[inline]
fn write_forwarded_for<S: Sink>(
    out: &mut S,
    buf: &[u8],
    head: &RequestHead,
    client: &[u8],
    kept: bool,
) {
    let mut any = false;
    if kept {
        for field in head
            .fields()
            .iter()
            .filter(|field| field.known() == Known::XForwardedFor)
        {
            let value = field.value(buf);
            if !value.is_empty() {
                out.put(if any { b", " } else { b"X-Forwarded-For: " });
                out.put(value);
                any = true;
            }
        }
    }
    if !client.is_empty() {
        out.put(if any { b", " } else { b"X-Forwarded-For: " });
        out.put(client);
        any = true;
    }
    if any {
        out.put(b"\r\n");
    }
}
