//! What a message may cost.

/// The largest [`Limits::head_bytes`] that is honoured: positions are kept in 32 bits.
pub const MAX_HEAD_BYTES: usize = 16 << 20;

/// What a message may cost. A message beyond a limit is refused, whatever else it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a request line or status line, its CRLF included. Default 8192: RFC 9112
    /// section 3 asks for at least 8000.
    pub line_bytes: usize,
    /// Most bytes of a head: start line and header section together. Default 16384, as HAProxy's
    /// default buffer; at most [`MAX_HEAD_BYTES`].
    pub head_bytes: usize,
    /// Most header fields. Default 100: browsers send about 20, and each one costs work in every
    /// hop behind.
    pub fields: usize,
    /// Most bytes of a body without its chunk framing. Default no limit: a proxy streams, and
    /// how large a body may be is the application's affair.
    pub body_bytes: u64,
    /// Most bytes of all the chunk extensions of a body. Default 0, any extension is refused: nothing in use sends
    /// them, and how parsers skip them differs enough for smuggling. Where they are allowed they
    /// are removed, not passed on.
    pub chunk_extension_bytes: usize,
    /// Most bytes of a trailer section. Default 4096: trailers carry a checksum or a status.
    pub trailer_bytes: usize,
    /// Most options in all of a message's `Connection` fields. Default 16: each costs a
    /// comparison with every field.
    pub connection_options: usize,
    /// Most interim (1xx) responses before the final one. Default 16: enough for 102 each few
    /// seconds, too few for a server that never ends.
    pub interim_responses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: 8192,
            head_bytes: 16 * 1024,
            fields: 100,
            body_bytes: u64::MAX,
            chunk_extension_bytes: 0,
            trailer_bytes: 4096,
            connection_options: 16,
            interim_responses: 16,
        }
    }
}

impl Limits {
    /// `buf` as far as a head may reach.
    pub(crate) fn head_window<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        let most = self.head_bytes.min(MAX_HEAD_BYTES);
        &buf[..buf.len().min(most)]
    }

    /// `buf` as far as a start line may reach.
    pub(crate) fn line_window<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        let window = self.head_window(buf);
        &window[..window.len().min(self.line_bytes)]
    }
}
