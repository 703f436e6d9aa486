//! What holds of two nodes that sign what they say, whatever becomes of it on its way: a fuzz target
//! (`.ci/fuzz`), whose bytes are what happens, and which runs over the corpus and its small changes with
//! the crate's own tests.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use halo_auth::{Authenticator, Envelope, Keyring, Rejection};
use halo_packet::peer::trailer::LEN;

const NODES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11)),
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, 12)),
];
const SECRET: &str = "a secret of more than thirty-two characters";
const SAID: usize = 4;

/// A message that was sent, and by whom.
struct Sent {
    from: usize,
    bytes: [u8; SAID + LEN],
}

/// Two nodes, and someone on the wire who keeps everything.
struct Wire {
    nodes: [Authenticator; 2],
    starts: u8,
    record: Vec<Sent>,
    /// Which of the record each node has taken since it started.
    taken: [BTreeSet<usize>; 2],
}

/// Nobody takes a message twice, nor one that was changed, sent to another, or never signed; and however long
/// that went on, two messages that get through each way make the nodes believe each other again.
///
/// The two lowest bits of a byte say what happens, the next one to which node, the others to which message
/// or byte.
pub fn exchange(data: &[u8]) {
    let mut wire = Wire::new();
    for (at, byte) in data.iter().enumerate() {
        let (node, choice) = (usize::from(byte >> 2 & 1), usize::from(byte >> 3));
        match byte & 3 {
            0 => wire.say(node, choice & 1 == 1),
            1 => wire.deliver(choice),
            2 => wire.forge(choice, &data[at..]),
            _ => wire.restart(node),
        }
    }
    wire.never_signed(data);
    // Refused or not: the nodes get to know each other anew.
    for _ in 0..2 {
        wire.get_through(0).ok();
        wire.get_through(1).ok();
    }
    assert_eq!(wire.get_through(0), Ok(()));
    assert_eq!(wire.get_through(1), Ok(()));
}

fn started(number: u8) -> Authenticator {
    let keyring = Keyring::from_text(SECRET).expect("it is long enough");
    Authenticator::new(keyring, [number; 32])
}

impl Wire {
    fn new() -> Self {
        Self {
            nodes: [started(0), started(1)],
            starts: 2,
            record: Vec::new(),
            taken: [BTreeSet::new(), BTreeSet::new()],
        }
    }

    fn restart(&mut self, node: usize) {
        // A seed is never drawn twice.
        let Some(next) = self.starts.checked_add(1) else {
            return;
        };
        self.nodes[node] = started(self.starts);
        self.starts = next;
        self.taken[node].clear();
    }

    fn say(&mut self, from: usize, farewell: bool) {
        let mut bytes = [0; SAID + LEN];
        bytes[..SAID].copy_from_slice(b"ping");
        let envelope = Envelope {
            source: NODES[from],
            destination: NODES[1 - from],
            epoch: 3,
            farewell,
        };
        let sealed = self.nodes[from].seal(envelope, &mut bytes, SAID);
        assert_eq!(sealed, Ok(bytes.len()));
        self.record.push(Sent { from, bytes });
    }

    /// The message that a choice means, counted from the last.
    fn chosen(&self, choice: usize) -> Option<usize> {
        let back = choice.checked_rem(self.record.len())?;
        Some(self.record.len() - 1 - back)
    }

    /// One of the record arrives, at its receiver, for the first time or again.
    fn deliver(&mut self, choice: usize) {
        if let Some(which) = self.chosen(choice) {
            // Taken or refused: what is taken is checked there.
            self.open(which).ok();
        }
    }

    fn open(&mut self, which: usize) -> Result<(), Rejection> {
        let Sent { from, bytes } = &self.record[which];
        let (said, trailer) = bytes.split_at(SAID);
        let to = 1 - from;
        let opened = self.nodes[to].open(NODES[*from], NODES[to], said, trailer)?;
        assert_eq!(opened.epoch, 3);
        assert!(
            self.taken[to].insert(which),
            "message {which} is taken twice"
        );
        Ok(())
    }

    /// One of the record is changed by a bit, cut short, or sent back to its sender.
    fn forge(&mut self, choice: usize, how: &[u8]) {
        let Some(which) = self.chosen(choice) else {
            return;
        };
        let Sent { from, mut bytes } = self.record[which];
        let at = how.get(1).map_or(0, |byte| usize::from(*byte));
        let bit = 1 << (how.len() % 8);
        let to = 1 - from;
        if at < bytes.len() {
            bytes[at] ^= bit;
        }
        let (said, trailer) = bytes.split_at(SAID);
        let forged = if at < bytes.len() {
            self.nodes[to].open(NODES[from], NODES[to], said, trailer)
        } else if at.is_multiple_of(2) {
            self.nodes[to].open(NODES[from], NODES[to], said, &trailer[..at % LEN])
        } else {
            self.nodes[from].open(NODES[to], NODES[from], said, trailer)
        };
        assert!(forged.is_err(), "a forgery is taken");
    }

    /// Any bytes, as a message and a trailer.
    fn never_signed(&mut self, data: &[u8]) {
        let (said, trailer) = data.split_at(data.len().saturating_sub(LEN));
        let opened = self.nodes[0].open(NODES[1], NODES[0], said, trailer);
        assert!(opened.is_err(), "what nobody signed is taken");
    }

    /// A new message arrives at once, and unchanged.
    fn get_through(&mut self, from: usize) -> Result<(), Rejection> {
        self.say(from, false);
        self.open(self.record.len() - 1)
    }
}
