//! The router against one that looks at every route, and against a counting allocator.

use halo_route::{HostPattern, Router};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Host {
    Any,
    Exact(String),
    Suffix(String),
}

impl Host {
    fn pattern(&self) -> HostPattern<'_> {
        match self {
            Self::Any => HostPattern::Any,
            Self::Exact(name) => HostPattern::Exact(name),
            Self::Suffix(name) => HostPattern::Suffix(name),
        }
    }

    /// How well it fits: nothing, or any < suffixes by length < exact.
    fn rank(&self, name: Option<&str>) -> Option<usize> {
        match (self, name) {
            (Self::Any, _) => Some(0),
            (Self::Exact(mine), Some(name)) => (mine == name).then_some(usize::MAX),
            (Self::Suffix(mine), Some(name)) => {
                name.ends_with(&format!(".{mine}")).then_some(mine.len())
            }
            (_, None) => None,
        }
    }
}

/// Among all routes that match, the one of highest rank, then with the longest path, then the first.
fn naive(routes: &[(Host, String)], name: Option<&str>, path: &str) -> Option<usize> {
    let fits = |n: usize| {
        let (host, prefix) = &routes[n];
        let prefix = prefix.trim_end_matches('/');
        let covers = path == prefix || path.starts_with(&format!("{prefix}/")) || prefix.is_empty();
        Some((
            host.rank(name)?,
            covers.then_some(prefix.len())?,
            std::cmp::Reverse(n),
        ))
    };
    (0..routes.len())
        .filter_map(fits)
        .max()
        .map(|(_, _, n)| n.0)
}

fn router(routes: &[(Host, String)]) -> Router<usize> {
    let mut router = Router::new();
    for (n, (host, prefix)) in routes.iter().enumerate() {
        router.add(host.pattern(), prefix, n);
    }
    router
}

/// Few labels, so that names share them; some as long as a word of the hash and longer.
fn name() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "com", "example", "longer-than-eight"]);
    prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."))
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "ab", "", "v2", "longer-than-eight-bytes"]);
    prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        Just(Host::Any),
        name().prop_map(Host::Exact),
        name().prop_map(Host::Suffix),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_finds_what_a_look_at_every_route_finds(
        routes in prop::collection::vec((host(), path()), 0..40),
        requests in prop::collection::vec((prop::option::of(name()), path()), 1..20),
    ) {
        let router = router(&routes);
        for (name, path) in requests {
            let found = router.lookup(name.as_deref(), &path).copied();
            prop_assert_eq!(found, naive(&routes, name.as_deref(), &path), "{:?} {}", name, path);
            // How a client writes the host makes no difference.
            let shouted = name.map(|name| format!("{}.:8080", name.to_ascii_uppercase()));
            prop_assert_eq!(router.lookup(shouted.as_deref(), &path).copied(), found);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(host: Option<Vec<u8>>, path: Vec<u8>) {
        let routes = [(Host::Suffix("com".into()), "/a".into()), (Host::Any, "/".into())];
        prop_assert!(router(&routes).lookup(host.as_ref(), &path).is_some());
    }
}

#[test]
fn a_lookup_allocates_nothing() {
    let mut router = Router::new();
    for n in 0..1000 {
        router.add(
            HostPattern::Exact(&format!("h{n}.example.com")),
            &format!("/svc{n}/v1"),
            n,
        );
        router.add(HostPattern::Suffix(&format!("s{n}.example.com")), "/", n);
    }
    let counted = allocation_counter::measure(|| {
        for host in ["H7.example.com:80", "www.s999.example.com", "other.example"] {
            for path in ["/", "/svc7/v1/users/42", "/a/b/c/d/e/f/g/h"] {
                std::hint::black_box(router.lookup(Some(host), path));
            }
        }
    });
    assert_eq!(counted.count_total, 0);
}
