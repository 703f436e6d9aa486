//! Trailer fields: which may be passed on (RFC 9110 section 6.5.1).

use crate::error::Error;
use crate::known::Known;
use crate::scan;
use crate::table::TOKEN;

/// Fields that a trailer must not have because a recipient that merges it into the header would
/// be misled: authentication, caching, and how content is to be read. Framing, routing and
/// hop-by-hop fields are [`Known`] and refused as such.
const FORBIDDEN: &[&[u8]] = &[
    b"accept-encoding",
    b"age",
    b"authorization",
    b"cache-control",
    b"content-encoding",
    b"content-location",
    b"content-range",
    b"content-type",
    b"cookie",
    b"date",
    b"expires",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"last-modified",
    b"location",
    b"max-forwards",
    b"origin",
    b"pragma",
    b"range",
    b"retry-after",
    b"set-cookie",
    b"vary",
    b"warning",
    b"www-authenticate",
];

/// Checks a trailer line with its line end, and says whether it may be passed on.
pub(crate) fn check(line: &[u8]) -> Result<bool, Error> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Error::ObsFold);
    }
    let name_end = scan::run::<TOKEN>(line, 0);
    match line.get(name_end) {
        Some(b':') if name_end > 0 => {}
        Some(b' ' | b'\t') if name_end > 0 => return Err(Error::SpaceBeforeColon),
        Some(b'\n') => return Err(Error::BareLf),
        _ => return Err(Error::FieldName),
    }
    let end = scan::value(line, name_end + 1);
    match line.get(end..) {
        Some(b"\r\n") => {}
        Some([b'\r', ..]) => return Err(Error::BareCr),
        Some([b'\n', ..]) => return Err(Error::BareLf),
        _ => return Err(Error::FieldValue),
    }
    Ok(!is_forbidden(&line[..name_end]))
}

fn is_forbidden(name: &[u8]) -> bool {
    Known::of(name) != Known::Other
        || FORBIDDEN
            .iter()
            .any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}
