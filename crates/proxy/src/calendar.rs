//! Days, and dates as HTTP writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A point in time as an IMF-fixdate (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HttpDate {
    seconds: u64,
    text: [u8; 29],
}

impl HttpDate {
    /// The present. Costs no system call, and writes nothing when `self` says the same second.
    pub(crate) fn now(before: Option<Self>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // A clock before 1970 is wrong anyway.
        let seconds = since.unwrap_or(Duration::ZERO).as_secs();
        match before {
            Some(same) if same.seconds == seconds => same,
            _ => Self::at(seconds),
        }
    }

    /// So many seconds after the Unix epoch.
    fn at(seconds: u64) -> Self {
        let days = seconds / 86_400;
        let (year, month, day) = civil(days);
        let mut text = *b"ddd, 00 mmm 0000 00:00:00 GMT";
        text[..3].copy_from_slice(DAYS[(days % 7) as usize]);
        text[8..11].copy_from_slice(MONTHS[(month - 1) as usize % 12]);
        for (at, number) in [
            (5, day),
            (12, year / 100 % 100),
            (14, year % 100),
            (17, seconds / 3600 % 24),
            (20, seconds / 60 % 60),
            (23, seconds % 60),
        ] {
            text[at] = b'0' + (number / 10) as u8;
            text[at + 1] = b'0' + (number % 10) as u8;
        }
        Self { seconds, text }
    }

    /// As it stands in a field.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

/// Year, month and day of a day since 1970-01-01 (Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`): years begin in March, so that the leap day is a year's last.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::HttpDate;

    #[test]
    fn dates_are_written_as_rfc_9110_says() {
        // Expected values from `date -u -d @SECONDS '+%a, %d %b %Y %T GMT'`.
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (1_785_542_400, "Sat, 01 Aug 2026 00:00:00 GMT"),
        ] {
            assert_eq!(HttpDate::at(seconds).as_bytes(), text.as_bytes());
        }
    }
}
