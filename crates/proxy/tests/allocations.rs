//! Requests on kept connections allocate nothing: not the engine, not the runtime below it.
//!
//! A test binary of its own, because it counts every allocation of its process.

mod counting;

use std::net::TcpStream;

use counting::ALLOCATOR;
use stats_alloc::Region;

const GET: &[u8] = b"GET /path?query HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: test\r\n\
Accept: */*\r\nConnection: keep-alive\r\n\r\n";

const POST: &[u8] = b"POST /form HTTP/1.1\r\nHost: api.example.com:8080\r\n\
Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 100\r\nConnection: keep-alive\r\n\r\n\
0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

const ROUTE: &str = "[[route]]\nlistener = \"main\"\nhost = \"*.example.com\"\npath_prefix = \"/form\"\n\
pool = \"app\"\n";

/// Requests of each kind and client before counting begins.
const WARM_UP: usize = 50;

/// Requests of each kind and client that are counted.
const COUNTED: usize = 300;

fn is_whole(got: &[u8]) -> bool {
    got.ends_with(b"\r\n\r\n") && got.starts_with(b"GET") || got.ends_with(b"\r\n\r\nhello")
}

#[test]
fn requests_on_kept_connections_allocate_nothing() {
    let server = counting::serve(is_whole, RESPONSE);
    let (_proxy, address) = counting::proxy(server, ROUTE);
    let mut clients: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut round = |count| {
        for _ in 0..count {
            for client in &mut clients {
                counting::ask(client, GET, b"0123456789");
                counting::ask(client, POST, b"0123456789");
            }
        }
    };
    round(WARM_UP);
    let region = Region::new(ALLOCATOR);
    round(COUNTED);
    let change = region.change();
    assert_eq!(change.allocations, 0, "{change:?}");
    assert_eq!(change.reallocations, 0, "{change:?}");
    assert_eq!(change.deallocations, 0, "{change:?}");
}
