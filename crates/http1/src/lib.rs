//! The HTTP/1.1 proxy codec: parsed in place, strictly framed, without I/O.
//!
//! A head is parsed where it lies: what comes out are ranges of the caller's buffer, and what the
//! fields mean for framing, routing and the connection, so that nothing looks at them again. Each
//! byte is looked at once, however the bytes arrive, and nothing is allocated once a parser's
//! storage has grown to its work.
//!
//! What RFC 9112 leaves doubtful is refused, never repaired: a message that two parsers could read
//! in two ways never reaches the second one. `docs/http1-framing.md` lists what is refused.
//!
//! ```
//! use halo_http1::{Exchange, Limits, Parsed, RequestParser, RequestRewrite, write_request};
//!
//! let limits = Limits::default();
//! let mut parser = RequestParser::new();
//! let buf = b"GET /a HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive\r\n\r\n";
//! let Parsed::Complete(consumed) = parser.parse(buf, &limits)? else {
//!     return Ok(()); // wait for more bytes
//! };
//! assert_eq!(consumed, buf.len());
//! let head = parser.head();
//! let exchange = Exchange::new(head, false, &limits);
//! assert!(exchange.request_body.is_done());
//!
//! let mut out = Vec::new();
//! let rewrite = RequestRewrite { client: b"192.0.2.7", scheme: b"http", ..Default::default() };
//! write_request(&mut out, buf, head, &rewrite);
//! assert_eq!(
//!     String::from_utf8_lossy(&out),
//!     "GET /a HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 192.0.2.7\r\n\
//!      X-Forwarded-Proto: http\r\nX-Forwarded-Host: example.com\r\n\r\n",
//! );
//! # Ok::<(), halo_http1::Error>(())
//! ```

mod block;
mod body;
mod canned;
mod chunked;
mod error;
mod exchange;
mod facts;
mod field;
mod forward;
mod host;
mod known;
mod limits;
mod request;
mod response;
mod scan;
mod table;
mod trailer;
mod version;

pub use body::{Body, BodyFraming, Flow};
pub use canned::{CHUNK_END, CONTINUE, Canned, LAST_CHUNK, reason, write_canned, write_chunk_size};
pub use chunked::{Decoder, Step};
pub use error::{Error, Side};
pub use exchange::{Answer, Delivery, Exchange};
pub use field::{Field, Span};
pub use forward::{
    ClientConnection, RequestRewrite, ResponseRewrite, Sink, write_request, write_response,
};
pub use known::Known;
pub use limits::{Limits, MAX_HEAD_BYTES};
pub use request::{Method, Parsed, RequestHead, RequestParser, TargetForm};
pub use response::{Asked, ResponseHead, ResponseParser};
pub use version::Version;
