//! One request and its response on the two connections of a proxy: what may be reused, what goes
//! on, and what must end.

use crate::body::{Body, BodyFraming};
use crate::error::Error;
use crate::limits::Limits;
use crate::request::{Method, RequestHead};
use crate::response::{Asked, ResponseHead};
use crate::version::Version;

/// How a response's body reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As the server framed it: [`Body::handle_bytes`].
    AsIs,
    /// The server ends it by closing; the client gets it in chunks that the proxy writes
    /// ([`crate::write_chunk_size`]), so that it can tell the end from an abort.
    Chunk,
    /// The server chunked it, but the client speaks HTTP/1.0: only the data goes on
    /// ([`Body::handle_bytes_unframed`]), and closing ends it.
    Unchunk,
    /// Closing ends it on both sides.
    UntilClose,
}

/// What a response head makes of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// An interim response; the final one follows.
    Interim {
        /// Whether the client is to see it: HTTP/1.0 clients know none (RFC 9110 section 15.2).
        pass: bool,
    },
    /// The protocol changes: what follows in both directions is not HTTP.
    Switch,
    /// The response itself.
    Final(Delivery),
}

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    /// The request's body on its way to the server.
    pub request_body: Body,
    /// The response's body on its way to the client; empty until there is a final head.
    pub response_body: Body,
    version: Version,
    asked: Asked,
    continues: bool,
    client_keep_alive: bool,
    server_keep_alive: bool,
    interim: usize,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Responding(Delivery),
    Switched,
}

impl Exchange {
    /// Begins with a request; `websocket` says whether its upgrade is passed on, which only a
    /// request that [`RequestHead::offers_websocket`] can have.
    #[must_use]
    pub const fn new(request: &RequestHead, websocket: bool, limits: &Limits) -> Self {
        Self {
            request_body: Body::new(request.framing(), limits),
            response_body: Body::new(BodyFraming::None, limits),
            version: request.version(),
            asked: Asked {
                head: matches!(request.method(), Method::Head),
                websocket: websocket && request.offers_websocket(),
            },
            continues: request.expects_continue(),
            client_keep_alive: request.keep_alive(),
            server_keep_alive: false,
            interim: 0,
            phase: Phase::Waiting,
        }
    }

    /// What [`crate::ResponseParser::parse`] needs to know.
    #[must_use]
    pub const fn asked(&self) -> Asked {
        self.asked
    }

    /// Whether the client still waits for `100 Continue` before it sends its body.
    #[must_use]
    pub const fn awaits_continue(&self) -> bool {
        self.continues
    }

    /// Takes a response head, and says what becomes of it.
    ///
    /// # Errors
    /// [`Error::TooManyInterim`].
    pub fn handle_response(
        &mut self,
        head: &ResponseHead,
        limits: &Limits,
    ) -> Result<Answer, Error> {
        if head.is_interim() {
            self.interim += 1;
            if self.interim > limits.interim_responses {
                return Err(Error::TooManyInterim);
            }
            if head.status() == 100 {
                self.continues = false;
            }
            return Ok(Answer::Interim {
                pass: self.version.is_http11(),
            });
        }
        if head.status() == 101 {
            self.phase = Phase::Switched;
            return Ok(Answer::Switch);
        }
        let delivery = self.delivery(head);
        self.server_keep_alive = head.keep_alive();
        self.response_body = Body::new(head.framing(), limits);
        self.phase = Phase::Responding(delivery);
        Ok(Answer::Final(delivery))
    }

    const fn delivery(&self, head: &ResponseHead) -> Delivery {
        match head.framing() {
            BodyFraming::UntilClose if self.version.is_http11() => Delivery::Chunk,
            BodyFraming::UntilClose => Delivery::UntilClose,
            BodyFraming::Chunked if !self.version.is_http11() => Delivery::Unchunk,
            // To HEAD, a header that announces chunks would be as unknown to HTTP/1.0.
            BodyFraming::None if head.facts.chunked && !self.version.is_http11() => {
                Delivery::Unchunk
            }
            BodyFraming::None | BodyFraming::Length(_) | BodyFraming::Chunked => Delivery::AsIs,
        }
    }

    /// Whether the response must say `Connection: close`. Decided when its head is written: the
    /// client asked for it, nothing else ends the body, or the request's body is not all there.
    ///
    /// A response that overtakes its request's body ends the connection: the client may be
    /// sending the rest or, waiting for `100 Continue`, never do so, and both look alike.
    #[must_use]
    pub const fn client_closes(&self) -> bool {
        let ends_by_close = match self.phase {
            Phase::Waiting | Phase::Switched => true,
            Phase::Responding(Delivery::Unchunk | Delivery::UntilClose) => true,
            Phase::Responding(Delivery::AsIs | Delivery::Chunk) => false,
        };
        !self.client_keep_alive || ends_by_close || !self.request_body.is_done()
    }

    /// Whether the response needs `Connection: keep-alive`: HTTP/1.0 does not take it for granted.
    #[must_use]
    pub const fn says_keep_alive(&self) -> bool {
        !self.version.is_http11()
    }

    /// Whether both messages are complete.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Responding(_))
            && self.request_body.is_done()
            && self.response_body.is_done()
    }

    /// Whether the server's connection may carry another request. `left_over` is how many bytes
    /// came behind the response: unasked for, so that the next response could not be trusted.
    #[must_use]
    pub const fn server_reusable(&self, left_over: usize) -> bool {
        self.server_keep_alive && left_over == 0 && self.is_done()
    }
}
