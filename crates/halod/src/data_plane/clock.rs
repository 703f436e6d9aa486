//! The time of day, for people.

use std::time::{SystemTime, UNIX_EPOCH};

use halo_api::UnixMillis;

/// Now, in milliseconds since the Unix epoch; 0 if the clock stands before it.
pub(super) fn unix_now() -> UnixMillis {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            UnixMillis::try_from(since.as_millis()).unwrap_or(UnixMillis::MAX)
        })
}
