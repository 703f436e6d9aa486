//! Fields of an advertisement, each within its bounds by construction.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU16};
use std::time::Duration;

/// Virtual Router Identifier, 1 to 255 (RFC 9568 section 5.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// `None` for 0.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        match NonZeroU8::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Priority for the election of the Active (RFC 9568 section 5.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Priority {
    /// The Active has stopped taking part: a Backup takes over after Skew_Time alone.
    pub const RESIGN: Self = Self(0);
    /// The lowest that takes part.
    pub const LOWEST: Self = Self(1);
    /// The default.
    pub const DEFAULT: Self = Self(100);
    /// The highest of a router that does not own the addresses.
    pub const HIGHEST: Self = Self(254);
    /// The router that owns the addresses as its interface's own.
    pub const OWNER: Self = Self(255);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time between advertisements, 0.01 to 40.95 seconds (RFC 9568 section 5.2.7: 12 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Centiseconds(NonZeroU16);

impl Centiseconds {
    /// The longest that fits the field.
    pub const MAX: u16 = 0x0fff;
    /// One second: VRRP's default.
    pub const SECOND: Self = Self(match NonZeroU16::new(100) {
        Some(value) => value,
        None => NonZeroU16::MIN,
    });

    /// `None` for 0 and above 4095.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        match NonZeroU16::new(value) {
            Some(nonzero) if value <= Self::MAX => Some(Self(nonzero)),
            Some(_) | None => None,
        }
    }

    /// `None` unless it is a whole number of centiseconds from 1 to 4095.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Option<Self> {
        let nanos = duration.as_nanos();
        if !nanos.is_multiple_of(10_000_000) {
            return None;
        }
        u16::try_from(nanos / 10_000_000).ok().and_then(Self::new)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0.get() as u64 * 10)
    }
}

impl fmt::Display for Centiseconds {
    /// In milliseconds or seconds, as people write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vrid_of_zero_does_not_exist() {
        assert_eq!(Vrid::new(0), None);
        assert_eq!(Vrid::new(255).map(Vrid::get), Some(255));
    }

    #[test]
    fn intervals_are_whole_centiseconds_that_fit_twelve_bits() {
        assert_eq!(Centiseconds::new(0), None);
        assert_eq!(Centiseconds::new(4096), None);
        assert_eq!(Centiseconds::new(4095).map(Centiseconds::get), Some(4095));
        let from = |millis| Centiseconds::from_duration(Duration::from_millis(millis));
        assert_eq!(from(100), Centiseconds::new(10));
        assert_eq!(from(15), None);
        assert_eq!(from(0), None);
        assert_eq!(from(40_960), None);
        assert_eq!(Centiseconds::SECOND.duration(), Duration::from_secs(1));
        assert_eq!(
            from(250).map(|interval| interval.to_string()).as_deref(),
            Some("250ms")
        );
    }
}
