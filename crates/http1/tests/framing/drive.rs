//! Drives the codec as a proxy does, and tells in words what it makes of the bytes.

use halo_http1::{
    Asked, Body, BodyFraming, Error, Limits, Parsed, RequestHead, RequestParser, RequestRewrite,
    ResponseHead, ResponseParser, Side, write_request,
};

/// Takes a body from `buf`; the answer for it once it is done or broken.
fn take_body(body: &mut Body, buf: &mut Vec<u8>, passed: &mut usize) -> Result<bool, Error> {
    loop {
        let flow = body.handle_bytes(buf)?;
        buf.drain(..flow.consumed());
        *passed += flow.pass;
        if body.is_done() || flow.consumed() == 0 {
            return Ok(body.is_done());
        }
    }
}

fn refusal(error: Error, from: Side) -> String {
    format!("{} {}", error.status(from), error.label())
}

fn framing(framing: BodyFraming) -> String {
    match framing {
        BodyFraming::None => "none".to_owned(),
        BodyFraming::Length(length) => format!("length {length}"),
        BodyFraming::Chunked => "chunked".to_owned(),
        BodyFraming::UntilClose => "until close".to_owned(),
    }
}

fn request_text(buf: &[u8], head: &RequestHead) -> String {
    let mut out = Vec::new();
    write_request(&mut out, buf, head, &RequestRewrite::default());
    let line = String::from_utf8_lossy(&out);
    let line = line
        .lines()
        .next()
        .and_then(|line| line.strip_suffix(" HTTP/1.1"));
    let mut text = format!("{} {}", line.unwrap_or("no line"), framing(head.framing()));
    for (is, word) in [
        (!head.keep_alive(), " close"),
        (head.expects_continue(), " continue"),
        (head.offers_websocket(), " websocket"),
    ] {
        if is {
            text.push_str(word);
        }
    }
    text
}

/// What becomes of requests that arrive in these pieces.
pub(crate) fn requests(pieces: &[&[u8]]) -> String {
    let limits = Limits::default();
    let mut parser = RequestParser::new();
    let mut body: Option<Body> = None;
    let (mut buf, mut passed, mut answers) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            if let Some(current) = &mut body {
                match take_body(current, &mut buf, &mut passed) {
                    Ok(false) => break,
                    Ok(true) => answers.push(format!("body passes {passed}")),
                    Err(error) => {
                        answers.push(refusal(error, Side::Client));
                        return answers.join(" | ");
                    }
                }
                body = None;
            }
            match parser.parse(&buf, &limits) {
                Ok(Parsed::Partial) => break,
                Ok(Parsed::Complete(consumed)) => {
                    answers.push(request_text(&buf, parser.head()));
                    let next = Body::new(parser.head().framing(), &limits);
                    body = (!next.is_done()).then_some(next);
                    passed = 0;
                    buf.drain(..consumed);
                    parser.reset();
                }
                Err(error) => {
                    answers.push(refusal(error, Side::Client));
                    return answers.join(" | ");
                }
            }
        }
    }
    if body.is_some() {
        answers.push("wait for body".to_owned());
    } else if !buf.is_empty() {
        answers.push("wait".to_owned());
    }
    answers.join(" | ")
}

fn response_text(head: &ResponseHead) -> String {
    let status = head.status();
    if head.is_interim() {
        return format!("{status} interim");
    }
    if status == 101 {
        return "101 switch".to_owned();
    }
    let close = !head.keep_alive() && head.framing() != BodyFraming::UntilClose;
    format!(
        "{status} {}{}",
        framing(head.framing()),
        if close { " close" } else { "" }
    )
}

/// What becomes of a response that arrives in these pieces, after which the server closes.
pub(crate) fn responses(pieces: &[&[u8]], asked: Asked) -> String {
    let mut answers = Vec::new();
    let error = match respond(pieces, asked, &mut answers) {
        Ok(()) => return answers.join(" | "),
        Err(error) => error,
    };
    answers.push(refusal(error, Side::Server));
    answers.join(" | ")
}

fn respond(pieces: &[&[u8]], asked: Asked, answers: &mut Vec<String>) -> Result<(), Error> {
    let limits = Limits::default();
    let mut parser = ResponseParser::new();
    let mut body: Option<Body> = None;
    let (mut buf, mut passed) = (Vec::new(), 0);
    for piece in pieces {
        buf.extend_from_slice(piece);
        while body.is_none() {
            let Parsed::Complete(consumed) = parser.parse(&buf, asked, &limits)? else {
                break;
            };
            let head = parser.head();
            answers.push(response_text(head));
            if !head.is_interim() {
                body = Some(Body::new(head.framing(), &limits));
            }
            buf.drain(..consumed);
            parser.reset();
        }
        if let Some(body) = &mut body {
            take_body(body, &mut buf, &mut passed)?;
        }
    }
    let Some(mut body) = body else {
        return Err(Error::Truncated);
    };
    let until_close = !body.is_done();
    body.handle_eof()?;
    if until_close || passed > 0 {
        answers.push(format!("body passes {passed}"));
    }
    if !buf.is_empty() {
        answers.push(format!("{} bytes left over", buf.len()));
    }
    Ok(())
}
