//! `docs`: documents that are made from the sources.

mod reference;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// A generated file: its path from the workspace's directory, and its content.
struct Document {
    path: &'static str,
    content: String,
}

/// Writes every generated document, or checks that all are as they would be written.
pub(crate) fn run(root: &Path, check: bool) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for document in documents()? {
        let path = root.join(document.path);
        let present = fs::read_to_string(&path).unwrap_or_default();
        if present == document.content {
            continue;
        }
        if check {
            stale.push(difference(document.path, &present, &document.content));
        } else {
            fs::write(&path, document.content)
                .with_context(|| format!("cannot write {}", path.display()))?;
            println!("wrote {}", document.path);
        }
    }
    if !stale.is_empty() {
        bail!(
            "{}\nrun `make docs` and commit the result",
            stale.join("\n")
        );
    }
    Ok(())
}

fn documents() -> anyhow::Result<Vec<Document>> {
    let schema = halo_config::json_schema();
    Ok(vec![
        Document {
            path: "docs/configuration.schema.json",
            content: serde_json::to_string_pretty(&schema)? + "\n",
        },
        Document {
            path: "docs/configuration.md",
            content: reference::markdown(&schema),
        },
    ])
}

/// The first line in which a document is stale.
fn difference(path: &str, present: &str, wanted: &str) -> String {
    let (mut present, mut wanted) = (present.lines(), wanted.lines());
    for line in 1.. {
        match (present.next(), wanted.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                return format!(
                    "{path} is stale, from line {line}:\n  - {}\n  + {}",
                    a.unwrap_or("(end of file)"),
                    b.unwrap_or("(end of file)")
                );
            }
        }
    }
    format!("{path} is stale: its line ends differ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_document_is_told_by_its_first_stale_line() {
        assert_eq!(
            difference("x.md", "a\nb\nc\n", "a\nB\nc\n"),
            "x.md is stale, from line 2:\n  - b\n  + B"
        );
        assert_eq!(
            difference("x.md", "a\n", "a\nb\n"),
            "x.md is stale, from line 2:\n  - (end of file)\n  + b"
        );
        assert_eq!(
            difference("x.md", "a", "a\n"),
            "x.md is stale: its line ends differ"
        );
    }
}
