//! Whatever the text, `parse` answers.

use halo_config::{diff, parse};
use proptest::prelude::*;

const FULL: &str = include_str!("../../../config/full.toml");

/// Fragments that are put into a valid file at random places.
const FRAGMENTS: &[&str] = &[
    "=",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "\"",
    "'",
    "\n",
    "#",
    ",",
    ".",
    "-1",
    "0",
    "99999999999999999999",
    "true",
    "\"\"",
    "[]",
    "{}",
    "1e9",
    "nan",
    "1979-05-27",
    "é",
    "\u{0}",
    "::",
    "/",
    "10.0.0.1/99",
    "[[pool]]\n",
    "[[vip]]\n",
    "[vip.priority]\n",
    "name = 3\n",
    "\"0s\"",
    "\"-\"",
    "\"16KB\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in "\\PC*") {
        prop_assert!(parse("x", &text, "lb1").is_err());
    }

    #[test]
    fn mutations_of_a_valid_file(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(FRAGMENTS)), 1..4)
    ) {
        let mut text = FULL.to_owned();
        for (at, cut, insert) in edits {
            let ends: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
            let from = at.index(ends.len());
            let to = (from + cut).min(ends.len() - 1);
            text.replace_range(ends[from]..ends[to], insert);
        }
        check(&text)?;
    }

    #[test]
    fn values_of_a_valid_file_replaced(
        line in any::<prop::sample::Index>(), value in prop::sample::select(FRAGMENTS)
    ) {
        let mut lines: Vec<String> = FULL.lines().map(str::to_owned).collect();
        let keys: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].contains(" = ")).collect();
        let line = keys[line.index(keys.len())];
        let (key, _) = lines[line].split_once(" = ").unwrap();
        lines[line] = format!("{key} = {value}");
        check(&lines.join("\n"))?;
    }
}

/// Errors have places inside the text and keys, and never come from serde: the shape check has
/// seen everything before it.
fn check(text: &str) -> Result<(), TestCaseError> {
    match parse("x", text, "lb1") {
        Ok(config) => prop_assert!(diff(&config, &config).is_empty()),
        Err(errors) => {
            prop_assert!(!errors.problems().is_empty());
            for problem in errors.problems() {
                prop_assert!(problem.line >= 1 && problem.line <= text.matches('\n').count() + 1);
                prop_assert!(problem.column >= 1);
                let syntax = problem.message.starts_with("not TOML")
                    || problem.message.starts_with("this key or section");
                let top = problem.message.starts_with("has no ");
                prop_assert!(
                    syntax || top || !problem.key.is_empty(),
                    "{problem}\n{text}"
                );
            }
        }
    }
    Ok(())
}
