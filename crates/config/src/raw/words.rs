//! Names, paths and the other strings that have a form.

use std::path::PathBuf;

use super::leaf::Leaf;
use crate::model::{AccessLog, HostMatch};

/// The name of a node, VIP, listener, pool or server.
#[derive(Debug, Clone)]
pub(crate) struct Name(pub(crate) String);

impl Leaf for Name {
    const KIND: &'static str = "name";
    const EXAMPLE: &'static str = "web-1";

    fn read(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
            return Err(format!(
                "{text:?} is not a name; use 1 to 64 of the characters a-z A-Z 0-9 - _ . :"
            ));
        }
        Ok(Self(text.into()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// The name of a network interface.
#[derive(Debug, Clone)]
pub(crate) struct Interface(pub(crate) String);

impl Leaf for Interface {
    const KIND: &'static str = "interface";
    const EXAMPLE: &'static str = "eth0";

    fn read(text: &str) -> Result<Self, String> {
        // The kernel's own rule, `dev_valid_name` in net/core/dev.c.
        let fits = |c: char| !(c.is_whitespace() || c.is_control() || c == '/' || c == ':');
        if text.is_empty()
            || text.len() > 15
            || [".", ".."].contains(&text)
            || !text.chars().all(fits)
        {
            return Err(format!(
                "{text:?} is not an interface name; see `ip link` for this machine's (at most 15 \
                 characters)"
            ));
        }
        Ok(Self(text.into()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// A password of VRRP version 2 (RFC 2338 section 5.3.10), filled up with zeros.
#[derive(Debug, Clone)]
pub(crate) struct Password(pub(crate) [u8; 8]);

impl Leaf for Password {
    const KIND: &'static str = "password";
    const EXAMPLE: &'static str = "s3cret";

    fn read(text: &str) -> Result<Self, String> {
        let mut password = [0; 8];
        match password.get_mut(..text.len()) {
            Some(start) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => {
                start.copy_from_slice(text.as_bytes());
                Ok(Self(password))
            }
            // It is not repeated: errors end up in logs.
            Some(_) | None => {
                Err("this is not a VRRP password; use 1 to 8 visible ASCII characters".to_owned())
            }
        }
    }

    fn write(&self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(8);
        String::from_utf8_lossy(&self.0[..end]).into_owned()
    }
}

/// An absolute path of a file or directory.
#[derive(Debug, Clone)]
pub(crate) struct AbsolutePath(pub(crate) PathBuf);

impl Leaf for AbsolutePath {
    const KIND: &'static str = "path";
    const EXAMPLE: &'static str = "/etc/halo/token";

    fn read(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') || text.contains('\0') {
            return Err(format!(
                "{text:?} is not an absolute path; begin it with \"/\""
            ));
        }
        Ok(Self(text.into()))
    }

    fn write(&self) -> String {
        self.0.display().to_string()
    }
}

/// The start of a request's path.
#[derive(Debug, Clone)]
pub(crate) struct PathPrefix(pub(crate) String);

impl Leaf for PathPrefix {
    const KIND: &'static str = "URL path";
    const EXAMPLE: &'static str = "/v2";

    fn read(text: &str) -> Result<Self, String> {
        if text.contains(['?', '#']) {
            return Err(format!(
                "{text:?}: routes match the path alone; leave out \"?\" and \"#\""
            ));
        }
        Target::read(text).map(|target| Self(target.0))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// A request target: path, and query if any.
#[derive(Debug, Clone)]
pub(crate) struct Target(pub(crate) String);

impl Leaf for Target {
    const KIND: &'static str = "URL path and query";
    const EXAMPLE: &'static str = "/healthz";

    fn read(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("{text:?} is not a URL path; begin it with \"/\""));
        }
        match text.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
            Some(odd) => Err(format!(
                "{text:?} has a {odd:?}; write other than visible ASCII as %XX"
            )),
            None => Ok(Self(text.into())),
        }
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

impl Leaf for HostMatch {
    const KIND: &'static str = "host";
    const EXAMPLE: &'static str = "*.example.com";

    fn read(text: &str) -> Result<Self, String> {
        if let Some((host, port)) = text.rsplit_once(':')
            && !port.contains(']')
            && !port.is_empty()
            && port.chars().all(|c| c.is_ascii_digit())
        {
            return Err(format!(
                "{text:?}: a host is matched without its port; write {host:?}"
            ));
        }
        let lower = text.to_ascii_lowercase();
        let (suffix, name) = match lower.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, lower.as_str()),
        };
        let literal = !suffix && name.starts_with('[') && name.ends_with(']');
        if !(literal || is_host(name)) {
            return Err(format!(
                "{text:?} is not a host; write a name such as \"api.example.com\", or \
                 \"*.example.com\" for every name below example.com"
            ));
        }
        Ok(if suffix {
            Self::Suffix(name.into())
        } else {
            Self::Exact(name.into())
        })
    }

    fn write(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Suffix(name) => format!("*.{name}"),
        }
    }
}

/// The value of a `Host` header.
#[derive(Debug, Clone)]
pub(crate) struct HostHeader(pub(crate) String);

impl Leaf for HostHeader {
    const KIND: &'static str = "host header";
    const EXAMPLE: &'static str = "app.example.com";

    fn read(text: &str) -> Result<Self, String> {
        let fits =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '[' | ']');
        if text.is_empty() || !text.chars().all(fits) {
            return Err(format!(
                "{text:?} is not a host; write a name or address, such as \"app.example.com\""
            ));
        }
        Ok(Self(text.into()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// HTTP status codes, in inclusive ranges.
#[derive(Debug, Clone)]
pub(crate) struct Statuses(pub(crate) Vec<(u16, u16)>);

impl Leaf for Statuses {
    const KIND: &'static str = "status codes";
    const EXAMPLE: &'static str = "200-299,401";

    fn read(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|range| {
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                let code = |code: &str| {
                    code.trim()
                        .parse()
                        .ok()
                        .filter(|code| (100..=599).contains(code))
                };
                code(from).zip(code(to)).filter(|(from, to)| from <= to)
            })
            .collect::<Option<Vec<(u16, u16)>>>()
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "{text:?} is not a set of status codes; write codes from 100 to 599, such as \
                     \"200\" or \"200-299,401\""
                )
            })
    }

    fn write(&self) -> String {
        let range = |(from, to): &(u16, u16)| {
            if from == to {
                from.to_string()
            } else {
                format!("{from}-{to}")
            }
        };
        self.0.iter().map(range).collect::<Vec<_>>().join(",")
    }
}

impl Leaf for AccessLog {
    const KIND: &'static str = "log target";
    const EXAMPLE: &'static str = "/var/log/halo/access.json";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "stdout" => Ok(Self::Stdout),
            path if path.starts_with('/') && !path.contains('\0') => Ok(Self::File(path.into())),
            other => Err(format!(
                "{other:?} is not a log target; write \"off\", \"stdout\" or a file's absolute path"
            )),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Off => "off".into(),
            Self::Stdout => "stdout".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Whether `name` is a host name: labels of letters, digits, `-` and `_`.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_lowered_and_wildcards_are_suffixes() {
        assert_eq!(
            HostMatch::read("API.example.com"),
            Ok(HostMatch::Exact("api.example.com".into()))
        );
        assert_eq!(
            HostMatch::read("*.Example.com"),
            Ok(HostMatch::Suffix("example.com".into()))
        );
        for text in [
            "",
            "*",
            "*.",
            "a.*.com",
            "a..b",
            "example.com:80",
            "a b",
            "http://x",
            "*.*.x",
        ] {
            assert!(HostMatch::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn status_codes_are_lists_of_codes_and_ranges() {
        assert_eq!(
            Statuses::read("200-299, 401").unwrap().0,
            [(200, 299), (401, 401)]
        );
        assert_eq!(
            Statuses::read("200-299,401").unwrap().write(),
            "200-299,401"
        );
        for text in ["", "2xx", "600", "99", "300-200", "200,", "200-", "-"] {
            assert!(Statuses::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn url_paths_are_visible_ascii() {
        assert!(Target::read("/healthz?deep=1").is_ok());
        assert!(PathPrefix::read("/healthz?deep=1").is_err());
        for text in ["", "healthz", "/a b", "/é", "/a\r\nHost: x", "/a#b"] {
            assert!(Target::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn passwords_have_one_to_eight_visible_characters_and_are_not_repeated_in_errors() {
        assert_eq!(Password::read("abc").unwrap().0, *b"abc\0\0\0\0\0");
        assert_eq!(Password::read("12345678").unwrap().write(), "12345678");
        for text in ["", "123456789", "a b", "p\u{e4}ss"] {
            let error = Password::read(text).unwrap_err();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn interface_names_follow_the_kernels_rule() {
        assert!(Interface::read("eth0.100").is_ok());
        for text in ["", ".", "..", "a/b", "a b", "eth0:1", "abcdefghijklmnop"] {
            assert!(Interface::read(text).is_err(), "{text:?}");
        }
    }
}
