//! Any bytes: one answer however they are cut, and what is written is read back the same.
//!
//! `cargo +nightly fuzz run messages` in `crates/http1`. The first byte says where the rest is cut
//! and whether it is a request.
#![no_main]

#[path = "../../tests/framing/drive.rs"]
mod drive;

use halo_http1::{Asked, Limits, Parsed, RequestParser, RequestRewrite, write_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&first, input)) = data.split_first() else {
        return;
    };
    let cut = usize::from(first >> 2) * input.len() / 64;
    let pieces = [&input[..cut], &input[cut..]];
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    if first & 1 == 0 {
        let whole = drive::requests(&[input]);
        assert_eq!(drive::requests(&pieces), whole);
        assert_eq!(drive::requests(&bytes), whole);
        rewrite(input);
    } else {
        let asked = Asked {
            head: first & 2 != 0,
            websocket: first & 4 != 0,
        };
        let whole = drive::responses(&[input], asked);
        assert_eq!(drive::responses(&pieces, asked), whole);
        assert_eq!(drive::responses(&bytes, asked), whole);
    }
});

fn rewrite(input: &[u8]) {
    let limits = Limits {
        line_bytes: 1 << 20,
        head_bytes: 1 << 20,
        fields: 1000,
        ..Limits::default()
    };
    let mut parser = RequestParser::new();
    let Ok(Parsed::Complete(_)) = parser.parse(input, &limits) else {
        return;
    };
    let head = parser.head();
    let mut out = Vec::new();
    let additions = RequestRewrite {
        client: b"::1",
        scheme: b"http",
        fallback_host: b"h",
        ..Default::default()
    };
    write_request(&mut out, input, head, &additions);
    let mut again = RequestParser::new();
    assert_eq!(again.parse(&out, &limits), Ok(Parsed::Complete(out.len())));
    assert_eq!(again.head().framing(), head.framing());
    assert_eq!(again.head().method_bytes(&out), head.method_bytes(input));
    assert!(!again.head().offers_websocket());
}
