//! Values written as strings, each read by one function.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    AbsolutePath, HostHeader, Interface, Name, Password, PathPrefix, Statuses, Target, VipAddress,
};
use crate::model::{AccessLog, HostMatch};

/// A value that is written as a string.
pub(crate) trait Leaf: Sized {
    /// What such a value is called in the reference.
    const KIND: &'static str;
    /// How one is written.
    const EXAMPLE: &'static str;

    /// Reads one; the error says what is wrong and the remedy, without the place.
    fn read(text: &str) -> Result<Self, String>;

    /// Writes it back as [`Leaf::read`] takes it.
    fn write(&self) -> String;
}

/// The schema's keyword for [`Leaf::KIND`], from which the shape check finds the reader.
pub(crate) const KIND: &str = "x-kind";

/// Makes a [`Leaf`] known to serde and schemars.
#[derive(Debug, Clone)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Leaf> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.write())
    }
}

impl<'de, T: Leaf> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::read(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl<T: Leaf> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::KIND.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", KIND: T::KIND, "examples": [T::EXAMPLE] })
    }
}

/// Whether `text` is a value of that [`Leaf::KIND`].
pub(crate) fn check_leaf(kind: &str, text: &str) -> Result<(), String> {
    READERS
        .iter()
        .find(|(name, _)| *name == kind)
        .map_or(Ok(()), |(_, read)| read(text))
}

/// Reads a string only to say what is wrong with it.
type Reader = fn(&str) -> Result<(), String>;

const READERS: &[(&str, Reader)] = &[
    reader::<Duration>(),
    reader::<IpNet>(),
    reader::<VipAddress>(),
    reader::<SocketAddr>(),
    reader::<Name>(),
    reader::<Interface>(),
    reader::<AbsolutePath>(),
    reader::<Password>(),
    reader::<PathPrefix>(),
    reader::<Target>(),
    reader::<HostMatch>(),
    reader::<HostHeader>(),
    reader::<Statuses>(),
    reader::<AccessLog>(),
];

const fn reader<T: Leaf>() -> (&'static str, Reader) {
    (T::KIND, |text| T::read(text).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for (at, (kind, _)) in READERS.iter().enumerate() {
            assert!(
                READERS[..at].iter().all(|(other, _)| other != kind),
                "{kind} twice"
            );
        }
    }

    #[test]
    fn every_kind_of_the_schema_has_a_reader() {
        fn walk(schema: &serde_json::Value, seen: &mut usize) {
            if let Some(kind) = schema.get(KIND).and_then(|kind| kind.as_str())
                && schema["type"] == "string"
            {
                *seen += 1;
                assert!(
                    READERS.iter().any(|(name, _)| *name == kind),
                    "{kind} has no reader"
                );
                let example = schema["examples"][0].as_str().unwrap();
                assert_eq!(check_leaf(kind, example), Ok(()), "{kind}'s example");
            }
            match schema {
                serde_json::Value::Object(map) => map.values().for_each(|v| walk(v, seen)),
                serde_json::Value::Array(list) => list.iter().for_each(|v| walk(v, seen)),
                _ => {}
            }
        }
        let mut seen = 0;
        walk(&crate::json_schema(), &mut seen);
        assert!(seen > 20, "only {seen} leaves found");
    }
}
