//! Markdown tables, aligned so that they read well unrendered.

/// A table of text.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: Vec<String>) -> Self {
        Self { rows: vec![head] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (n, row) in self.rows.iter().enumerate() {
            for (column, w) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                // Figures to the right, names to the left.
                text += &match column {
                    0 => format!("| {cell:<w$} "),
                    _ => format!("| {cell:>w$} "),
                };
            }
            text += "|\n";
            if n == 0 {
                for (column, w) in widths.iter().enumerate() {
                    let colon = if column == 0 { '-' } else { ':' };
                    text += &format!("|-{}{colon}", "-".repeat(*w));
                }
                text += "|\n";
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(vec!["what".into(), "ms".into()]);
        table.row(vec!["kill".into(), "312".into()]);
        assert_eq!(
            table.markdown(),
            "| what |  ms |\n|------|----:|\n| kill | 312 |\n"
        );
    }
}
