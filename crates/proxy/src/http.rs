//! HTTP listeners: requests of HTTP/1.1 and 1.0, each passed on to a server of its route's pool.
//!
//! This module is the HTTP engine. To the rest of the crate it is [`serve`], which takes a
//! connection to its end, and what a worker keeps for its connections: [`Upstreams`], the idle
//! connections to servers, and [`Jobs`], the buffers of requests in flight.
//!
//! What HTTP is stands in `halo-http1`, which knows no sockets; here is what moves its bytes. One
//! task drives a client's connection and, while a request is in flight, the server's. It reads a
//! socket only when the system said that there is something, and holds no buffer while it waits for
//! a request.

mod answer;
mod buffer;
mod client;
mod close;
mod connect;
mod forward;
mod head;
mod idle;
mod job;
mod request;
mod serve;
mod story;
mod transfer;
mod tunnel;

pub(crate) use idle::Upstreams;
pub(crate) use job::Jobs;
pub(crate) use serve::serve;
