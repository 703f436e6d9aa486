//! Halo's configuration: text to validated model, diff and documentation.
//!
//! The way of a file, one module a step:
//!
//! 1. [`parse`] reads TOML into a document with places (line and column of every key).
//! 2. `shape` walks the document beside the JSON Schema of the `raw` types: unknown keys, wrong
//!    types, ranges and units. What is wrong is reported and cut out, so that one mistake hides no
//!    other.
//! 3. serde turns what is left into the `raw` types, with `defaults` filled in.
//! 4. `validate` checks what no single value shows (references, duplicates, contradictions) and
//!    makes the [`Config`].
//!
//! [`check_host`] then compares a configuration with the machine's interfaces, and [`diff`] says
//! what a reload would change.

mod defaults;
mod errors;
mod host;
mod model;
mod parse;
mod places;
mod plan;
mod raw;
mod report;
mod schema;
mod shape;
mod suggest;
mod validate;

pub use errors::{Errors, Problem};
pub use host::{HostFacts, check_host};
pub use model::*;
pub use parse::{check, parse};
pub use plan::{Changes, NeedsRestart, Plan, RestartRequired, diff};
pub use schema::json_schema;
