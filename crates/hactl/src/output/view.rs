//! A page of lines and tables.

use super::style::{Style, Tone};
use super::table::Table;

/// A page, from top to bottom.
#[derive(Debug, Default)]
pub(crate) struct View {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    /// Pieces of a line.
    Line(Vec<(String, Tone)>),
    /// A table, with a blank line before it.
    Table(Table),
}

impl View {
    pub(crate) fn line(&mut self, pieces: Vec<(String, Tone)>) {
        self.parts.push(Part::Line(pieces));
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.parts.push(Part::Table(table));
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Line(pieces) => {
                    for (piece, tone) in pieces {
                        text.push_str(&style.paint(*tone, piece));
                    }
                    text.push('\n');
                }
                Part::Table(table) => {
                    text.push('\n');
                    text.push_str(&table.render(style));
                }
            }
        }
        text
    }
}
