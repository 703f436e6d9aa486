//! Passing a request on: a server, a connection, a response; another server when that is safe.

use std::fmt::Write;
use std::io;
use std::net::{IpAddr, SocketAddr};

use halo_http1::{RequestRewrite, write_request};

use super::client::Client;
use super::connect::{connect, connect_again};
use super::idle::{ServerConnection, is_its_clients};
use super::job::Job;
use super::transfer::{Transferred, transfer};
use crate::fault::Fault;
use crate::snapshot::Target;
use crate::upstream::{Attempts, Lease};

/// What became of a request that was passed on.
#[derive(Debug)]
pub(super) enum Forwarded {
    /// The client has the whole response.
    Response {
        /// Whether its connection may carry another request.
        keep_alive: bool,
    },
    /// Server and client speak another protocol from here on.
    Switched(ServerConnection),
}

/// Passes a request on.
pub(super) async fn forward(
    client: &mut Client,
    job: &mut Job,
    target: Target,
) -> Result<Forwarded, Fault> {
    let worker = client.connection.worker.clone();
    let attempts = Attempts::new(worker, client.last.0.clone(), target.pool);
    job.story.attempts = Some(attempts);
    loop {
        let lease = next_server(job)?;
        let kept = kept_connection(client, job, &lease);
        job.story.chose(lease);
        let (mut server, is_kept) = match kept {
            Some(server) => (server, true),
            // Boxed, as it is large and most requests find a connection.
            None => match Box::pin(connect(client, job)).await {
                Ok(connected) => connected,
                Err(fault) => {
                    try_another(job, fault)?;
                    job.begin(&client.last.1.limits);
                    continue;
                }
            },
        };
        let mut outcome = over(client, job, &mut server).await;
        // The server closed the idle connection in this very moment. That says nothing of the
        // server, so the request goes over a new connection to the same one.
        if is_kept
            && matches!(outcome, Err(Fault::ServerClosed))
            && job.progress.may_be_repeated(may_be_sent_twice(job))
        {
            job.begin(&client.last.1.limits);
            outcome = match Box::pin(connect_again(client, job, server)).await {
                Ok(new) => {
                    server = new;
                    over(client, job, &mut server).await
                }
                Err(fault) => {
                    try_another(job, fault)?;
                    job.begin(&client.last.1.limits);
                    continue;
                }
            };
        }
        match outcome {
            Ok(transferred) => return Ok(forwarded(client, job, server, &transferred)),
            // It took the connection and closed it before it was sent anything.
            Err(Fault::ServerClosed) if job.progress.may_be_repeated(false) => {
                try_another(job, Fault::Connect(io::ErrorKind::ConnectionReset.into()))?;
            }
            Err(fault) => return Err(fault),
        }
        job.begin(&client.last.1.limits);
    }
}

/// An idle connection to the server, if one is kept.
fn kept_connection(client: &Client, job: &Job, lease: &Lease) -> Option<ServerConnection> {
    let upstreams = &client.connection.worker.upstreams;
    // There may be some from before the pool sent headers.
    let attempts = job.story.attempts.as_ref()?;
    if is_its_clients(&attempts.pool().config) {
        return None;
    }
    // A request that may not be sent twice is not sent to a connection that is closed already.
    upstreams.take(&lease.server, !may_be_sent_twice(job))
}

fn next_server(job: &mut Job) -> Result<Lease, Fault> {
    job.story.attempts.as_mut().ok_or(Fault::NoServer)?.next()
}

/// Notes that a server failed. The fault comes back when no other may be tried.
fn try_another(job: &mut Job, fault: Fault) -> Result<(), Fault> {
    match (&mut job.story.attempts, job.story.lease.take()) {
        (Some(attempts), Some(lease)) => attempts.failed(lease, fault),
        _ => Err(fault),
    }
}

/// RFC 9110 section 9.2.2; and nothing of it is gone when it was sent once.
fn may_be_sent_twice(job: &Job) -> bool {
    job.requests.head().method().is_idempotent() && job.has_no_body()
}

/// Sends a request over a connection, and its response to the client.
async fn over(
    client: &mut Client,
    job: &mut Job,
    server: &mut ServerConnection,
) -> Result<Transferred, Fault> {
    write_head(client, job, server.server().address);
    transfer(client, server, job).await
}

/// What becomes of the server's connection after a transfer.
fn forwarded(
    client: &Client,
    job: &Job,
    server: ServerConnection,
    transferred: &Transferred,
) -> Forwarded {
    match *transferred {
        Transferred::Switched => Forwarded::Switched(server),
        Transferred::Response {
            keep_alive,
            reusable,
        } => {
            if reusable && let Some(attempts) = &job.story.attempts {
                let pool = &attempts.pool().config;
                let worker = &client.connection.worker;
                worker.upstreams.give_back(worker, server, pool);
            }
            Forwarded::Response { keep_alive }
        }
    }
}

/// Writes the head of the request as the server gets it.
fn write_head(client: &Client, job: &mut Job, server: SocketAddr) {
    let listener = &client.last.1.config;
    let head = job.requests.head();
    let buf = job.from_client.held();
    let address = Text::of_ip(client.connection.client.ip());
    let fallback = if head.host(buf).is_none() {
        Text::of(server)
    } else {
        Text::default()
    };
    let rewrite = RequestRewrite {
        client: address.bytes(),
        scheme: b"http",
        trust_forwarded: listener.trust_forwarded,
        fallback_host: fallback.bytes(),
        // Refused before, if the route does not pass it on.
        websocket: true,
        via: None,
    };
    job.to_server.clear();
    write_request(job.to_server.own(), buf, head, &rewrite);
}

/// An address as text, without memory of its own.
#[derive(Debug)]
struct Text {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        }
    }
}

impl Text {
    /// An IPv6 address that embeds an IPv4 one, in brackets, with scope and port.
    const LONGEST: usize = 64;

    fn of(address: SocketAddr) -> Self {
        let mut text = Self::default();
        // It has room for any address.
        write!(text, "{address}").unwrap_or_default();
        text
    }

    fn of_ip(address: IpAddr) -> Self {
        let mut text = Self::default();
        match address.to_canonical() {
            IpAddr::V4(address) => {
                for (i, octet) in address.octets().into_iter().enumerate() {
                    if i > 0 {
                        text.push(b'.');
                    }
                    text.push_decimal(octet);
                }
            }
            IpAddr::V6(address) => write!(text, "{address}").unwrap_or_default(),
        }
        text
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn push_decimal(&mut self, number: u8) {
        if number >= 100 {
            self.push(b'0' + number / 100);
        }
        if number >= 10 {
            self.push(b'0' + number / 10 % 10);
        }
        self.push(b'0' + number % 10);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len());
        room.ok_or(std::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for ip in ["0.0.0.0", "10.20.255.100", "1.2.3.4", "2001:db8::1", "::1"] {
            assert_eq!(Text::of_ip(ip.parse().unwrap()).bytes(), ip.as_bytes());
        }
        let mapped = Text::of_ip("::ffff:10.0.0.1".parse().unwrap());
        assert_eq!(mapped.bytes(), b"10.0.0.1");
        for address in [
            "127.0.0.1:80",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
        ] {
            assert_eq!(
                Text::of(address.parse().unwrap()).bytes(),
                address.as_bytes()
            );
        }
    }
}
