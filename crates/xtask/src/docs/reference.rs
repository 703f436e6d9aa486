//! `docs/configuration.md`: a table for each section, from the JSON Schema.

use std::collections::BTreeMap;

use serde_json::Value;

/// What stands in front of the tables.
const INTRODUCTION: &str = "\
<!-- Generated from crates/config/src/raw.rs by `make docs`. Edit the doc comments there. -->

# Configuration

One TOML file, `/etc/halo/halo.toml`, the same on every node. A node finds itself in it by
`--node`, by `HALO_NODE`, or by its host name. Samples are in [`config/`](../config):
[`minimal.toml`](../config/minimal.toml) is the least that works,
[`full.toml`](../config/full.toml) has every key. The same reference as JSON Schema, for editors:
[`configuration.schema.json`](configuration.schema.json).

`hactl config check FILE` reports everything that is wrong at once, each with line, column, key and
remedy, and exits with 1. `hactl config reload` (or SIGHUP) applies a changed file: no connection is
dropped and no VIP moves on its account; a file with a mistake changes nothing. Keys marked
*restart* are read when halod starts: a reload that would change one is refused as a whole.

Durations are whole numbers with a unit: `us`, `ms`, `s`, `m` or `h`. Sizes are bytes, or whole
numbers with `KiB`, `MiB` or `GiB`. Unknown keys are errors.
";

/// What stands behind the tables: limits that have no key.
const CONSTANTS: &str = "
## Limits without a key

These are the same everywhere, because nobody has a reason for another value, or because a larger one
would weaken what Halo refuses.

| limit | value | why |
|---|---|---|
| method of a request | 24 bytes, then 501 | the longest in use, `UPDATEREDIRECTREF`, has 17 |
| host of a request | 272 bytes, then 400 | a name has 253 at most, a port five digits |
| chunk size | 16 digits and below 2^63, then 400 or 502 | what servers keep in a signed number |
| chunk extensions | none, then 400 or 502 | nothing in use sends them, and parsers skip them in different ways |
| status line of a response | 8 KiB, then 502 | the text in it is for nobody |
| `Connection` options of a response | 16, then 502 | as the default for requests |
| body of a response | none | it streams; how large it is, is the application's affair |
| `100 Continue` of Halo's own | after 1 s without one from the server | servers that know nothing of it send none, and some clients wait for ever (RFC 9110 section 10.1.1) |
| body that nobody reads after an answer | 1 MiB or 2 s | so that the client sees the answer and no reset (RFC 9112 section 9.6) |
| idle connection that is to end | 1 s | a request that is on its way is still answered, with `Connection: close` |
| PROXY header | 107 bytes in version 1, 4096 in version 2 | what its specification has; room for a certificate in version 2 |
| TLS client hello, where routes need it | 16 KiB | with post-quantum key shares it has about 2 KiB |
| connections that wait to be accepted | 4096 for each worker | `net.core.somaxconn` caps it |
| precision of time limits | up to 40 ms late, never early | a tick of 20 ms, so that a request sets no timer |
";

/// Keys that a reload refuses to change. `halo_config::diff` is the judge; a test compares.
const RESTART: [&str; 7] = [
    "node.name",
    "node.address",
    "admin.socket_dir",
    "admin.listen",
    "data_plane.workers",
    "data_plane.user",
    "log.level",
];

/// The reference in Markdown.
pub(super) fn markdown(schema: &Value) -> String {
    let mut text = INTRODUCTION.to_owned();
    let reference = Reference { root: schema };
    for (key, section) in reference.properties(schema) {
        reference.section(key, section, &mut text);
    }
    reference.forms(&mut text);
    text.push_str(CONSTANTS);
    text
}

/// The schema, whose parts refer to each other.
struct Reference<'a> {
    root: &'a Value,
}

impl<'a> Reference<'a> {
    /// The schema that `schema` refers to, or itself.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        schema["$ref"]
            .as_str()
            .and_then(|reference| reference.strip_prefix('#'))
            .and_then(|pointer| self.root.pointer(pointer))
            .unwrap_or(schema)
    }

    /// The keys of a table, or of the tables in a list.
    fn properties(&self, schema: &'a Value) -> Vec<(&'a str, &'a Value)> {
        let table = self.table(schema);
        let properties = table["properties"].as_object().into_iter().flatten();
        properties
            .map(|(key, value)| (key.as_str(), value))
            .collect()
    }

    fn table(&self, schema: &'a Value) -> &'a Value {
        let schema = self.resolve(schema);
        if schema["type"] == "array" {
            self.resolve(&schema["items"])
        } else {
            schema
        }
    }

    fn is_list(&self, schema: &'a Value) -> bool {
        self.resolve(schema)["type"] == "array"
    }

    /// One section with its table, then the sections inside it.
    fn section(&self, path: &str, schema: &'a Value, text: &mut String) {
        let depth = "#".repeat(2 + path.matches('.').count());
        let header = if self.is_list(schema) {
            format!("[[{path}]]")
        } else {
            format!("[{path}]")
        };
        text.push_str(&format!(
            "\n{depth} `{header}`\n\n{}\n\n",
            description(schema)
        ));
        text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
        let required = self.table(schema)["required"].as_array();
        let mut inner = Vec::new();
        for (key, value) in self.properties(schema) {
            let here = format!("{path}.{key}");
            if !self.properties(value).is_empty() {
                inner.push((here, value));
                continue;
            }
            let required = required.is_some_and(|keys| keys.iter().any(|name| name == key));
            text.push_str(&format!(
                "| `{key}` | {} | {} | {}{} |\n",
                self.kind(value),
                default(value, required),
                escape(&self.meaning(value)),
                if RESTART.contains(&here.as_str()) {
                    " *restart*"
                } else {
                    ""
                },
            ));
        }
        for (path, schema) in inner {
            self.section(&path, schema, text);
        }
    }

    fn kind(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        if !words(schema).is_empty() {
            let words: Vec<String> = words(schema)
                .iter()
                .map(|(word, _)| format!("`\"{word}\"`"))
                .collect();
            return words.join(", ");
        }
        if let Some(kind) = schema["x-kind"].as_str() {
            return kind.to_owned();
        }
        let range = || match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            (Some(least), Some(most)) => format!("integer, {least} to {most}"),
            (_, _) => "integer".to_owned(),
        };
        match schema["type"].as_str() {
            Some("array") => format!("list of: {}", self.kind(&schema["items"])),
            Some("object") => {
                format!("table of: {}", self.kind(&schema["additionalProperties"]))
            }
            Some("integer") => range(),
            Some(other) => other.to_owned(),
            None => "any".to_owned(),
        }
    }

    /// The description, with that of each word.
    fn meaning(&self, schema: &'a Value) -> String {
        let mut meaning = description(schema);
        let words: Vec<String> = words(self.resolve(schema))
            .iter()
            .map(|(word, description)| format!("`{word}`: {description}"))
            .collect();
        if !words.is_empty() {
            meaning.push_str(&format!(" {}.", words.join("; ")));
        }
        meaning
    }

    /// An example of each form of string.
    fn forms(&self, text: &mut String) {
        let mut forms = BTreeMap::new();
        collect_forms(self.root, &mut forms);
        text.push_str("\n## Forms\n\n| type | example |\n|---|---|\n");
        for (kind, example) in forms {
            text.push_str(&format!("| {kind} | `{example}` |\n"));
        }
    }
}

/// The words of an enumeration, each with its description.
fn words(schema: &Value) -> Vec<(&str, &str)> {
    let options = schema["oneOf"].as_array().into_iter().flatten();
    options
        .filter_map(|option| {
            Some((
                option["const"].as_str()?,
                option["description"].as_str().unwrap_or_default(),
            ))
        })
        .collect()
}

fn collect_forms<'a>(schema: &'a Value, forms: &mut BTreeMap<&'a str, &'a Value>) {
    if let (Some(kind), Some(example)) = (schema["x-kind"].as_str(), schema["examples"].get(0)) {
        forms.insert(kind, example);
    }
    match schema {
        Value::Object(map) => map.values().for_each(|value| collect_forms(value, forms)),
        Value::Array(list) => list.iter().for_each(|value| collect_forms(value, forms)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn description(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
}

fn default(schema: &Value, required: bool) -> String {
    if required {
        return "**required**".into();
    }
    if let Some(words) = schema["x-default"].as_str() {
        return escape(words);
    }
    match &schema["default"] {
        Value::Null => "none".into(),
        value => format!("`{value}`"),
    }
}

/// Text inside a table.
fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace("*.", "\\*.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> String {
        markdown(&halo_config::json_schema())
    }

    #[test]
    fn keys_have_type_default_and_meaning() {
        let text = reference();
        for row in [
            "| `vrid` | integer, 1 to 255 | **required** | VRRP virtual router identifier; unique \
             on its network, other clusters included. |",
            "| `interval` | duration | `\"1s\"` | Time between checks, \"10ms\" to \"1h\". |",
            "| `interface` | interface | the one with the node's address | The interface that the \
             addresses go on. |",
            "| `balance` | `\"round_robin\"`, `\"weighted_round_robin\"` | `\"round_robin\"` | How a \
             server is chosen. `round_robin`: in turn; `weighted_round_robin`: in turn, in \
             proportion to the servers' weights. |",
            "| `priority` | table of: integer, 1 to 254 | every node, with its own priority | \
             Priority by node name, in place of the nodes' own. Only the nodes named are members. |",
        ] {
            assert!(text.contains(row), "no {row}\nin {text}");
        }
    }

    #[test]
    fn sections_stand_under_their_headers() {
        let text = reference();
        for header in [
            "## `[[node]]`",
            "## `[cluster]`",
            "### `[pool.health]`",
            "### `[[pool.server]]`",
        ] {
            assert!(text.contains(&format!("\n{header}\n")), "no {header}");
        }
    }

    /// The keys marked *restart* are those that `diff` refuses to reload.
    #[test]
    fn restart_marks_agree_with_the_reload_plan() {
        let old = "[[node]]\nname = \"a\"\naddress = \"10.0.0.1/24\"\n";
        let new = "[[node]]\nname = \"b\"\naddress = \"10.0.0.2/24\"\n\
            [admin]\nsocket_dir = \"/x\"\nlisten = \"10.0.0.2:9500\"\ntoken_file = \"/t\"\n\
            [data_plane]\nworkers = 3\nuser = \"halo\"\ndrain_timeout = \"1s\"\n\
            [log]\nlevel = \"warn\"\naccess = \"stdout\"\n[cluster]\nname = \"x\"\n";
        let parse = |text, node| halo_config::parse("x", text, node).unwrap();
        let plan = halo_config::diff(&parse(old, "a"), &parse(new, "b"));
        let keys: Vec<String> = plan
            .restart
            .iter()
            .map(|change| change.key.replace("[0]", ""))
            .collect();
        assert_eq!(keys, RESTART);
    }
}
