//! Where each key and value of a document stands.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Byte ranges of a document's keys and values, by path (`pool[1].server[0].address`).
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Place>);

/// Where one path stands.
#[derive(Debug)]
struct Place {
    /// The key; for an element of a list, the element.
    key: Range<usize>,
    /// The value; for a table with a header of its own, the header.
    value: Range<usize>,
}

impl Places {
    /// Notes every path of `document`.
    pub(crate) fn of(document: &Spanned<DeTable<'_>>) -> Self {
        let mut places = Self::default();
        places.table(document.get_ref(), "");
        places
    }

    /// Whether the file has `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Where `path`'s value begins, or that of the nearest path above it that the file has.
    pub(crate) fn value(&self, path: &str) -> usize {
        self.nearest(path).map_or(0, |place| place.value.start)
    }

    /// Where `path`'s key begins, or that of the nearest path above it that the file has.
    pub(crate) fn key(&self, path: &str) -> usize {
        self.nearest(path).map_or(0, |place| place.key.start)
    }

    fn nearest(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.value_at(value, key.span(), path);
        }
    }

    fn value_at(&mut self, value: &Spanned<DeValue<'_>>, key: Range<usize>, path: String) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, &path),
            DeValue::Array(array) => {
                for (at, element) in array.iter().enumerate() {
                    self.value_at(element, element.span(), format!("{path}[{at}]"));
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        self.0.insert(
            path,
            Place {
                key,
                value: value.span(),
            },
        );
    }
}

/// `path.key`, quoted as TOML would when the key is not a bare one.
pub(crate) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let key = if bare {
        key.to_owned()
    } else {
        format!("{key:?}")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// Line and column (in characters) of a byte offset, both from 1.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(line_and_column("é = 1\nü = 2", 0), (1, 1));
        assert_eq!(line_and_column("é = 1\nü = 2", 3), (1, 3));
        assert_eq!(line_and_column("é = 1\nü = 2", 7), (2, 1));
        assert_eq!(line_and_column("a", 99), (1, 2));
    }

    #[test]
    fn a_path_that_the_file_lacks_stands_where_its_parent_does() {
        let text = "[[pool]]\nname = \"x\"\n";
        let places = Places::of(&DeTable::parse(text).unwrap());
        assert_eq!(places.value("pool[0].name"), 16);
        assert_eq!(places.value("pool[0].server[3].weight"), 0);
        assert_eq!(places.value("nothing.at.all"), 0);
        assert!(places.has("pool[0].name"));
        assert!(!places.has("pool[0].server"));
    }
}
