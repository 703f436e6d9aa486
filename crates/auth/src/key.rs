//! From the cluster's secret to keys.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use halo_packet::peer::trailer::{SIGNED_LEN, TAG_LEN};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Shortest secret, in bytes: 128 random bits in hexadecimal, the most wasteful of the usual ways to
/// write them.
pub const MIN_SECRET: usize = 32;

/// Says what the keys are for: other uses of the secret derive others.
const SALT: &[u8] = b"halo cluster secret";
const MAC_KEY: &[u8] = b"heartbeat mac 1";
const KEY_ID: &[u8] = b"heartbeat key id 1";

/// Why a text holds no secret. None of these says what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing but white space.
    #[error("it is empty; write a secret with: openssl rand -base64 32")]
    Empty,
    /// Easy to guess.
    #[error(
        "the secret on line {line} has {length} characters, at least {MIN_SECRET} are wanted; make one with: openssl rand -base64 32"
    )]
    Short {
        /// The line, from 1.
        line: usize,
        /// Its length in bytes.
        length: usize,
    },
    /// More lines than a rotation needs.
    #[error(
        "it has {0} lines, and two are the most: the secret to sign with, and another that is accepted too"
    )]
    Lines(usize),
}

/// The keys of a cluster: one to sign with, and perhaps another that is accepted while the secret is
/// being replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring {
    signing: Key,
    other: Option<Key>,
}

impl Keyring {
    /// Derives the keys from the text of a secret file: a secret on the first line, perhaps another on
    /// the second. Empty lines and white space around a secret do not count.
    ///
    /// # Errors
    /// When there is no secret, or one that is too short.
    pub fn from_text(text: &str) -> Result<Self, SecretError> {
        let secrets: Vec<(usize, &str)> = text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, secret)| !secret.is_empty())
            .collect();
        for (line, secret) in &secrets {
            let (line, length) = (*line, secret.len());
            if length < MIN_SECRET {
                return Err(SecretError::Short { line, length });
            }
        }
        match *secrets {
            [] => Err(SecretError::Empty),
            [(_, secret)] => Ok(Self {
                signing: Key::derive(secret),
                other: None,
            }),
            [(_, secret), (_, other)] => Ok(Self {
                signing: Key::derive(secret),
                other: Some(Key::derive(other)),
            }),
            _ => Err(SecretError::Lines(secrets.len())),
        }
    }

    /// Whether a secret is being replaced.
    #[must_use]
    pub fn accepts_two(&self) -> bool {
        self.other.is_some()
    }

    pub(crate) fn signing(&self) -> &Key {
        &self.signing
    }

    pub(crate) fn find(&self, id: u64) -> Option<&Key> {
        [Some(&self.signing), self.other.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.id == id)
    }
}

impl fmt::Debug for Keyring {
    /// Identifiers only: a key must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = [Some(&self.signing), self.other.as_ref()];
        f.debug_list()
            .entries(ids.into_iter().flatten().map(|key| key.id))
            .finish()
    }
}

/// A derived key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Tells keys apart without telling anything of the secret.
    pub(crate) id: u64,
    mac: [u8; 32],
}

impl Key {
    fn derive(secret: &str) -> Self {
        let secret = Hkdf::<Sha256>::new(Some(SALT), secret.as_bytes());
        let (mut id, mut mac) = ([0; 8], [0; 32]);
        for (use_of, output) in [(KEY_ID, &mut id[..]), (MAC_KEY, &mut mac[..])] {
            secret
                .expand(use_of, output)
                .expect("HKDF-SHA256 gives up to 8,160 bytes");
        }
        Self {
            id: u64::from_be_bytes(id),
            mac,
        }
    }

    /// The tag of a message from `source` to `destination`, and of the trailer behind it.
    pub(crate) fn tag(
        &self,
        ends: (IpAddr, IpAddr),
        message: &[u8],
        trailer: &[u8],
    ) -> [u8; TAG_LEN] {
        self.mac(ends, message, trailer)
            .finalize()
            .into_bytes()
            .into()
    }

    /// Whether a tag is right. The comparison takes the same time wherever they differ.
    pub(crate) fn is_right(
        &self,
        ends: (IpAddr, IpAddr),
        message: &[u8],
        trailer: &[u8; SIGNED_LEN],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        self.mac(ends, message, trailer).verify_slice(tag).is_ok()
    }

    fn mac(
        &self,
        (source, destination): (IpAddr, IpAddr),
        message: &[u8],
        trailer: &[u8],
    ) -> Hmac<Sha256> {
        // Addresses and trailer have fixed lengths: no two inputs run together to the same bytes.
        keyed(&self.mac)
            .chain_update(sixteen(source))
            .chain_update(sixteen(destination))
            .chain_update(message)
            .chain_update(trailer)
    }
}

/// Eight bytes that nobody who lacks the seed can foresee.
pub(crate) fn draw(seed: &[u8; 32], purpose: &[u8], address: Option<IpAddr>, count: u64) -> u64 {
    let octets = address.map_or([0; 16], sixteen);
    let bytes = keyed(seed)
        .chain_update(octets)
        .chain_update(count.to_be_bytes())
        .chain_update(purpose)
        .finalize()
        .into_bytes();
    let [a, b, c, d, e, f, g, h, ..] = <[u8; TAG_LEN]>::from(bytes);
    // 0 stands for "none".
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1)
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn sixteen(address: IpAddr) -> [u8; 16] {
    let mapped: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    mapped.octets()
}
