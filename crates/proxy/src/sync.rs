//! What threads share is made of these; the model check of `tests/threads.rs` puts loom's in their place.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
