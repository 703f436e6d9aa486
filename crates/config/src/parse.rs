//! Text to [`Config`].

use toml::de::DeTable;

use crate::errors::Errors;
use crate::model::Config;
use crate::places::Places;
use crate::report::Report;
use crate::{raw, schema, shape, validate};

/// Reads a configuration as the node named `node` sees it.
///
/// `file` is the name that errors carry.
///
/// # Errors
///
/// Everything that is wrong with the file, each with its place and remedy; also a `node` that the
/// file does not have.
pub fn parse(file: &str, text: &str, node: &str) -> Result<Config, Errors> {
    read(file, text, |raw, report| {
        let config = validate::config(raw, report);
        let this = validate::find_node(raw, node, report);
        Some(Config {
            this: this?,
            ..config?
        })
    })
}

/// Checks a configuration without being one of its nodes, and gives the nodes' names.
///
/// # Errors
///
/// As [`parse`], but for the node.
pub fn check(file: &str, text: &str) -> Result<Vec<String>, Errors> {
    read(file, text, |raw, report| {
        let config = validate::config(raw, report)?;
        Some(config.nodes.into_iter().map(|node| node.name).collect())
    })
}

/// Reads `text` as far as it goes, and hands it to `validate`.
fn read<T>(
    file: &str,
    text: &str,
    validate: impl FnOnce(&raw::File, &mut Report<'_>) -> Option<T>,
) -> Result<T, Errors> {
    let (mut document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        // What a broken document says cannot be told from what it was meant to say.
        return Err(syntax_errors(file, text, &syntax));
    }
    let mut report = Report::new(file, text, Places::of(&document));
    shape::check_table(document.get_mut(), &schema::inlined(), "", &mut report);
    let value = match serde::Deserialize::deserialize(toml::de::Deserializer::from(document)) {
        Ok(raw) => validate(&raw, &mut report),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            report.at(offset, String::new(), error.message());
            None
        }
    };
    report.finish(value)
}

fn syntax_errors(file: &str, text: &str, errors: &[toml::de::Error]) -> Errors {
    let mut report = Report::new(file, text, Places::default());
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        let message = match error.message() {
            "duplicate key" => {
                "this key or section is there twice; remove one (sections that may repeat are \
                 written [[name]])"
                    .to_owned()
            }
            other => format!("not TOML: {other}"),
        };
        report.at(offset, String::new(), message);
    }
    Errors::new(report.into_problems())
}
