//! The admin API, metrics and health endpoints.
//!
//! [`Server`] answers HTTP on the node's Unix socket and, if wanted, on a TCP address. What it
//! tells and does comes from a [`Control`], which the daemon implements.
//!
//! | method and path | answer | token on TCP |
//! |---|---|---|
//! | `GET /v1/status` | [`halo_api::Status`] | yes |
//! | `GET /v1/events?after=N` | `[`[`halo_api::Event`]`]` | yes |
//! | `POST /v1/failover` | [`halo_api::Outcome`]; body [`Failover`] | yes |
//! | `POST /v1/config/reload` | [`halo_api::Outcome`] | yes |
//! | `GET /v1/config` | the configuration file's text | yes |
//! | `POST /v1/pools/{pool}/servers/{server}` | [`halo_api::Outcome`]; body [`halo_api::ServerCommand`] | yes |
//! | `GET /healthz` | 200: the process is alive | no |
//! | `GET /readyz` | 200: the node can serve; else 503 | no |
//! | `GET /active`, `GET /active?vip=NAME` | 200: it holds a VIP, or this one; else 503 | no |
//! | `GET /metrics` | Prometheus text | no |
//!
//! Every answer that is not 200 has a [`halo_api::Outcome`] as its body.

mod auth;
mod control;
mod endpoint;
mod error;
mod handle;
mod metrics;
mod reply;
mod server;
mod socket;

pub use control::{Checks, Control, Failover, Failure, Readiness, Sample};
pub use error::AdminError;
pub use server::{Limits, Server, Settings};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
