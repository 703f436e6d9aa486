//! `hactl config`.

use std::path::Path;

use halo_config::{Errors, Problem};
use serde::Serialize;

use super::host;
use crate::cli::Format;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;

pub(super) async fn reload(client: &Client, format: Format) -> Result<(), Failure> {
    let outcome = client.reload().await?;
    super::print_outcome(&outcome, format)
}

pub(super) async fn show(client: &Client, format: Format) -> Result<(), Failure> {
    /// The text in JSON, for who asks for JSON.
    #[derive(Serialize)]
    struct Shown {
        text: String,
    }
    let text = client.config().await?;
    match format {
        Format::Table => output::print(&text),
        Format::Json => super::print_json(&Shown { text }),
    }
}

/// Checks a file: as every node in it, or as one; and against this machine if it is one of them.
pub(super) fn check(file: &Path, node: Option<&str>, format: Format) -> Result<(), Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
    let found = find(&name, &text, node);
    match format {
        Format::Table => table(&name, &found)?,
        Format::Json => super::print_json(&json(&name, &found))?,
    }
    match found {
        Ok(_) => Ok(()),
        Err(errors) => Err(Failure::Failed(summary(&name, errors.problems().len()))),
    }
}

/// What the file was checked as.
#[derive(Debug)]
struct Checked {
    nodes: Vec<String>,
    /// Whether it was compared with this machine's interfaces.
    host: Option<String>,
}

fn find(file: &str, text: &str, node: Option<&str>) -> Result<Checked, Errors> {
    let all = halo_config::check(file, text)?;
    let nodes = match node {
        Some(node) => vec![node.to_owned()],
        None => all,
    };
    let this = host::name();
    let mut checked = Checked {
        nodes: nodes.clone(),
        host: None,
    };
    for node in nodes {
        let config = halo_config::parse(file, text, &node)?;
        if this.as_deref() == Some(node.as_str())
            && let Some(facts) = host::facts()
        {
            halo_config::check_host(&config, file, text, &facts)?;
            checked.host = Some(node);
        }
    }
    Ok(checked)
}

fn table(file: &str, found: &Result<Checked, Errors>) -> Result<(), Failure> {
    match found {
        Ok(checked) => {
            let nodes = checked.nodes.join(", ");
            let host = match &checked.host {
                Some(node) => format!("; this machine is {node}, and has what it needs"),
                None => {
                    "; this machine is none of them, so its interfaces were not looked at".into()
                }
            };
            output::print(&format!("{file}: good, for {nodes}{host}\n"))
        }
        Err(errors) => output::print(&format!("{errors}\n")),
    }
}

fn summary(file: &str, problems: usize) -> String {
    match problems {
        1 => format!("{file}: 1 problem"),
        many => format!("{file}: {many} problems"),
    }
}

/// The outcome for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    file: &'a str,
    good: bool,
    nodes: &'a [String],
    problems: Vec<Described<'a>>,
}

#[derive(Debug, Serialize)]
struct Described<'a> {
    line: usize,
    column: usize,
    key: &'a str,
    message: &'a str,
}

fn json<'a>(file: &'a str, found: &'a Result<Checked, Errors>) -> Report<'a> {
    let (nodes, problems): (&[String], &[Problem]) = match found {
        Ok(checked) => (&checked.nodes, &[]),
        Err(errors) => (&[], errors.problems()),
    };
    Report {
        file,
        good: found.is_ok(),
        nodes,
        problems: problems
            .iter()
            .map(|problem| Described {
                line: problem.line,
                column: problem.column,
                key: &problem.key,
                message: &problem.message,
            })
            .collect(),
    }
}
