//! What is wrong with a file is said exactly so: place, key, what, remedy.
//!
//! `errors.txt` holds the cases, divided by `%%`: a snippet, `--`, and every message that it
//! causes. `HALO_BLESS=1 cargo test -p halo-config` writes the messages anew; read the diff.

#![expect(clippy::panic, reason = "a failing helper fails its test")]

use std::fmt::Write as _;

use halo_config::{Errors, parse};

/// The nodes that every snippet is added to, so that its lines begin at 7.
const NODES: &str = "\
[[node]]
name = \"lb1\"
address = \"10.77.0.11/24\"
[[node]]
name = \"lb2\"
address = \"10.77.0.12/24\"
";

fn errors(text: &str, node: &str) -> Errors {
    match parse("halo.toml", text, node) {
        Ok(_) => panic!("no error in:\n{text}"),
        Err(errors) => errors,
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_remedy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors.txt");
    let golden = std::fs::read_to_string(path).unwrap();
    let mut actual = String::new();
    for (at, case) in golden.split("\n%%\n").enumerate() {
        let (snippet, _) = case.split_once("\n--").unwrap();
        let divider = if at == 0 { "" } else { "\n%%\n" };
        let messages = errors(&format!("{NODES}{snippet}"), "lb1");
        write!(actual, "{divider}{snippet}\n--\n{messages}").unwrap();
    }
    actual.push('\n');
    if std::env::var_os("HALO_BLESS").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let (actual, golden): (Vec<_>, Vec<_>) = (actual.lines().collect(), golden.lines().collect());
    for (at, (actual, golden)) in actual.iter().zip(&golden).enumerate() {
        assert_eq!(actual, golden, "errors.txt:{}", at + 1);
    }
    assert_eq!(actual.len(), golden.len());
}

#[test]
fn a_node_that_the_file_lacks_is_told_the_names_and_how_a_node_finds_itself() {
    assert_eq!(
        errors(NODES, "lb3").to_string(),
        "halo.toml:1:1: node: no node is named \"lb3\" (there are: lb1, lb2); a node finds \
         itself by --node, HALO_NODE or its host name"
    );
}

#[test]
fn an_empty_file_has_no_nodes() {
    assert_eq!(
        errors("", "lb1").to_string(),
        "halo.toml:1:1: has no \"node\"; add a [[node]] section"
    );
}

#[test]
fn problems_can_be_read_one_by_one() {
    let errors = errors(&format!("{NODES}[logs]\n[pools]\n"), "lb1");
    let keys: Vec<&str> = errors
        .problems()
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(keys, ["logs", "pools"]);
}
