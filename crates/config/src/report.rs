//! Collects what is wrong while a file is read.

use std::collections::HashSet;

use crate::errors::{Errors, Problem};
use crate::places::{Places, line_and_column};

/// What has been found wrong so far.
pub(crate) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    places: Places,
    problems: Vec<Problem>,
    wrong: HashSet<String>,
}

impl<'a> Report<'a> {
    /// A report on `text` without any problem.
    pub(crate) fn new(file: &'a str, text: &'a str, places: Places) -> Self {
        Self {
            file,
            text,
            places,
            problems: Vec::new(),
            wrong: HashSet::new(),
        }
    }

    /// Whether the file gives `path` a value (rather than leaving it to the default).
    pub(crate) fn given(&self, path: &str) -> bool {
        self.places.has(path)
    }

    /// Whether something is wrong at just this path, so that checks built on it would mislead.
    pub(crate) fn is_wrong(&self, path: &str) -> bool {
        self.wrong.contains(path)
    }

    /// The value at `path` is wrong.
    pub(crate) fn value(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let path = path.into();
        let offset = self.places.value(&path);
        self.at(offset, path, message);
    }

    /// The key at `path` is wrong.
    pub(crate) fn key(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let path = path.into();
        let offset = self.places.key(&path);
        self.at(offset, path, message);
    }

    /// Something is wrong at a byte offset.
    pub(crate) fn at(&mut self, offset: usize, key: String, message: impl Into<String>) {
        let (line, column) = line_and_column(self.text, offset);
        self.wrong.insert(key.clone());
        let file = self.file.to_owned();
        self.problems.push(Problem {
            file,
            line,
            column,
            key,
            message: message.into(),
        });
    }

    /// What was wrong, in the order in which it was found.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// `value`, if nothing was wrong.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Errors> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            Some(_) | None => {
                if self.problems.is_empty() {
                    // A check gave a value up without saying why: still refuse the file.
                    self.at(
                        0,
                        String::new(),
                        "cannot be read; please report this file as a bug",
                    );
                }
                Err(Errors::new(self.problems))
            }
        }
    }
}
