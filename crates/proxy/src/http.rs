//! HTTP listeners: requests of HTTP/1.1 and 1.0, each passed on to a server of its route's pool.
//!
//! This module is the HTTP engine. To the rest of the crate it is [`serve`], which takes a
//! connection to its end, and [`Upstreams`], a worker's idle connections to servers; hyper is named
//! nowhere else.

mod answer;
mod body;
mod client;
mod connection;
mod exchange;
mod fields;
mod forward;
mod idle;
mod request;
mod tunnel;

pub(crate) use connection::serve;
pub(crate) use idle::Upstreams;
