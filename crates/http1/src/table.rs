//! Which bytes may stand where: one table look-up a byte.

/// A byte of a `token` (RFC 9110 section 5.6.2): methods and field names.
pub(crate) const TOKEN: u8 = 1;
/// A byte of a path as clients in use send it.
pub(crate) const PATH: u8 = 2;
/// A byte of a query as clients in use send it.
pub(crate) const QUERY: u8 = 4;
/// A byte of a host name; see [`crate::host`] for what is left out and why.
pub(crate) const HOST: u8 = 8;

/// The classes of each byte, as the bits above.
pub(crate) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte as usize] = class(byte);
        byte += 1;
    }
    table
}

const fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            TOKEN | PATH | QUERY | HOST
        }
        b'!' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'^' | b'`' | b'|' => {
            TOKEN | PATH | QUERY
        }
        // A fragment never goes on the wire, and a part of the servers cuts the target there.
        b'#' => TOKEN,
        // Browsers encode these everywhere.
        b'"' | b'<' | b'>' => 0,
        // Browsers leave it in queries; in paths a part of the servers takes it for a slash.
        b'\\' | b'?' => QUERY,
        _ => PATH | QUERY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_bytes_are_those_of_rfc_9110() {
        let special = b"!#$%&'*+-.^_`|~";
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_alphanumeric() || special.contains(&byte);
            assert_eq!(
                CLASS[byte as usize] & TOKEN != 0,
                expected,
                "byte {byte:#x}"
            );
        }
    }

    #[test]
    fn no_control_byte_no_space_and_nothing_beyond_ascii_has_a_class() {
        for byte in (0..=0x20u8).chain(0x7f..=0xff) {
            assert_eq!(CLASS[byte as usize], 0, "byte {byte:#x}");
        }
    }
}
