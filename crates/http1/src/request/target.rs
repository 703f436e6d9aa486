//! The forms of a request target (RFC 9112 section 3.2).

use crate::error::Error;
use crate::field::Span;
use crate::host;
use crate::request::RequestHead;
use crate::scan;
use crate::table::PATH;

/// The form of a request target. Authority-form comes with `CONNECT` alone, which is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TargetForm {
    /// `/path?query`.
    #[default]
    Origin,
    /// `http://host/path?query`.
    Absolute,
    /// `*`, with `OPTIONS`.
    Asterisk,
}

/// Takes the absolute target at `start..end` apart.
#[cold]
pub(super) fn absolute(
    input: &[u8],
    start: usize,
    end: usize,
    head: &mut RequestHead,
) -> Result<(), Error> {
    let target = &input[start..end];
    let scheme = if has_prefix(target, b"http://") {
        7
    } else if has_prefix(target, b"https://") {
        head.https = true;
        8
    } else {
        return Err(Error::Target);
    };
    let after = target[scheme..]
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'\\'));
    let authority_end = after.map_or(end, |at| start + scheme + at);
    let authority = Span::new(start + scheme, authority_end);
    if !host::is_valid(authority.of(input)) {
        return Err(Error::Host);
    }
    let path_end = scan::run::<PATH>(input, authority_end);
    if path_end < end && input[path_end] != b'?' {
        return Err(Error::Target);
    }
    head.authority = Some(authority);
    head.path = Span::new(authority_end, path_end);
    head.form = TargetForm::Absolute;
    Ok(())
}

fn has_prefix(target: &[u8], prefix: &[u8]) -> bool {
    target
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
