//! Every sample in `config/` is valid for every node that it names, and `full.toml` is full.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing helper fails its test"
)]

use std::path::PathBuf;

use halo_config::{Config, check, json_schema, parse};
use serde_json::Value;

fn samples() -> Vec<(String, String)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let mut samples: Vec<(String, String)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    samples.sort();
    samples
}

fn sample(name: &str, node: &str) -> Config {
    let (_, text) = samples()
        .into_iter()
        .find(|(other, _)| other == name)
        .unwrap();
    parse(name, &text, node).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_sample_is_valid_for_every_node_it_names() {
    let samples = samples();
    assert!(samples.len() >= 8, "only {} samples", samples.len());
    for (name, text) in samples {
        let nodes = check(&name, &text).unwrap_or_else(|errors| panic!("{errors}"));
        for node in nodes {
            let config = parse(&name, &text, &node).unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(config.this_node().name, node);
        }
    }
}

/// Every key path of the schema, with `[]` for elements of a list.
fn schema_keys(schema: &Value, root: &Value, path: &str, keys: &mut Vec<String>) {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix("#/$defs/"))
    {
        return schema_keys(&root["$defs"][name], root, path, keys);
    }
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}{key}");
        keys.push(path.clone());
        schema_keys(value, root, &format!("{path}."), keys);
        schema_keys(&value["items"], root, &format!("{path}."), keys);
    }
}

/// Every key path of a document, without indices.
fn document_keys(value: &toml::Value, path: &str, keys: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                keys.push(path.clone());
                document_keys(value, &path, keys);
            }
        }
        toml::Value::Array(array) => array.iter().for_each(|v| document_keys(v, path, keys)),
        _ => {}
    }
}

#[test]
fn full_toml_shows_every_key() {
    let (_, text) = samples()
        .into_iter()
        .find(|(name, _)| name == "full.toml")
        .unwrap();
    let (mut known, mut shown) = (Vec::new(), Vec::new());
    let schema = json_schema();
    schema_keys(&schema, &schema, "", &mut known);
    document_keys(&toml::Value::Table(text.parse().unwrap()), "", &mut shown);
    assert!(
        known.len() > 50,
        "only {} keys found in the schema",
        known.len()
    );
    let missing: Vec<_> = known.iter().filter(|key| !shown.contains(key)).collect();
    assert!(missing.is_empty(), "full.toml lacks {missing:?}");
}

#[test]
fn what_minimal_toml_leaves_out_has_the_documented_default() {
    let config = sample("minimal.toml", "lb2");
    let vip = &config.vips[0];
    assert_eq!(config.this, 1);
    assert_eq!(config.cluster, "halo");
    assert_eq!(vip.addresses, ["10.77.0.100/24".parse().unwrap()]);
    assert_eq!(vip.priorities, [Some(200), Some(100)]);
    assert_eq!(vip.advert_interval.as_millis(), 100);
    assert_eq!(config.listeners[0].max_header_bytes, 16 * 1024);
    assert_eq!(config.pools[0].servers[1].name, "10.77.1.2:8080");
    assert_eq!(config.pools[0].timeouts.response.as_secs(), 30);
    assert_eq!(config.admin.socket_dir, PathBuf::from("/run/halo"));
    assert_eq!(config.data_plane.user, "nobody");
}

#[test]
fn only_the_nodes_that_a_vip_names_are_its_members() {
    let config = sample("three-nodes.toml", "lb1");
    assert_eq!(config.vips[1].priorities, [None, Some(100), Some(200)]);
}
