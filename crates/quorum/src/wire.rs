//! Messages as the bodies of authenticated envelopes between Halo nodes.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     kind      | fields of the kind, in network byte order ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!
//! 1 Poll       ticket                  ticket    incarnation (8), number (4)
//! 2 Stance     ticket epoch standing   epoch     8 bytes
//! 3 Request    ticket epoch priority   standing  0 free | 1 starting, time | 2 promised, time,
//!              time                              address | 3 stale | 4 too long
//! 4 Grant      ticket                  time      microseconds (4)
//! 5 Refusal    ticket epoch standing   address   0 none | 4, 4 bytes | 6, 16 bytes
//! 6 Release    incarnation (8) epoch   priority  1 byte
//!              held (1) address
//! 7 Challenge  priority
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::{Epoch, Message, Standing, Ticket};

/// Bytes of the longest message.
pub const MAX_LEN: usize = 1 + 12 + 8 + 1 + 4 + 17;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early.
    #[error("it ends too early")]
    Truncated,
    /// They go on after the message.
    #[error("{0} bytes follow its end")]
    Trailing(usize),
    /// The first byte is none of the kinds.
    #[error("{0} is no kind of message")]
    Kind(u8),
    /// A byte that says which of several follows has none of their values.
    #[error("{0} is no value of its {1}")]
    Value(u8, &'static str),
}

impl Message {
    /// Writes the message, and says how long it is.
    pub fn encode(&self, buffer: &mut [u8; MAX_LEN]) -> usize {
        let mut writer = Writer { buffer, len: 0 };
        match *self {
            Self::Poll { ticket } => {
                writer.byte(1);
                writer.ticket(ticket);
            }
            Self::Stance {
                ticket,
                epoch,
                standing,
            } => {
                writer.byte(2);
                writer.answer(ticket, epoch, standing);
            }
            Self::Request {
                ticket,
                epoch,
                priority,
                lease,
            } => {
                writer.byte(3);
                writer.ticket(ticket);
                writer.bytes(&epoch.0.to_be_bytes());
                writer.byte(priority);
                writer.time(lease);
            }
            Self::Grant { ticket } => {
                writer.byte(4);
                writer.ticket(ticket);
            }
            Self::Refusal {
                ticket,
                epoch,
                standing,
            } => {
                writer.byte(5);
                writer.answer(ticket, epoch, standing);
            }
            Self::Release {
                incarnation,
                epoch,
                held,
                successor,
            } => {
                writer.byte(6);
                writer.bytes(&incarnation.to_be_bytes());
                writer.bytes(&epoch.0.to_be_bytes());
                writer.byte(u8::from(held));
                writer.address(successor);
            }
            Self::Challenge { priority } => {
                writer.byte(7);
                writer.byte(priority);
            }
        }
        writer.len
    }

    /// Reads a message that fills `bytes`.
    ///
    /// # Errors
    /// When they are no message.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes };
        let message = match reader.byte()? {
            1 => Self::Poll {
                ticket: reader.ticket()?,
            },
            2 => Self::Stance {
                ticket: reader.ticket()?,
                epoch: reader.epoch()?,
                standing: reader.standing()?,
            },
            3 => Self::Request {
                ticket: reader.ticket()?,
                epoch: reader.epoch()?,
                priority: reader.byte()?,
                lease: reader.time()?,
            },
            4 => Self::Grant {
                ticket: reader.ticket()?,
            },
            5 => Self::Refusal {
                ticket: reader.ticket()?,
                epoch: reader.epoch()?,
                standing: reader.standing()?,
            },
            6 => Self::Release {
                incarnation: u64::from_be_bytes(reader.array()?),
                epoch: reader.epoch()?,
                held: match reader.byte()? {
                    0 => false,
                    1 => true,
                    other => return Err(DecodeError::Value(other, "held")),
                },
                successor: reader.address()?,
            },
            7 => Self::Challenge {
                priority: reader.byte()?,
            },
            kind => return Err(DecodeError::Kind(kind)),
        };
        match reader.bytes.len() {
            0 => Ok(message),
            rest => Err(DecodeError::Trailing(rest)),
        }
    }
}

struct Writer<'a> {
    buffer: &'a mut [u8; MAX_LEN],
    len: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        self.buffer[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    fn ticket(&mut self, ticket: Ticket) {
        self.bytes(&ticket.incarnation.to_be_bytes());
        self.bytes(&ticket.number.to_be_bytes());
    }

    /// Rounded up, so that nobody waits too short; as long as can be said if it is longer.
    fn time(&mut self, time: Duration) {
        let micros = time.as_nanos().div_ceil(1000);
        let micros = u32::try_from(micros).unwrap_or(u32::MAX);
        self.bytes(&micros.to_be_bytes());
    }

    fn address(&mut self, address: Option<IpAddr>) {
        match address {
            None => self.byte(0),
            Some(IpAddr::V4(address)) => {
                self.byte(4);
                self.bytes(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                self.byte(6);
                self.bytes(&address.octets());
            }
        }
    }

    fn answer(&mut self, ticket: Ticket, epoch: Epoch, standing: Standing) {
        self.ticket(ticket);
        self.bytes(&epoch.0.to_be_bytes());
        match standing {
            Standing::Free => self.byte(0),
            Standing::Starting { wait } => {
                self.byte(1);
                self.time(wait);
            }
            Standing::Promised { to, wait } => {
                self.byte(2);
                self.time(wait);
                self.address(Some(to));
            }
            Standing::Stale => self.byte(3),
            Standing::TooLong => self.byte(4),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn ticket(&mut self) -> Result<Ticket, DecodeError> {
        Ok(Ticket {
            incarnation: u64::from_be_bytes(self.array()?),
            number: u32::from_be_bytes(self.array()?),
        })
    }

    fn epoch(&mut self) -> Result<Epoch, DecodeError> {
        Ok(Epoch(u64::from_be_bytes(self.array()?)))
    }

    fn time(&mut self) -> Result<Duration, DecodeError> {
        let micros = u32::from_be_bytes(self.array()?);
        Ok(Duration::from_micros(micros.into()))
    }

    fn address(&mut self) -> Result<Option<IpAddr>, DecodeError> {
        match self.byte()? {
            0 => Ok(None),
            4 => Ok(Some(Ipv4Addr::from(self.array::<4>()?).into())),
            6 => Ok(Some(Ipv6Addr::from(self.array::<16>()?).into())),
            other => Err(DecodeError::Value(other, "address family")),
        }
    }

    fn standing(&mut self) -> Result<Standing, DecodeError> {
        match self.byte()? {
            0 => Ok(Standing::Free),
            1 => Ok(Standing::Starting { wait: self.time()? }),
            2 => {
                let wait = self.time()?;
                let to = self.address()?;
                let to = to.ok_or(DecodeError::Value(0, "address family"))?;
                Ok(Standing::Promised { to, wait })
            }
            3 => Ok(Standing::Stale),
            4 => Ok(Standing::TooLong),
            other => Err(DecodeError::Value(other, "standing")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from),
        ]
    }

    fn time() -> impl Strategy<Value = Duration> {
        any::<u32>().prop_map(|micros| Duration::from_micros(micros.into()))
    }

    fn standing() -> impl Strategy<Value = Standing> {
        prop_oneof![
            Just(Standing::Free),
            time().prop_map(|wait| Standing::Starting { wait }),
            (address(), time()).prop_map(|(to, wait)| Standing::Promised { to, wait }),
            Just(Standing::Stale),
            Just(Standing::TooLong),
        ]
    }

    fn ticket() -> impl Strategy<Value = Ticket> {
        (any::<u64>(), any::<u32>()).prop_map(|(incarnation, number)| Ticket {
            incarnation,
            number,
        })
    }

    fn message() -> impl Strategy<Value = Message> {
        let epoch = || any::<u64>().prop_map(Epoch);
        prop_oneof![
            ticket().prop_map(|ticket| Message::Poll { ticket }),
            (ticket(), epoch(), standing()).prop_map(|(ticket, epoch, standing)| {
                Message::Stance {
                    ticket,
                    epoch,
                    standing,
                }
            }),
            (ticket(), epoch(), any::<u8>(), time()).prop_map(
                |(ticket, epoch, priority, lease)| Message::Request {
                    ticket,
                    epoch,
                    priority,
                    lease,
                }
            ),
            ticket().prop_map(|ticket| Message::Grant { ticket }),
            (ticket(), epoch(), standing()).prop_map(|(ticket, epoch, standing)| {
                Message::Refusal {
                    ticket,
                    epoch,
                    standing,
                }
            }),
            (
                any::<u64>(),
                epoch(),
                any::<bool>(),
                proptest::option::of(address())
            )
                .prop_map(|(incarnation, epoch, held, successor)| Message::Release {
                    incarnation,
                    epoch,
                    held,
                    successor,
                }),
            any::<u8>().prop_map(|priority| Message::Challenge { priority }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_to_the_same(message in message()) {
            let mut buffer = [0; MAX_LEN];
            let len = message.encode(&mut buffer);
            prop_assert_eq!(Message::decode(&buffer[..len]), Ok(message));
            prop_assert_eq!(Message::decode(&buffer[..len - 1]), Err(DecodeError::Truncated));
        }

        #[test]
        fn any_bytes_are_refused_or_decode_to_what_encodes_to_them(
            bytes in proptest::collection::vec(any::<u8>(), 0..MAX_LEN)
        ) {
            if let Ok(message) = Message::decode(&bytes) {
                let mut buffer = [0; MAX_LEN];
                let len = message.encode(&mut buffer);
                prop_assert_eq!(&buffer[..len], &bytes[..]);
            }
        }
    }

    #[test]
    fn a_lease_is_rounded_up_to_what_can_be_said() {
        let message = Message::Request {
            ticket: Ticket {
                incarnation: 1,
                number: 2,
            },
            epoch: Epoch(3),
            priority: 100,
            lease: Duration::from_nanos(1_500),
        };
        let mut buffer = [0; MAX_LEN];
        let len = message.encode(&mut buffer);
        let Ok(Message::Request { lease, .. }) = Message::decode(&buffer[..len]) else {
            unreachable!("a request was encoded");
        };
        assert_eq!(lease, Duration::from_micros(2));
    }
}
