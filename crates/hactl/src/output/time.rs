//! Times for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use halo_api::UnixMillis;

/// Now, in milliseconds since the Unix epoch; 0 if the clock stands before it.
pub(crate) fn unix_now() -> UnixMillis {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            UnixMillis::try_from(since.as_millis()).unwrap_or(UnixMillis::MAX)
        })
}

/// "2m ago"; "now" for the future, which clocks that differ can make.
pub(crate) fn ago(then: UnixMillis, now: UnixMillis) -> String {
    match now.saturating_sub(then) {
        0 => "now".to_owned(),
        millis => format!("{} ago", span(millis)),
    }
}

/// A span in its one or two largest units: "42ms", "7s", "2m", "3h 5m", "12d".
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0 => format!("{millis}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m"),
        3600..86400 if minutes % 60 > 0 => format!("{hours}h {}m", minutes % 60),
        3600..86400 => format!("{hours}h"),
        _ => format!("{days}d"),
    }
}

/// "2026-03-01T12:00:00.123Z".
pub(crate) fn stamp(at: UnixMillis) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(at);
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_largest_units() {
        const MINUTE: u64 = 60_000;
        const HOUR: u64 = 60 * MINUTE;
        for (millis, expected) in [
            (999, "999ms"),
            (1000, "1s"),
            (59_999, "59s"),
            (2 * MINUTE, "2m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 5 * MINUTE, "3h 5m"),
            (12 * 24 * HOUR, "12d"),
        ] {
            assert_eq!(span(millis), expected);
        }
        assert_eq!(ago(1000, 61_000), "1m ago");
        assert_eq!(ago(1000, 900), "now");
    }

    #[test]
    fn stamps_are_utc_with_milliseconds() {
        assert_eq!(stamp(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
    }
}
