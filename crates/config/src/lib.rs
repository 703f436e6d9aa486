//! Halo's configuration: text to validated model, diff and documentation.

mod model;

pub use model::*;
