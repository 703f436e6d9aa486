//! Waiting for what must come true.

use std::thread;
use std::time::{Duration, Instant};

use crate::LabError;

/// Time between two looks: short beside every time that is measured, long beside the look.
const POLL: Duration = Duration::from_millis(10);

/// Looks again and again until `condition` holds.
///
/// # Errors
/// [`LabError::Deadline`] when it does not hold within `within`.
pub fn wait_until(
    what: &str,
    within: Duration,
    mut condition: impl FnMut() -> bool,
) -> Result<(), LabError> {
    let start = Instant::now();
    loop {
        if condition() {
            return Ok(());
        }
        if start.elapsed() >= within {
            return Err(LabError::Deadline {
                what: what.into(),
                within,
                detail: String::new(),
            });
        }
        thread::sleep(POLL);
    }
}
