//! Writing heads for the next hop: what is byte for byte the same goes in one copy, and what
//! belongs to one hop is left out and written anew.

mod request;
mod response;

pub use request::{RequestRewrite, write_request};
pub use response::{ClientConnection, ResponseRewrite, write_response};

use crate::facts::options;
use crate::field::Field;
use crate::known::Known;

/// A buffer that heads are written to.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);

    /// Makes room for `additional` bytes.
    fn make_room(&mut self, additional: usize);
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn make_room(&mut self, additional: usize) {
        self.reserve(additional);
    }
}

impl Sink for bytes::BytesMut {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn make_room(&mut self, additional: usize) {
        self.reserve(additional);
    }
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes on.
    Keep,
    /// It does not.
    Drop,
    /// It goes on with this value instead.
    Replace(&'static [u8]),
}

/// Writes the fields that `fate` keeps; `from` is where a run of bytes to be copied begins, which
/// may be before the fields, and `end` where the field section ends.
#[inline]
fn write_fields<S: Sink>(
    out: &mut S,
    buf: &[u8],
    fields: &[Field],
    from: usize,
    end: usize,
    mut fate: impl FnMut(&Field) -> Fate,
) {
    let mut run = from;
    for (index, field) in fields.iter().enumerate() {
        let fate = fate(field);
        if fate == Fate::Keep && field.is_canonical() {
            continue;
        }
        out.put(&buf[run..field.start()]);
        run = fields.get(index + 1).map_or(end, Field::start);
        match fate {
            Fate::Keep => write_field(out, field.name(buf), field.value(buf)),
            Fate::Replace(value) => write_field(out, field.name(buf), value),
            Fate::Drop => {}
        }
    }
    out.put(&buf[run..end]);
}

fn write_field<S: Sink>(out: &mut S, name: &[u8], value: &[u8]) {
    out.put(name);
    out.put(b": ");
    out.put(value);
    out.put(b"\r\n");
}

/// Whether `Connection` names the field (RFC 9110 section 7.6.1). For heads that name any.
#[cold]
fn is_nominated(buf: &[u8], fields: &[Field], field: &Field) -> bool {
    fields
        .iter()
        .filter(|other| other.known() == Known::Connection)
        .flat_map(|connection| options(connection.value(buf)))
        .any(|option| option.eq_ignore_ascii_case(field.name(buf)))
}

/// `Transfer-Encoding: chunked`, in the one spelling that every server knows.
#[inline]
fn chunked_fate(buf: &[u8], field: &Field) -> Fate {
    if field.value(buf) == b"chunked" {
        Fate::Keep
    } else {
        Fate::Replace(b"chunked")
    }
}
