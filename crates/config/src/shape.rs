//! Walks a document beside the schema: unknown keys, absent keys, types, ranges and forms.
//!
//! What is wrong is reported and cut out, so that serde can read the rest and every other problem
//! is found in the same run.

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::places::join;
use crate::raw::{Size, check_leaf};
use crate::report::Report;
use crate::suggest::{list, nearest};

/// Checks `table` against `schema` and cuts out what is wrong. `path` is empty at the top.
///
/// False: the table itself should go.
pub(crate) fn check_table(
    table: &mut DeTable<'_>,
    schema: &Value,
    path: &str,
    report: &mut Report<'_>,
) -> bool {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    if let Some(values) = schema
        .get("additionalProperties")
        .filter(|values| values.is_object())
    {
        return check_map(table, values, path, report);
    }
    for required in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !table.contains_key(required) {
            let what = how_to_write(required, &properties[required]);
            report.key(path, format!("has no {required:?}; add {what}"));
        }
    }
    prune(table, |key, value| {
        let path = join(path, key);
        let Some(schema) = properties.get(key) else {
            let known = properties.keys().map(String::as_str);
            let message = match nearest(key, known.clone()) {
                Some(near) => format!("unknown key; did you mean {near:?}?"),
                None => format!("unknown key; known here: {}", list(known)),
            };
            report.key(path, message);
            return false;
        };
        check_value(value, schema, &path, report)
    });
    true
}

/// Cuts out the keys that `keep` does not want.
fn prune<'i>(
    table: &mut DeTable<'i>,
    mut keep: impl FnMut(&str, &mut Spanned<DeValue<'i>>) -> bool,
) {
    let mut unwanted = Vec::new();
    for (key, value) in table.iter_mut() {
        if !keep(key.get_ref(), value) {
            unwanted.push(key.get_ref().clone());
        }
    }
    for key in unwanted {
        table.remove(key.as_ref());
    }
}

/// A table whose keys are free (`vip.priority`). One wrong value stands for all: a part of them
/// would say something else.
fn check_map(table: &mut DeTable<'_>, values: &Value, path: &str, report: &mut Report<'_>) -> bool {
    let mut all_good = true;
    for (key, value) in table.iter_mut() {
        all_good &= check_value(value, values, &join(path, key.get_ref()), report);
    }
    all_good
}

/// Whether `value` may stay.
fn check_value(
    value: &mut Spanned<DeValue<'_>>,
    schema: &Value,
    path: &str,
    report: &mut Report<'_>,
) -> bool {
    let types = types_of(schema);
    match value.get_mut() {
        DeValue::Table(table) if types.contains(&"object") => {
            check_table(table, schema, path, report)
        }
        DeValue::Array(array) if types.contains(&"array") => {
            if array.is_empty() && schema.get("minItems").is_some() {
                report.value(path, "is empty; name at least one");
                return false;
            }
            check_items(array.iter_mut(), &schema["items"], path, report)
        }
        DeValue::String(text) if types.contains(&"string") => {
            said(check_string(text, schema), path, report)
        }
        DeValue::Integer(integer) if types.contains(&"integer") => {
            said(check_integer(integer, schema), path, report)
        }
        DeValue::Boolean(_) if types.contains(&"boolean") => true,
        other => {
            report.value(path, wrong_type(other, &types, schema, path));
            false
        }
    }
}

/// Elements of a list. A wrong element stands for the whole list (so that no index shifts),
/// unless it is to be a table, which can be emptied.
fn check_items<'a, 'i: 'a>(
    items: impl Iterator<Item = &'a mut Spanned<DeValue<'i>>>,
    schema: &Value,
    path: &str,
    report: &mut Report<'_>,
) -> bool {
    let mut all_good = true;
    for (at, item) in items.enumerate() {
        if check_value(item, schema, &format!("{path}[{at}]"), report) {
            continue;
        }
        if types_of(schema).contains(&"object") {
            *item.get_mut() = DeValue::Table(DeTable::new());
        } else {
            all_good = false;
        }
    }
    all_good
}

fn said(result: Result<(), String>, path: &str, report: &mut Report<'_>) -> bool {
    if let Err(message) = result {
        report.value(path, message);
        return false;
    }
    true
}

fn check_string(text: &str, schema: &Value) -> Result<(), String> {
    if let Some(words) = words_of(schema) {
        if words.contains(&text) {
            return Ok(());
        }
        return Err(match nearest(text, words.iter().copied()) {
            Some(near) => format!("{text:?} is not known here; did you mean {near:?}?"),
            None => format!(
                "{text:?} is not known here; write one of: {}",
                quoted(&words)
            ),
        });
    }
    let length = text.chars().count() as u64;
    if schema["minLength"]
        .as_u64()
        .is_some_and(|least| length < least)
    {
        return Err("is empty; give it a value or leave the key out".into());
    }
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        return Err(format!("has {length} characters; write at most {most}"));
    }
    match schema["x-kind"].as_str() {
        Some("size") => Size::read(text).map(|_| ()),
        Some(kind) => check_leaf(kind, text),
        None => Ok(()),
    }
}

fn check_integer(integer: &DeInteger<'_>, schema: &Value) -> Result<(), String> {
    let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
    let most = schema["maximum"].as_i64().unwrap_or(i64::MAX);
    match i64::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(number) if (least..=most).contains(&number) => Ok(()),
        Ok(_) | Err(_) if most == i64::MAX => {
            Err(format!("{integer} is out of range; write {least} or more"))
        }
        Ok(_) | Err(_) => Err(format!(
            "{integer} is out of range; write {least} to {most}"
        )),
    }
}

fn wrong_type(value: &DeValue<'_>, types: &[&str], schema: &Value, path: &str) -> String {
    let written = match value {
        DeValue::Integer(integer) => Some(integer.to_string()),
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::String(text) => Some(format!("{text:?}")),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    if let (DeValue::Integer(integer), Some("duration")) = (value, schema["x-kind"].as_str()) {
        return format!("{integer} has no unit; write \"{integer}ms\" or \"{integer}s\"");
    }
    if let (DeValue::String(text), ["integer"]) = (value, types)
        && text.parse::<i64>().is_ok()
    {
        return format!("{text:?} is a string; write {text} without quotes");
    }
    if let (DeValue::String(text), ["boolean"]) = (value, types)
        && matches!(text.as_ref(), "true" | "false")
    {
        return format!("{text:?} is a string; write {text} without quotes");
    }
    let key = path.rsplit('.').next().unwrap_or(path);
    let key = &key[..key.find('[').unwrap_or(key.len())];
    let is = written.map_or_else(
        || format!("is {}", article(value.type_str())),
        |text| format!("{text} is {}", article(value.type_str())),
    );
    if let (DeValue::Table(_), ["array"]) = (value, types)
        && types_of(&schema["items"]).contains(&"object")
    {
        return format!(
            "is one table, but there may be several; write [[{}]]",
            headers(path)
        );
    }
    if let (DeValue::Array(_), ["object"]) = (value, types) {
        return format!(
            "is a list, but there is one only; write [{}]",
            headers(path)
        );
    }
    format!("{is}; write {}", how_to_write(key, schema))
}

/// The key path as a TOML header has it: without indices.
fn headers(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            inside = *c == '[' || inside && *c != ']';
            !inside && *c != ']'
        })
        .collect()
}

/// `key = example`, as a remedy.
fn how_to_write(key: &str, schema: &Value) -> String {
    let types = types_of(schema);
    let items = &schema["items"];
    let example = schema["examples"].get(0);
    if let Some(words) = words_of(schema) {
        return format!(
            "{key} = {}",
            words
                .iter()
                .map(|w| format!("{w:?}"))
                .collect::<Vec<_>>()
                .join(" or ")
        );
    }
    match (types.first().copied(), example) {
        (_, Some(example)) => format!("{key} = {example}"),
        (Some("array"), _) if types_of(items).contains(&"object") => format!("a [[{key}]] section"),
        (Some("array"), _) => match items["examples"].get(0) {
            Some(example) => format!("{key} = [{example}]"),
            None => format!("{key} = [...]"),
        },
        (Some("object"), _) => format!("{key} = {{ ... }}"),
        (Some("boolean"), _) => format!("{key} = true or {key} = false"),
        (Some("integer"), _) => {
            let least = schema["minimum"].as_i64().unwrap_or(0);
            match schema["maximum"].as_i64() {
                Some(most) => format!("{key} = a number from {least} to {most}"),
                None => format!("{key} = a whole number"),
            }
        }
        (Some(_) | None, None) => format!("{key} = \"...\""),
    }
}

/// The JSON types that a schema allows.
fn types_of(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(only) => vec![only],
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        _ if words_of(schema).is_some() => vec!["string"],
        _ => Vec::new(),
    }
}

/// The words of an enumeration.
pub(crate) fn words_of(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let options = schema["oneOf"].as_array()?;
    Some(
        options
            .iter()
            .filter_map(|option| option["const"].as_str())
            .collect(),
    )
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("{word:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn article(kind: &str) -> String {
    match kind {
        "integer" | "array" => format!("an {kind}"),
        other => format!("a {other}"),
    }
}
