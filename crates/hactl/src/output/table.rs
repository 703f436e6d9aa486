//! Aligned columns.

use super::style::{Style, Tone};

/// Space between columns.
const GAP: usize = 2;

/// A cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        let text = text.into();
        Self { text, tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Normal)
    }
}

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    /// For numbers.
    Right,
}

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, (heading, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                cells
                    .map(|cell| cell.text.chars().count())
                    .chain([heading.chars().count()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let headings: Vec<Cell> = self
            .columns
            .iter()
            .map(|(heading, _)| Cell::new(*heading, Tone::Quiet))
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            text.push_str(&self.line(row, &widths, style));
            text.push('\n');
        }
        text
    }

    fn line(&self, row: &[Cell], widths: &[usize], style: Style) -> String {
        let mut line = String::new();
        let mut owed = 0;
        for ((cell, width), (_, align)) in row.iter().zip(widths).zip(&self.columns) {
            let missing = width.saturating_sub(cell.text.chars().count());
            let (before, after) = match align {
                Align::Left => (0, missing),
                Align::Right => (missing, 0),
            };
            // Owed until there is something to the right of it: no line ends in blanks.
            if !cell.text.is_empty() {
                line.push_str(&" ".repeat(owed + before));
                line.push_str(&style.paint(cell.tone, &cell.text));
                owed = 0;
            } else {
                owed += before;
            }
            owed += after + GAP;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("N", Align::Right),
            ("WHY", Align::Left),
        ]);
        table.row(vec!["a".into(), "1".into(), "because".into()]);
        table.row(vec![
            Cell::new("länger", Tone::Bad),
            "1000".into(),
            "".into(),
        ]);
        table
    }

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_blanks() {
        assert_eq!(
            table().render(Style::Plain),
            "NAME       N  WHY\na          1  because\nlänger  1000\n"
        );
    }

    #[test]
    fn colours_do_not_move_columns() {
        let coloured = table().render(Style::Coloured);
        assert!(coloured.contains("\x1b[1;31mlänger\x1b[0m  1000\n"));
    }
}
