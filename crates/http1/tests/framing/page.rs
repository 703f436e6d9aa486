//! The page of cases.

use std::fmt::Write;

use crate::{Case, chunks, requests, responses};

const INTRODUCTION: &str = "\
# HTTP/1.1 framing: what Halo makes of each message

A proxy and the server behind it must agree where each message ends. Where they do not, one sender's bytes become another's request: request smuggling. So Halo passes on only what can be read in one way, and refuses everything else; it never repairs a message.

- A request that is refused is answered with the status below and the connection is closed. A refused response becomes 502. After a refusal no further byte of that connection is read as a message.
- What is passed on is written from what was understood: the request line as HTTP/1.1 in origin-form, fields as `name: value`, one framing field.
- Fields of one hop (`Connection` and all that it names, `Keep-Alive`, `Proxy-*`, `TE`, `Upgrade`, `HTTP2-Settings`) end at Halo.
- The answer never depends on how the bytes arrive: each case is tested whole, cut in two at every place, and byte by byte.

Choices where RFC 9112 leaves one:

| question | answer | why |
|---|---|---|
| An empty line before a request | one CRLF is skipped, a second refused | RFC 9112 section 2.2 asks for one; no client sends more |
| Equal `Content-Length` fields | refused | servers differ in which one they count |
| Leading zeros in `Content-Length` | refused | read as octal by some |
| Chunk extensions | refused unless a limit above 0 is set, then removed | nothing in use sends them, and parsers differ in where they end |
| Padded chunk sizes | passed on, up to 16 digits | plain hexadecimal to every parser |
| Trailers | passed on, without fields that must not stand there | a merge into the header would let them set framing, routing or identity |
| `Host` and an absolute target differ | refused | RFC 9112 lets `Host` be ignored; the server may not ignore it |
| Percent-encoding and sub-delimiters in hosts | refused | no host in use has them |
| `_` for `-` in a field that matters | refused | servers that turn names into variables take the two for one |
| `Connection` names `Host`, `Content-Length` or `X-Forwarded-*` | refused | it would have the next hop miss them |
| `Upgrade` other than one `websocket` | ignored, the request goes on without it | RFC 9110 section 7.8; h2c never passes by accident |
| `CONNECT` | 501 | Halo is not a forward proxy |
| 204 with `Content-Length: 0` | passed on without the field | widely sent, and nothing to misread |
| No space after the status code | refused | required by RFC 9112 section 4 |

Control bytes are shown as `\\r`, `\\n`, `\\t`, `\\0` and `\\xNN`. In an answer, `|` separates what comes one after another; \"body passes N\" is how many bytes of body, framing included, go to the next hop; \"wait\" means that more bytes are needed, until a timeout answers 408.

This page is written by `HALO_WRITE_DOCS=1 cargo test -p halo-http1 --test framing`, which also fails when it is out of date.
";

pub(crate) fn render() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n# Requests\n");
    for group in requests::GROUPS.iter().chain(chunks::GROUPS) {
        table(&mut page, group.title, group.cases);
    }
    page.push_str("\n# Responses\n\nAfter each, the server closes the connection. Bytes left over are never read as a response; the connection is not used again.\n");
    for group in responses::GROUPS {
        table(&mut page, group.title, group.cases);
    }
    page
}

fn table(page: &mut String, title: &str, cases: &[Case]) {
    page.push_str(&format!(
        "\n## {title}\n\n| case | bytes | answer |\n|---|---|---|\n"
    ));
    for (name, input, want) in cases {
        let answer = cell(want);
        writeln!(page, "| {name} | {} | {answer} |", code(input)).expect("a String takes all");
    }
}

/// `text` so that no `|` ends the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn code(input: &str) -> String {
    let mut shown = String::new();
    for character in input.chars() {
        match character {
            '\r' => shown.push_str("\\r"),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\0' => shown.push_str("\\0"),
            '\\' => shown.push_str("\\\\"),
            ' '..='~' => shown.push(character),
            other => {
                for byte in other.to_string().bytes() {
                    write!(shown, "\\x{byte:02x}").expect("a String takes all");
                }
            }
        }
    }
    let fence = if shown.contains('`') { "``" } else { "`" };
    format!("{fence}{}{fence}", cell(&shown))
}
