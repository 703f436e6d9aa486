//! The bearer token of the TCP address.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Whether the request carries the token (RFC 6750 section 2.1).
pub(crate) fn allowed(headers: &HeaderMap, token: &str) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Some((scheme, given)) = split(value.as_bytes()) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"bearer") && same(given, token.as_bytes())
}

fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((&value[..space], value[space..].trim_ascii()))
}

/// Compares in a time that tells nothing of where the two differ (their lengths may be told).
fn same(given: &[u8], token: &[u8]) -> bool {
    if token.is_empty() || given.len() != token.len() {
        return false;
    }
    let difference = given
        .iter()
        .zip(token)
        .fold(0, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_whole_token_under_the_bearer_scheme_is_allowed() {
        let table: [(&[&str], bool); 8] = [
            (&["Bearer s3cret"], true),
            (&["bearer   s3cret"], true),
            (&[], false),
            (&["Bearer s3cre"], false),
            (&["Bearer s3cret2"], false),
            (&["Bearer"], false),
            (&["Basic s3cret"], false),
            (&["Bearer s3cret", "Bearer s3cret"], false),
        ];
        for (values, expected) in table {
            let values: Vec<&'static str> = values.iter().map(|v| &*v.to_string().leak()).collect();
            assert_eq!(allowed(&headers(&values), "s3cret"), expected, "{values:?}");
        }
    }

    #[test]
    fn an_empty_token_allows_nobody() {
        assert!(!allowed(&headers(&["Bearer "]), ""));
    }
}
