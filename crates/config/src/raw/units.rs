//! Durations and sizes, with their units.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::leaf::{KIND, Leaf};

/// Duration units, largest first, with their length in microseconds.
const DURATION_UNITS: [(&str, u64); 5] = [
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// Longer makes no sense anywhere, and arithmetic on clocks stays clear of overflow.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Leaf for Duration {
    const KIND: &'static str = "duration";
    const EXAMPLE: &'static str = "300ms";

    fn read(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        if unit.is_empty() && !number.is_empty() {
            return Err(format!(
                "{text:?} has no unit; write \"{number}ms\" or \"{number}s\""
            ));
        }
        let (Ok(count), Some((_, micros))) = (
            number.parse::<u64>(),
            DURATION_UNITS.iter().find(|(name, _)| *name == unit),
        ) else {
            return Err(format!(
                "{text:?} is not a duration; write a whole number and a unit (us, ms, s, m, h), \
                 such as \"300ms\" or \"2s\""
            ));
        };
        match count.checked_mul(*micros).map(Duration::from_micros) {
            Some(duration) if duration <= LONGEST => Ok(duration),
            Some(_) | None => Err(format!("{text:?} is too long; write at most \"24h\"")),
        }
    }

    fn write(&self) -> String {
        duration_text(*self)
    }
}

/// A duration as the file has it, in the largest unit that is exact.
pub(crate) fn duration_text(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros == 0 {
        return "0s".into();
    }
    DURATION_UNITS
        .iter()
        .map(|(name, length)| (name, u128::from(*length)))
        .find(|(_, length)| micros.is_multiple_of(*length))
        .map_or_else(
            || format!("{micros}us"),
            |(name, length)| format!("{}{name}", micros / length),
        )
}

/// A number of bytes: an integer, or a string with a binary unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub(crate) u64);

/// Size units, largest first.
const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// What the reference calls a [`Size`].
pub(crate) const SIZE: &str = "size";

impl Size {
    /// Reads the string form.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        if let Some(binary) = ["k", "m", "g"].into_iter().find(|letter| {
            unit.eq_ignore_ascii_case(letter) || unit.eq_ignore_ascii_case(&format!("{letter}b"))
        }) {
            let letter = binary.to_ascii_uppercase();
            return Err(format!(
                "{text:?}: {unit} may mean 1000 or 1024; write \"{number}{letter}iB\""
            ));
        }
        let unit = if unit.is_empty() { "B" } else { unit };
        let (Ok(count), Some((_, bytes))) = (
            number.parse::<u64>(),
            SIZE_UNITS.iter().find(|(name, _)| *name == unit),
        ) else {
            return Err(format!(
                "{text:?} is not a size; write bytes, or a whole number and a unit (KiB, MiB, \
                 GiB), such as \"16KiB\""
            ));
        };
        count
            .checked_mul(*bytes)
            .filter(|size| *size <= i64::MAX as u64)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is too large; write less than \"8589934591GiB\""))
    }

    /// Writes it in the largest unit that is exact.
    pub(crate) fn write(self) -> String {
        SIZE_UNITS
            .iter()
            .find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes) && *bytes > 1)
            .map_or_else(
                || self.0.to_string(),
                |(name, bytes)| format!("{}{name}", self.0 / bytes),
            )
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 0 {
            serializer.serialize_u64(0)
        } else {
            serializer.serialize_str(&self.write())
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bytes(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => Self::read(&text).map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        SIZE.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"], KIND: SIZE, "minimum": 0, "examples": ["16KiB", 1024]
        })
    }
}

/// Digits in front, and what follows them.
fn split(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit_and_written_back() {
        for (text, micros) in [
            ("500us", 500),
            ("300ms", 300_000),
            ("2s", 2_000_000),
            ("1m", 60_000_000),
            ("0s", 0),
        ] {
            let duration = Duration::read(text).unwrap();
            assert_eq!(duration, Duration::from_micros(micros));
            assert_eq!(duration.write(), text);
        }
        assert_eq!(duration_text(Duration::from_millis(1500)), "1500ms");
    }

    #[test]
    fn durations_without_unit_or_sense_are_refused() {
        for text in [
            "",
            "s",
            "300",
            "1.5s",
            "-1s",
            "2 s",
            "1d",
            "99999999999999999999h",
            "25h",
            "９s",
        ] {
            assert!(Duration::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_binary_and_decimal_units_are_refused() {
        assert_eq!(Size::read("16KiB").unwrap().0, 16384);
        assert_eq!(Size::read("10MiB").unwrap().0, 10 << 20);
        assert_eq!(Size::read("1024").unwrap().write(), "1KiB");
        assert_eq!(Size::read("7").unwrap().write(), "7");
        assert!(Size::read("16KB").unwrap_err().ends_with("write \"16KiB\""));
        assert!(Size::read("16k").unwrap_err().ends_with("write \"16KiB\""));
        for text in ["", "KiB", "1.5MiB", "-1", "99999999999GiB"] {
            assert!(Size::read(text).is_err(), "{text:?}");
        }
    }
}
