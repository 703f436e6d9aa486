//! Looks the last of many routes up again and again, for counting instructions:
//!
//! ```sh
//! cargo build --release -p halo-route --example instructions
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/instructions 10000 1000
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/instructions 10000 2000
//! ```
//!
//! The difference of the two totals, divided by 1000, is what a lookup costs among 10,000 routes.

use std::hint::black_box;

use halo_route::{HostPattern, Router};

/// Paths of each host.
const PATHS: usize = 10;

fn main() {
    let mut args = std::env::args().skip(1).map_while(|arg| arg.parse().ok());
    let routes = args.next().unwrap_or(100);
    let lookups = args.next().unwrap_or(1000);
    let mut router = Router::new();
    for n in 0..routes {
        let host = format!("h{:05}.example.com", n / PATHS);
        router.add(
            HostPattern::Exact(&host),
            &format!("/api/v1/svc{}", n % PATHS),
            n,
        );
    }
    let last = routes.saturating_sub(1);
    let host = format!("h{:05}.example.com:8080", last / PATHS);
    let path = format!("/api/v1/svc{}/items/42", last % PATHS);
    let mut found = 0_usize;
    for _ in 0..lookups {
        found +=
            usize::from(router.lookup(Some(black_box(&host)), black_box(&path)) == Some(&last));
    }
    println!("{found} of {lookups} lookups found the last of {routes} routes");
}
