//! Matching a request's host and path to a pool.
//!
//! A [`Router`] is compiled once from a listener's routes and then only read. Among the routes that
//! match a request, an exact host goes before a suffix, a longer suffix before a shorter one, and
//! any suffix before "any host"; within one host the longest path prefix wins, and of two equal
//! routes the first.
//!
//! Host names are in a hash table, suffixes in a trie of labels from the last to the first, and the
//! paths of each host in a trie of segments whose edges are hashed. A lookup probes once for the
//! name, once for each label and segment that a route shares with the request, and once for the
//! first that none does: its cost depends neither on the number of routes nor on what a client may
//! add to a path. It allocates nothing and copies nothing.

mod host;
mod label;
mod path;
mod trie;

use label::Case;
use path::Prefixes;
use trie::Trie;

/// The host names that a route matches, in lower case, without port or trailing dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPattern<'a> {
    /// Every name, and requests without one.
    Any,
    /// This name.
    Exact(&'a str),
    /// Every name that ends in a dot and this name (`*.example.com` is `Suffix("example.com")`).
    Suffix(&'a str),
}

/// The compiled routes of one listener; `T` is what a route leads to.
#[derive(Debug, Clone)]
pub struct Router<T> {
    /// By the whole name.
    exact: Trie<Prefixes<T>>,
    /// By labels, the last one first.
    suffix: Trie<Prefixes<T>>,
    any: Prefixes<T>,
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self {
            exact: Trie::new(Case::Folded),
            suffix: Trie::new(Case::Folded),
            any: Prefixes::default(),
        }
    }
}

impl<T> Router<T> {
    /// A router without routes: it matches nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route behind those that are there: an equal one added earlier goes before it.
    ///
    /// `path_prefix` begins with a slash and counts in whole segments; a slash at its end says
    /// nothing: `/v2` and `/v2/` both match `/v2`, `/v2/` and `/v2/users`, but not `/v20`. `/`
    /// matches every path.
    pub fn add(&mut self, host: HostPattern<'_>, path_prefix: &str, target: T) {
        let prefixes = match host {
            HostPattern::Any => &mut self.any,
            HostPattern::Exact(name) => {
                let name = std::iter::once(name.as_bytes());
                self.exact.entry(name).get_or_insert_default()
            }
            HostPattern::Suffix(name) => {
                let labels = host::labels(name.as_bytes());
                self.suffix.entry(labels).get_or_insert_default()
            }
        };
        prefixes.add(path_prefix.as_bytes(), target);
    }

    /// Finds where a request goes.
    ///
    /// `host` is the value of the `Host` field, or the authority of the request target, in any
    /// case, with or without port; `None` matches routes for any host only. `path` is the path of
    /// the request target without its query, as it was sent: nothing is decoded or resolved. Both
    /// are text or bytes, as they are at hand.
    #[must_use]
    pub fn lookup<B: AsRef<[u8]> + ?Sized>(&self, host: Option<&B>, path: &B) -> Option<&T> {
        let path = path.as_ref();
        if !(self.exact.is_empty() && self.suffix.is_empty())
            && let Some(name) = host.and_then(|host| host::name(host.as_ref()))
            && let Some(target) = self.lookup_host(name, path)
        {
            return Some(target);
        }
        self.any.lookup(path)
    }

    fn lookup_host(&self, name: &[u8], path: &[u8]) -> Option<&T> {
        let exact = self
            .exact
            .get(name)
            .and_then(|prefixes| prefixes.lookup(path));
        exact.or_else(|| {
            let mut suffixes = self.suffix.upwards(host::labels_of_suffixes(name));
            suffixes.find_map(|prefixes| prefixes.lookup(path))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::HostPattern::{Any, Exact, Suffix};
    use super::Router;

    fn router(routes: &[(super::HostPattern<'_>, &str, &'static str)]) -> Router<&'static str> {
        let mut router = Router::new();
        for &(host, prefix, target) in routes {
            router.add(host, prefix, target);
        }
        router
    }

    #[test]
    fn precedence_is_exact_host_then_longest_suffix_then_any_then_longest_prefix() {
        // Least specific first, so that file order cannot be what decides.
        let router = router(&[
            (Any, "/", "any"),
            (Any, "/v2/deep/path", "any-deep"),
            (Suffix("example.com"), "/", "suffix"),
            (Suffix("example.com"), "/v2", "suffix-v2"),
            (Suffix("eu.example.com"), "/v2", "long-suffix-v2"),
            (Exact("api.eu.example.com"), "/v2", "exact-v2"),
            (Exact("api.eu.example.com"), "/v2/users", "exact-users"),
        ]);
        let table = [
            (None, "/", "any"),
            (None, "/v2/deep/path/x", "any-deep"),
            (Some("other.org"), "/v2", "any"),
            (Some("example.com"), "/v2", "any"),
            (Some("www.example.com"), "/", "suffix"),
            (Some("www.example.com"), "/v2/deep/path", "suffix-v2"),
            (Some("a.eu.example.com"), "/v2", "long-suffix-v2"),
            // The longest suffix has no route for this path; the shorter one has.
            (Some("a.eu.example.com"), "/v3", "suffix"),
            (Some("api.eu.example.com"), "/v2", "exact-v2"),
            (Some("api.eu.example.com"), "/v2/users/7", "exact-users"),
            (Some("api.eu.example.com"), "/v2/usersx", "exact-v2"),
            (Some("api.eu.example.com"), "/else", "suffix"),
            (Some("notexample.com"), "/", "any"),
        ];
        for (host, path, expected) in table {
            assert_eq!(
                router.lookup(host, path),
                Some(&expected),
                "{host:?} {path}"
            );
        }
    }

    #[test]
    fn host_is_compared_without_case_port_and_trailing_dot() {
        let router = router(&[
            (Exact("api.example.com"), "/", "exact"),
            (Exact("[::1]"), "/", "v6"),
        ]);
        for host in [
            "api.example.com",
            "API.Example.COM",
            "api.example.com:8080",
            "api.example.com.",
            "api.example.com.:80",
        ] {
            assert_eq!(router.lookup(Some(host), "/"), Some(&"exact"), "{host}");
        }
        assert_eq!(router.lookup(Some("[::1]:80"), "/"), Some(&"v6"));
        assert_eq!(router.lookup(Some("[::1]"), "/"), Some(&"v6"));
    }

    #[test]
    fn of_two_equal_routes_the_first_wins() {
        let router = router(&[(Any, "/a", "first"), (Any, "/a/", "second")]);
        assert_eq!(router.lookup(None, "/a"), Some(&"first"));
        assert_eq!(router.lookup(None, "/a/b"), Some(&"first"));
    }

    #[test]
    fn nothing_matches_where_no_route_does() {
        let router = router(&[
            (Exact("a.example"), "/x", "x"),
            (Suffix("b.example"), "/", "b"),
        ]);
        assert_eq!(router.lookup(Some("a.example"), "/"), None);
        assert_eq!(router.lookup(Some("b.example"), "/"), None);
        assert_eq!(router.lookup(None, "/x"), None);
        assert_eq!(router.lookup(Some("x".repeat(300).as_str()), "/x"), None);
        assert_eq!(router.lookup(Some(""), "/x"), None);
        assert_eq!(Router::<()>::new().lookup(Some("a"), "/"), None);
    }

    #[test]
    fn bytes_are_as_good_as_text() {
        let router = router(&[(Suffix("b.example"), "/x", "x")]);
        let host: &[u8] = b"a.B.example:80";
        assert_eq!(router.lookup(Some(host), b"/x/\xff"), Some(&"x"));
        assert_eq!(
            router.lookup(Some(b"\xff.b.example".as_slice()), b"/x"),
            Some(&"x")
        );
    }

    #[test]
    fn thousands_of_routes_are_told_apart() {
        let mut router = Router::new();
        for i in 0..5000_usize {
            let name = format!("h{i}.example.com");
            router.add(Exact(&name), "/", i);
            router.add(Any, &format!("/svc{i}/v1"), 10_000 + i);
        }
        assert_eq!(router.lookup(Some("h4321.example.com"), "/x"), Some(&4321));
        assert_eq!(router.lookup(None, "/svc99/v1/users"), Some(&10_099));
        assert_eq!(router.lookup(None, "/svc99/v2"), None);
    }
}
