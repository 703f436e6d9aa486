//! The JSON Schema of the file, made from the `raw` types.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::raw;

/// The JSON Schema of a configuration file (draft 2020-12).
///
/// Beside the standard keywords, `x-kind` names the form of a string (`duration`, `size`,
/// `address:port` and so on), and `x-default` says in words what stands in for an absent value.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = generate(false);
    schema["title"] = "Halo configuration".into();
    schema
}

/// The schema without references, as the shape check walks it.
pub(crate) fn inlined() -> Value {
    generate(true)
}

fn generate(inline: bool) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = inline);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<raw::File>()
        .to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: an optional key is left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    map["type"] = only.clone();
                }
            }
            if let Some(Value::Array(any)) = map.get_mut("anyOf") {
                any.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
                if let [only] = any.as_slice() {
                    let only = only.clone();
                    map.shift_remove("anyOf");
                    if let Value::Object(only) = only {
                        for (key, value) in only {
                            map.entry(key).or_insert(value);
                        }
                    }
                }
            }
            if let Some(Value::Object(default)) = map.get_mut("default") {
                default.retain(|_, value| !value.is_null());
            }
            map.values_mut().for_each(without_null);
        }
        Value::Array(list) => list.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_of_the_schema_may_be_null() {
        let text = json_schema().to_string();
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn every_key_says_what_it_means() {
        fn walk(schema: &Value, path: &str) {
            if let Some(Value::Object(properties)) = schema.get("properties") {
                for (key, value) in properties {
                    let path = format!("{path}.{key}");
                    assert!(
                        value["description"].is_string(),
                        "{path} has no description"
                    );
                    walk(value, &path);
                    walk(&value["items"], &path);
                }
            }
        }
        walk(&inlined(), "");
    }
}
