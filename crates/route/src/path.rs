//! Path prefixes, compared by whole segments.

use crate::label::Case;
use crate::trie::Trie;

/// The path prefixes of one host, and where each leads.
#[derive(Debug, Clone)]
pub(crate) struct Prefixes<T>(Trie<T>);

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self(Trie::new(Case::Kept))
    }
}

impl<T> Prefixes<T> {
    /// Adds a prefix; an equal one that is there already stays.
    pub(crate) fn add(&mut self, prefix: &[u8], target: T) {
        let length = prefix
            .iter()
            .rposition(|byte| *byte != b'/')
            .map_or(0, |last| last + 1);
        self.0
            .entry(segments(&prefix[..length]))
            .get_or_insert(target);
    }

    /// The target of the longest prefix of `path`.
    pub(crate) fn lookup(&self, path: &[u8]) -> Option<&T> {
        self.0.upwards(segments(path)).next()
    }
}

/// What is between the slashes of a path that begins with one; other paths have no segments, as
/// `*` has none.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let behind_a_slash = path.strip_prefix(b"/");
    behind_a_slash
        .into_iter()
        .flat_map(|rest| rest.split(|byte| *byte == b'/'))
}

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn longest_prefix_of_whole_segments_wins() {
        let mut prefixes = Prefixes::default();
        for (prefix, target) in [("/", 0), ("/a", 1), ("/a/b/c", 3), ("/é", 4), ("/s//t", 5)] {
            prefixes.add(prefix.as_bytes(), target);
        }
        let table = [
            ("/", 0),
            ("", 0),
            ("*", 0),
            ("a", 0),
            ("/ab", 0),
            ("/A", 0),
            ("/a", 1),
            ("/a/", 1),
            ("/a//", 1),
            ("/a/b", 1),
            ("/a/b/cd", 1),
            ("/a/b/c", 3),
            ("/a/b/c/", 3),
            ("/a/b/c/d/e/f", 3),
            ("//a", 0),
            ("/é/x", 4),
            ("/s/t", 0),
            ("/s//t/u", 5),
        ];
        for (path, expected) in table {
            assert_eq!(prefixes.lookup(path.as_bytes()), Some(&expected), "{path}");
        }
    }

    #[test]
    fn a_path_that_no_prefix_covers_has_no_target() {
        let mut prefixes = Prefixes::default();
        prefixes.add(b"/a/b", ());
        assert_eq!(prefixes.lookup(b"/a"), None);
        assert_eq!(prefixes.lookup(b"/"), None);
        assert_eq!(Prefixes::<()>::default().lookup(b"/a"), None);
    }
}
