//! What messages between Halo nodes say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{DecodeError, MAX_BODY};
use crate::vrrp::{Priority, Vrid};
use crate::{BufferTooSmall, room};

/// Virtual routers that a hello can tell of.
pub const MOST_ROUTERS: usize = (MAX_BODY - Hello::FIXED - Hello::NODE_LEN) / RouterPresence::LEN;

/// What a node is to a virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It cannot hold the addresses.
    Unable,
    /// It would.
    Backup,
    /// It does.
    Active,
}

impl Role {
    const fn code(self) -> u8 {
        match self {
            Self::Unable => 0,
            Self::Backup => 1,
            Self::Active => 2,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Unable),
            1 => Some(Self::Backup),
            2 => Some(Self::Active),
            _ => None,
        }
    }
}

/// How a node stands to one virtual router, as its hello says.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     VRID      |6|    Role     |   Priority    |      0        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Lease, microseconds                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterPresence {
    /// The virtual router.
    pub vrid: Vrid,
    /// Whether it is of IPv6: the two families have VRIDs of their own (RFC 9568 section 5.2.3).
    pub ipv6: bool,
    /// What the node is to it.
    pub role: Role,
    /// The priority with which it takes part.
    pub priority: Priority,
    /// How long after an advert the node's kernel goes on answering for the addresses, should the agent
    /// fall silent; `None`: nobody can say.
    pub lease: Option<Duration>,
}

impl RouterPresence {
    const LEN: usize = 8;
    const IPV6: u8 = 0x80;

    fn write(&self, to: &mut [u8]) {
        let family = if self.ipv6 { Self::IPV6 } else { 0 };
        to[0] = self.vrid.get();
        to[1] = family | self.role.code();
        to[2] = self.priority.get();
        to[3] = 0;
        let micros = self.lease.map_or(0, |lease| {
            u32::try_from(lease.as_micros()).unwrap_or(u32::MAX)
        });
        to[4..8].copy_from_slice(&micros.to_be_bytes());
    }

    fn read(from: &[u8; Self::LEN]) -> Option<Self> {
        let [vrid, role, priority, _, lease @ ..] = *from;
        let micros = u32::from_be_bytes(lease);
        Some(Self {
            vrid: Vrid::new(vrid)?,
            ipv6: role & Self::IPV6 != 0,
            role: Role::from_code(role & !Self::IPV6)?,
            priority: Priority(priority),
            lease: (micros != 0).then(|| Duration::from_micros(micros.into())),
        })
    }
}

/// A node's presence: how it stands to each of its virtual routers. Behind the flags there is one
/// [`RouterPresence`] after the other, and then who it is.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             0         |N|B|A|R|   Count       |      0        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Virtual routers ...                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |              The node's IPv4 address, with N                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// R: its data plane serves.
    pub ready: bool,
    /// A: it asks for a hello in return, at once.
    pub answer: bool,
    /// B: it says goodbye; the node stops.
    pub goodbye: bool,
    /// Its virtual routers; those beyond [`MOST_ROUTERS`] are left out.
    pub routers: Vec<RouterPresence>,
    /// Its address in the configuration, for those who hear it from another one: link-local addresses
    /// follow from network cards.
    pub node: Option<Ipv4Addr>,
}

impl Hello {
    const FIXED: usize = 4;
    const NODE_LEN: usize = 4;
    const READY: u8 = 1;
    const ANSWER: u8 = 2;
    const GOODBYE: u8 = 4;
    const NODE: u8 = 8;

    /// Writes it at the start of `buf`; returns its length.
    ///
    /// # Errors
    /// When it does not fit the buffer.
    pub fn encode(&self, buf: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let routers = &self.routers[..self.routers.len().min(MOST_ROUTERS)];
        let named = Self::FIXED + routers.len() * RouterPresence::LEN;
        let body = room(buf, named + self.node.map_or(0, |_| Self::NODE_LEN))?;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        body[0] = 0;
        body[1] = flag(self.ready, Self::READY)
            | flag(self.answer, Self::ANSWER)
            | flag(self.goodbye, Self::GOODBYE)
            | flag(self.node.is_some(), Self::NODE);
        body[2] = u8::try_from(routers.len()).unwrap_or(u8::MAX);
        body[3] = 0;
        if let Some(node) = self.node {
            body[named..].copy_from_slice(&node.octets());
        }
        let places = body[Self::FIXED..named].chunks_exact_mut(RouterPresence::LEN);
        for (router, place) in routers.iter().zip(places) {
            router.write(place);
        }
        Ok(body.len())
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is cut short, or says what cannot be.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (fixed, rest) = body
            .split_first_chunk::<{ Self::FIXED }>()
            .ok_or(DecodeError::Body)?;
        let [_, flags, count, _] = *fixed;
        let places = rest.as_chunks::<{ RouterPresence::LEN }>().0;
        let routers = places
            .get(..usize::from(count))
            .ok_or(DecodeError::Body)?
            .iter()
            .map(RouterPresence::read)
            .collect::<Option<Vec<_>>>()
            .ok_or(DecodeError::Body)?;
        let node = if flags & Self::NODE == 0 {
            None
        } else {
            let octets = rest[routers.len() * RouterPresence::LEN..].first_chunk();
            Some(Ipv4Addr::from(*octets.ok_or(DecodeError::Body)?))
        };
        Ok(Self {
            ready: flags & Self::READY != 0,
            answer: flags & Self::ANSWER != 0,
            goodbye: flags & Self::GOODBYE != 0,
            routers,
            node,
        })
    }
}

/// "Are you there?", of one virtual router: eight bytes that the answer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Told apart by this from earlier probes.
    pub nonce: u64,
}

impl Probe {
    /// Bytes of the body.
    pub const LEN: usize = 8;

    /// The body.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.nonce.to_be_bytes()
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let nonce = body.first_chunk().ok_or(DecodeError::Body)?;
        Ok(Self {
            nonce: u64::from_be_bytes(*nonce),
        })
    }
}

/// The answer: the probe's eight bytes, then role, priority and two zero bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeReply {
    /// As the probe had it.
    pub nonce: u64,
    /// What the node is to the virtual router.
    pub role: Role,
    /// The priority with which it takes part.
    pub priority: Priority,
}

impl ProbeReply {
    /// Bytes of the body.
    pub const LEN: usize = 12;

    /// The body.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut body = [0; Self::LEN];
        body[..8].copy_from_slice(&self.nonce.to_be_bytes());
        body[8] = self.role.code();
        body[9] = self.priority.get();
        body
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is cut short, or says what cannot be.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let body: &[u8; Self::LEN] = body.first_chunk().ok_or(DecodeError::Body)?;
        let Probe { nonce } = Probe::decode(body)?;
        Ok(Self {
            nonce,
            role: Role::from_code(body[8]).ok_or(DecodeError::Body)?,
            priority: Priority(body[9]),
        })
    }
}

/// An Active gives its addresses up in favour of a successor: 16 bytes of its address (IPv4 mapped as
/// RFC 4291 section 2.5.5.2 has it), a flag and three zero bytes. An advert of priority 0 follows, for
/// all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resign {
    /// Who is to take over at once, by the address of its adverts.
    pub successor: IpAddr,
    /// Whether the successor is to keep the addresses although others outrank it: an operator moved
    /// them.
    pub hold: bool,
}

impl Resign {
    /// Bytes of the body.
    pub const LEN: usize = 20;

    /// The body.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mapped = match self.successor {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut body = [0; Self::LEN];
        body[..16].copy_from_slice(&mapped.octets());
        body[16] = u8::from(self.hold);
        body
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let body: &[u8; Self::LEN] = body.first_chunk().ok_or(DecodeError::Body)?;
        let octets: [u8; 16] = *body.first_chunk().ok_or(DecodeError::Body)?;
        Ok(Self {
            successor: Ipv6Addr::from(octets).to_canonical(),
            hold: body[16] != 0,
        })
    }
}
