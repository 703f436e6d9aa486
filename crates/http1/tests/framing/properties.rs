//! What must hold for any bytes at all.

use halo_http1::{
    Asked, Body, BodyFraming, Delivery, Limits, Parsed, RequestHead, RequestParser, RequestRewrite,
    ResponseParser, ResponseRewrite, write_request, write_response,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::{chunks, drive, requests, responses};

/// Bytes that have a meaning somewhere in a message, and some that have none.
const BYTES: &[u8] = b"\r\n\t \0:;,/?#*0159afxAFHT.-_\"\\\x7f\x80\xff";

/// The bytes of any request case, with a few changed, removed, doubled or swapped.
fn mutated(inputs: Vec<&'static str>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), 0..5u8, any::<Index>()), 0..4);
    (proptest::sample::select(inputs), changes).prop_map(|(input, changes)| {
        let mut bytes = input.as_bytes().to_vec();
        for (at, how, with) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let other = with.index(bytes.len());
            match how {
                0 => bytes[at] = BYTES[with.index(BYTES.len())],
                1 => bytes.insert(at, BYTES[with.index(BYTES.len())]),
                2 => drop(bytes.remove(at)),
                3 => bytes.swap(at, other),
                _ => {
                    let part = bytes[at.min(other)..at.max(other)].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    })
}

fn request_inputs() -> Vec<&'static str> {
    let groups = requests::GROUPS.iter().chain(chunks::GROUPS);
    groups
        .flat_map(|group| group.cases.iter().map(|case| case.1))
        .collect()
}

fn response_inputs() -> Vec<&'static str> {
    let groups = responses::GROUPS.iter();
    groups
        .flat_map(|group| group.cases.iter().map(|case| case.1))
        .collect()
}

/// `input` cut at these places.
fn cut<'a>(input: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = places
        .iter()
        .map(|place| place.index(input.len() + 1))
        .collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect()
}

/// The fields of a head in httparse's terms.
fn fields(head: &RequestHead, buf: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let field = |field: &halo_http1::Field| (field.name(buf).to_vec(), field.value(buf).to_vec());
    head.fields().iter().map(field).collect()
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9!#$%&'*+.^`|~-]{0,20}".prop_filter("a field of its own", |name| {
        halo_http1::Known::of(name.as_bytes()) == halo_http1::Known::Other
    })
}

fn field_value() -> impl Strategy<Value = String> {
    "([!-~\u{80}-\u{ff}]([ \t!-~]{0,40}[!-~])?)?"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_gets_one_answer_however_it_is_cut(
        input in mutated(request_inputs()), places in vec(any::<Index>(), 0..12),
    ) {
        let whole = drive::requests(&[&input]);
        prop_assert_eq!(drive::requests(&cut(&input, &places)), whole.clone());
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(drive::requests(&bytes), whole);
    }

    #[test]
    fn any_response_gets_one_answer_however_it_is_cut(
        input in mutated(response_inputs()), places in vec(any::<Index>(), 0..12),
        head: bool, websocket: bool,
    ) {
        let asked = Asked { head, websocket };
        let whole = drive::responses(&[&input], asked);
        prop_assert_eq!(drive::responses(&cut(&input, &places), asked), whole.clone());
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(drive::responses(&bytes, asked), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(input in vec(any::<u8>(), 0..400), asked: (bool, bool)) {
        drive::requests(&[&input]);
        drive::responses(&[&input], Asked { head: asked.0, websocket: asked.1 });
        let mut body = Body::new(BodyFraming::Chunked, &Limits { chunk_extension_bytes: 9, ..Limits::default() });
        while body.handle_bytes_unframed(&input).is_ok_and(|flow| flow.consumed() > 0) {}
    }

    /// Where Halo accepts, httparse sees the same head: it never reads more into a message than a
    /// laxer parser does.
    #[test]
    fn an_accepted_request_is_the_same_to_httparse(input in mutated(request_inputs())) {
        let mut parser = RequestParser::new();
        if let Ok(Parsed::Complete(consumed)) = parser.parse(&input, &Limits::default()) {
            let head = parser.head();
            let mut storage = [httparse::EMPTY_HEADER; 100];
            let mut other = httparse::Request::new(&mut storage);
            prop_assert_eq!(other.parse(&input), Ok(httparse::Status::Complete(consumed)));
            prop_assert_eq!(other.method.unwrap_or_default().as_bytes(), head.method_bytes(&input));
            prop_assert_eq!(other.path.unwrap_or_default().as_bytes(), head.target(&input));
            prop_assert_eq!(other.version == Some(1), head.version().is_http11());
            let theirs: Vec<_> = other.headers.iter()
                .map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect();
            prop_assert_eq!(theirs, fields(head, &input));
        }
    }

    /// What is written is read back as the same, and by the strictest parser there is: ours.
    #[test]
    fn what_is_written_is_read_back_the_same(
        input in mutated(request_inputs()), trust_forwarded: bool, websocket: bool,
    ) {
        let limits = Limits { fields: 200, ..Limits::default() };
        let mut parser = RequestParser::new();
        if let Ok(Parsed::Complete(_)) = parser.parse(&input, &limits) {
            let head = parser.head();
            let rewrite = RequestRewrite {
                client: b"192.0.2.1", scheme: b"http", trust_forwarded, fallback_host: b"h", websocket, via: None,
            };
            let mut out = Vec::new();
            write_request(&mut out, &input, head, &rewrite);
            let mut again = RequestParser::new();
            prop_assert_eq!(again.parse(&out, &limits), Ok(Parsed::Complete(out.len())));
            let read = again.head();
            prop_assert_eq!(read.framing(), head.framing());
            prop_assert_eq!(read.method_bytes(&out), head.method_bytes(&input));
            prop_assert_eq!(read.expects_continue(), head.expects_continue());
            prop_assert_eq!(read.offers_websocket(), websocket && head.offers_websocket());
            prop_assert!(read.version().is_http11() && read.keep_alive());
            prop_assert!(read.fields().iter().all(halo_http1::Field::is_canonical));
            // A second proxy of this kind, trusting the first, changes the client's list only.
            let trusting = RequestRewrite { trust_forwarded: true, client: b"", websocket: true, ..rewrite };
            let mut twice = Vec::new();
            write_request(&mut twice, &out, read, &trusting);
            if head.host(&input).is_some() {
                prop_assert_eq!(twice.len(), out.len());
            }
        }
    }

    #[test]
    fn a_written_response_is_read_back_the_same(input in mutated(response_inputs()), head: bool) {
        let asked = Asked { head, websocket: false };
        let mut parser = ResponseParser::new();
        if let Ok(Parsed::Complete(_)) = parser.parse(&input, asked, &Limits::default()) {
            let head = parser.head();
            let mut out = Vec::new();
            let connection = halo_http1::ClientConnection::Implied;
            write_response(&mut out, &input, head, &ResponseRewrite { delivery: Delivery::AsIs, connection, via: None, date: None });
            let mut again = ResponseParser::new();
            prop_assert_eq!(again.parse(&out, asked, &Limits::default()), Ok(Parsed::Complete(out.len())));
            prop_assert_eq!(again.head().framing(), head.framing());
            prop_assert_eq!(again.head().status(), head.status());
            prop_assert_eq!(again.head().reason(&out), head.reason(&input));
        }
    }

    #[test]
    fn fields_of_any_kind_are_passed_on_as_they_are(
        list in vec((token(), field_value()), 0..20), places in vec(any::<Index>(), 0..6),
    ) {
        let mut input = b"GET /a HTTP/1.1\r\nHost: h\r\n".to_vec();
        for (name, value) in &list {
            input.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        input.extend_from_slice(b"\r\n");
        let mut parser = RequestParser::new();
        let mut end = 0;
        let mut parsed = Ok(Parsed::Partial);
        for piece in cut(&input, &places) {
            end += piece.len();
            prop_assert_eq!(parsed, Ok(Parsed::Partial));
            if !piece.is_empty() {
                parsed = parser.parse(&input[..end], &Limits::default());
            }
            if end == input.len() {
                break;
            }
        }
        prop_assert_eq!(parsed, Ok(Parsed::Complete(input.len())));
        let mut out = Vec::new();
        write_request(&mut out, &input, parser.head(), &RequestRewrite::default());
        let expected = [&input[..input.len() - 2], b"X-Forwarded-Host: h\r\n\r\n"].concat();
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn chunks_hold_what_was_put_in_however_they_are_cut(
        data in vec(vec(any::<u8>(), 1..50), 0..8), places in vec(any::<Index>(), 0..12), verbatim: bool,
    ) {
        let mut input = Vec::new();
        for chunk in &data {
            halo_http1::write_chunk_size(&mut input, chunk.len());
            input.extend_from_slice(chunk);
            input.extend_from_slice(halo_http1::CHUNK_END);
        }
        input.extend_from_slice(halo_http1::LAST_CHUNK);
        let expected = if verbatim { input.clone() } else { data.concat() };
        let length = input.len();
        input.extend_from_slice(b"GET /");
        let mut body = Body::new(BodyFraming::Chunked, &Limits::default());
        let (mut at, mut end, mut got) = (0, 0, Vec::new());
        for piece in cut(&input, &places) {
            end += piece.len();
            loop {
                let rest = &input[at..end];
                let flow = if verbatim { body.handle_bytes(rest) } else { body.handle_bytes_unframed(rest) };
                let flow = flow.expect("valid chunks");
                got.extend_from_slice(&rest[flow.skip..flow.consumed()]);
                at += flow.consumed();
                if flow.consumed() == 0 {
                    break;
                }
            }
        }
        prop_assert!(body.is_done());
        prop_assert_eq!(at, length);
        prop_assert_eq!(got, expected);
    }
}
