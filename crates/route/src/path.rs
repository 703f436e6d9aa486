//! Path prefixes, compared by whole segments.

use std::collections::HashMap;

/// The path prefixes of one host, and where each leads.
#[derive(Debug, Clone)]
pub(crate) struct Prefixes<T> {
    /// The target of `/`.
    root: Option<T>,
    /// Targets by prefix, without a slash at its end.
    by_prefix: HashMap<Box<str>, T>,
    /// Segments of the longest prefix: nothing beyond is worth a probe.
    deepest: usize,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self {
            root: None,
            by_prefix: HashMap::new(),
            deepest: 0,
        }
    }
}

impl<T> Prefixes<T> {
    /// Adds a prefix; an equal one that is there already stays.
    pub(crate) fn add(&mut self, prefix: &str, target: T) {
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            self.root.get_or_insert(target);
            return;
        }
        self.deepest = self.deepest.max(segments(prefix));
        self.by_prefix.entry(prefix.into()).or_insert(target);
    }

    /// The target of the longest prefix of `path`.
    pub(crate) fn lookup(&self, path: &str) -> Option<&T> {
        if !self.by_prefix.is_empty() {
            let mut candidate = Some(first_segments(path, self.deepest));
            while let Some(prefix) = candidate.filter(|p| !p.is_empty()) {
                if let Some(target) = self.by_prefix.get(prefix) {
                    return Some(target);
                }
                candidate = prefix.rfind('/').map(|slash| &prefix[..slash]);
            }
        }
        self.root.as_ref()
    }
}

fn segments(prefix: &str) -> usize {
    prefix.bytes().filter(|&b| b == b'/').count()
}

/// The first `count` segments of a path that starts with a slash.
fn first_segments(path: &str, count: usize) -> &str {
    match path.match_indices('/').nth(count) {
        Some((end, _)) => &path[..end],
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn longest_prefix_of_whole_segments_wins() {
        let mut prefixes = Prefixes::default();
        for (prefix, target) in [("/", 0), ("/a", 1), ("/a/b/c", 3), ("/é", 4)] {
            prefixes.add(prefix, target);
        }
        let table = [
            ("/", 0),
            ("", 0),
            ("*", 0),
            ("/ab", 0),
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
        ];
        for (path, expected) in table {
            assert_eq!(prefixes.lookup(path), Some(&expected), "{path}");
        }
    }

    #[test]
    fn a_path_that_no_prefix_covers_has_no_target() {
        let mut prefixes = Prefixes::default();
        prefixes.add("/a/b", ());
        assert_eq!(prefixes.lookup("/a"), None);
        assert_eq!(prefixes.lookup("/"), None);
    }
}
