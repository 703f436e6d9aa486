//! What a node is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Role {
    /// it carries traffic, may hold VIPs, and votes when the cluster has a quorum
    Member,
    /// it only votes: no VIP, no data plane
    Witness,
}
