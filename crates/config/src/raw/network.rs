//! Addresses.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::leaf::Leaf;

/// A VIP's address; without prefix it takes that of the node network that contains it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VipAddress {
    pub(crate) ip: IpAddr,
    pub(crate) prefix: Option<u8>,
}

impl Leaf for IpNet {
    const KIND: &'static str = "address with prefix";
    const EXAMPLE: &'static str = "10.77.0.11/24";

    fn read(text: &str) -> Result<Self, String> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(network);
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(format!(
                "{text:?} lacks its network's prefix length; write it with one, such as \
                 \"{text}/{}\"",
                if text.contains(':') { 64 } else { 24 }
            ));
        }
        Err(not_an_address(text, Self::EXAMPLE))
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Leaf for IpAddr {
    const KIND: &'static str = "address";
    const EXAMPLE: &'static str = "10.77.0.1";

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| not_an_address(text, Self::EXAMPLE))
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Leaf for VipAddress {
    const KIND: &'static str = "address";
    const EXAMPLE: &'static str = "10.77.0.100";

    fn read(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse() {
            return Ok(Self { ip, prefix: None });
        }
        text.parse::<IpNet>()
            .map(|network| Self {
                ip: network.addr(),
                prefix: Some(network.prefix_len()),
            })
            .map_err(|_| not_an_address(text, Self::EXAMPLE))
    }

    fn write(&self) -> String {
        match self.prefix {
            Some(prefix) => format!("{}/{prefix}", self.ip),
            None => self.ip.to_string(),
        }
    }
}

impl Leaf for SocketAddr {
    const KIND: &'static str = "address:port";
    const EXAMPLE: &'static str = "10.77.0.100:80";

    fn read(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<Self>() {
            return if address.port() == 0 {
                Err(format!("{text:?}: port 0 is not a port; write 1 to 65535"))
            } else {
                Ok(address)
            };
        }
        if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            let example = Self::new(ip, 80);
            return Err(format!(
                "{text:?} has no port; write it with one, such as \"{example}\""
            ));
        }
        match text.rsplit_once(':') {
            Some(("" | "*", port)) if port.parse::<u16>().is_ok() => Err(format!(
                "{text:?} has no address; write \"0.0.0.0:{port}\" for every IPv4 address"
            )),
            Some((host, port)) if port.parse::<u16>().is_ok() && is_host_name(host) => Err(
                format!("{host:?} is a name, and names are not resolved; write its IP address"),
            ),
            Some(_) | None => Err(not_an_address(text, Self::EXAMPLE)),
        }
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

fn not_an_address(text: &str, example: &str) -> String {
    format!("{text:?} is not an IP address as wanted here; write one such as {example:?}")
}

fn is_host_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_socket_address_gets_its_own_remedy() {
        for (text, remedy) in [
            ("10.0.0.1", "\"10.0.0.1:80\""),
            ("::1", "\"[::1]:80\""),
            ("[::1]", "\"[::1]:80\""),
            (":80", "\"0.0.0.0:80\""),
            ("*:80", "\"0.0.0.0:80\""),
            ("app.example.com:80", "names are not resolved"),
            ("10.0.0.1:0", "1 to 65535"),
            ("10.0.0.1:99999", "such as \"10.77.0.100:80\""),
            ("", "such as \"10.77.0.100:80\""),
        ] {
            let error = SocketAddr::read(text).unwrap_err();
            assert!(error.contains(remedy), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_vip_may_come_with_or_without_prefix() {
        assert_eq!(VipAddress::read("10.0.0.1").unwrap().prefix, None);
        assert_eq!(VipAddress::read("10.0.0.1/32").unwrap().prefix, Some(32));
        assert!(VipAddress::read("10.0.0.1/33").is_err());
    }
}
