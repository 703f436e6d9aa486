//! Messages between Halo nodes, in and out.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use halo_api::EventKind;
use halo_auth::{Envelope, Opened, Rejection};
use halo_config::Peers as PeerKind;
use halo_netio::Platform;
use halo_netio::vrrp::Datagram;
use halo_packet::peer::body::{Hello, Role, RouterPresence};
use halo_packet::peer::{self, HEADER_LEN, Kind, MAX_BODY, Message, trailer};
use halo_vrrp::{State, Vrid};
use tracing::{debug, info, warn};

use super::Agent;
use crate::discards::Mismatch;
use crate::peers::HELLO_INTERVAL;

/// Where a message between nodes goes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    /// The interface.
    pub(super) wire: u32,
    /// This node's address there.
    pub(super) source: IpAddr,
    /// The other's.
    pub(super) destination: IpAddr,
}

impl Path {
    /// The way back.
    pub(super) fn back(datagram: &Datagram) -> Self {
        Self {
            wire: datagram.interface,
            source: datagram.destination,
            destination: datagram.source,
        }
    }
}

impl<P: Platform> Agent<P> {
    /// Takes a message of another node. What fails a check is counted and changes nothing.
    pub(super) fn handle_peer_message(&mut self, datagram: &Datagram, now: Instant) {
        let source = datagram.source;
        let received = match peer::decode(&datagram.payload, datagram.ttl) {
            Ok(received) => received,
            Err(error) => {
                self.peers.discards.count(error.reason());
                return debug!("discarded a message of {source}: {error}");
            }
        };
        if !self.is_node(source) && !self.may_introduce(datagram, &received.message) {
            self.peers.discards.count("unknown_sender");
            return debug!("discarded a message of {source}: it is no node of this cluster");
        }
        if let Err(rejection) = self.prove(datagram, received.signed, received.trailer, now) {
            self.peers.discards.count(rejection.reason());
            return self.handle_unproven(datagram, rejection, now);
        }
        let message = received.message;
        let understood = match message.kind {
            Kind::HELLO => self.handle_hello(datagram, message.body, now),
            Kind::PROBE => self.handle_probe(datagram, &message),
            Kind::PROBE_REPLY => self.handle_probe_reply(datagram, &message, now),
            Kind::RESIGN => self.handle_resign(datagram, &message, now),
            kind if kind.is_quorum() => self.handle_quorum(datagram, &message, now),
            // Another version's.
            _ => Err(peer::DecodeError::Type),
        };
        if let Err(error) = understood {
            self.peers.discards.count(error.reason());
            debug!("discarded a message of {source}: {error}");
        }
    }

    /// What a trailer proves. Without a secret everything is taken as it is.
    pub(super) fn prove(
        &mut self,
        datagram: &Datagram,
        signed: &[u8],
        trailer: &[u8],
        now: Instant,
    ) -> Result<Option<Opened>, Rejection> {
        let Some(authenticator) = &mut self.peers.authenticator else {
            return Ok(None);
        };
        let opened = authenticator.open(datagram.source, datagram.destination, signed, trailer);
        match opened {
            Err(lenient @ (Rejection::Unsigned | Rejection::Unproven))
                if self.loaded.config.signatures_optional =>
            {
                self.handle_unproven(datagram, lenient, now);
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Something that is not proven came. A sender that has just started, or to which this node is new,
    /// gets the means to prove itself; all else is told to people.
    pub(super) fn handle_unproven(
        &mut self,
        datagram: &Datagram,
        rejection: Rejection,
        now: Instant,
    ) {
        let source = datagram.source;
        match rejection {
            Rejection::Unproven => {
                if self.peers.may_answer(source, now)
                    && let Some(path) = self.path_to(source).or_else(|| self.way_back(datagram))
                {
                    self.send_hello(path, true);
                }
            }
            Rejection::Replayed | Rejection::Stranger => {
                debug!("discarded a message of {source}: {rejection}");
            }
            Rejection::Unsigned
            | Rejection::Malformed
            | Rejection::UnknownKey
            | Rejection::Forged => self.alarm_signature(source, rejection, now),
        }
    }

    /// Tells people of messages that a node of the cluster would not send.
    fn alarm_signature(&mut self, source: IpAddr, rejection: Rejection, now: Instant) {
        let name = self.name_of(source);
        let remedy = match rejection {
            Rejection::Unsigned => {
                "give it the same secret_file, or mark the VIP with peers = \"vrrp\""
            }
            Rejection::UnknownKey => "compare the files that secret_file names",
            _ => "somebody in this network means ill, or a node runs another version",
        };
        let taken = self.loaded.config.signatures_optional && rejection == Rejection::Unsigned;
        let sentence = || {
            if taken {
                format!("the heartbeats of {name} are not signed yet, and taken for now")
            } else {
                format!("a heartbeat from {name} was discarded: {rejection}; {remedy}")
            }
        };
        let news = self
            .peers
            .discards
            .alarm(Mismatch::Signature, now, sentence)
            .map(str::to_owned);
        if let Some(news) = news {
            warn!("{news}");
            self.note(EventKind::Peer, &name, news);
        }
    }

    fn handle_hello(
        &mut self,
        datagram: &Datagram,
        body: &[u8],
        now: Instant,
    ) -> Result<(), peer::DecodeError> {
        let known = self.node_of(datagram.source);
        if let Some(node) = known
            && self.peers.take_repeated(node, body, now)
        {
            // As it said before, and nothing to do: what comes four times a second from each.
            self.heard.insert(node, now);
            return Ok(());
        }
        let hello = Hello::decode(body)?;
        if hello.answer
            && self.peers.may_answer(datagram.source, now)
            && let Some(path) = self.way_back(datagram)
        {
            self.send_hello(path, false);
        }
        let Some(node) = self.introduce(datagram, &hello).or(known) else {
            return Ok(());
        };
        self.heard.insert(node, now);
        let goodbye = hello.goodbye;
        if self.peers.take_hello(node, hello, body, now) {
            let name = self.name_of(node);
            let message = format!("{name} is there");
            info!("{message}");
            self.note(EventKind::Peer, &name, message);
        } else if goodbye {
            self.status_changed = true;
        }
        Ok(())
    }

    /// Says that this node is there, when that is due or has changed, and notices who is not.
    pub(super) fn handle_peer_timeouts(&mut self, now: Instant) {
        while let Some(node) = self.peers.take_lost(now) {
            let name = self.name_of(node);
            let message = format!("nothing was heard of {name} for 1 s");
            warn!("{message}");
            self.note(EventKind::Peer, &name, message);
        }
        if self.stopping {
            self.peers.hello_at = None; // it has said goodbye
            return;
        }
        let mut body = [0; MAX_BODY];
        let mut hello = std::mem::take(&mut self.peers.hello);
        self.describe(&mut hello, false);
        let encoded = hello.encode(&mut body);
        self.peers.hello = hello;
        let length = match encoded {
            Ok(length) => length,
            Err(problem) => return debug!("no hello: {problem}"),
        };
        let changed = self.peers.said != body[..length];
        if !changed && self.peers.hello_at.is_some_and(|at| now < at) {
            return;
        }
        self.peers.said.clear();
        self.peers.said.extend_from_slice(&body[..length]);
        self.peers.hello_at = Some(now + HELLO_INTERVAL);
        self.send_to_all(&body[..length]);
    }

    /// A hello to every other node.
    fn send_to_all(&mut self, hello: &[u8]) {
        for at in 0..self.paths.len() {
            self.send_peer_message(self.paths[at], None, Kind::HELLO, hello);
        }
    }

    /// The node stops: nobody is to count on it, or to wait for it.
    pub(super) fn say_goodbye(&mut self) {
        let mut body = [0; MAX_BODY];
        let goodbye = Hello {
            goodbye: true,
            ..self.hello(false)
        };
        if let Ok(length) = goodbye.encode(&mut body) {
            self.send_to_all(&body[..length]);
        }
    }

    fn send_hello(&mut self, path: Path, answer: bool) {
        let mut body = [0; MAX_BODY];
        if let Ok(length) = self.hello(answer).encode(&mut body) {
            self.send_peer_message(path, None, Kind::HELLO, &body[..length]);
        }
    }

    /// How this node is.
    fn hello(&self, answer: bool) -> Hello {
        let mut hello = Hello::default();
        self.describe(&mut hello, answer);
        hello
    }

    /// How this node is, in the room of a former hello.
    fn describe(&self, hello: &mut Hello, answer: bool) {
        let routers = (0..self.vips.len())
            .filter(|index| self.speaks_halo(*index))
            .map(|index| {
                let vip = &self.vips[index];
                RouterPresence {
                    vrid: vip.vrid,
                    ipv6: vip.config.is_ipv6(),
                    role: role(vip.router.state()),
                    priority: vip.router.effective_priority(),
                    lease: self.lease_in_force(index),
                }
            });
        hello.ready = self.data_plane_is_ready() && !self.stopping;
        hello.answer = answer;
        hello.goodbye = false;
        hello.node = match self.loaded.config.this_node().address.addr() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        hello.routers.clear();
        hello.routers.extend(routers);
    }

    /// Whether all members of a VIP are Halo's.
    pub(super) fn speaks_halo(&self, index: usize) -> bool {
        self.vips[index].config.peers == PeerKind::Halo
    }

    /// Finds the ways to every other node that shares a VIP with this one, or votes with it.
    pub(super) fn refresh_paths(&mut self) {
        let mut paths = self.voter_paths();
        let mut seen: BTreeSet<_> = paths
            .iter()
            .map(|path| (path.wire, path.destination))
            .collect();
        for index in (0..self.vips.len()).filter(|index| self.speaks_halo(*index)) {
            let vip = &self.vips[index];
            let (Some(wire), Some(source)) = (&vip.place.wire, vip.place.source) else {
                continue;
            };
            let path = |destination| Path {
                wire: wire.index,
                source,
                destination,
            };
            // Who they are is not known, or may change.
            let group = (vip.is_of_link_local()).then(|| vip.family().group());
            let peers = vip.peers.iter().copied().filter(|_| group.is_none());
            let new = peers
                .chain(group)
                .filter(|to| seen.insert((wire.index, *to)));
            paths.extend(new.map(path));
        }
        self.paths = paths;
    }

    /// The way to an address of another node.
    fn path_to(&self, destination: IpAddr) -> Option<Path> {
        let mut paths = self.paths.iter().copied();
        paths.find(|path| path.destination == destination)
    }

    /// Sends a message to another node, signed if the cluster has a secret.
    pub(super) fn send_peer_message(
        &mut self,
        path: Path,
        vrid: Option<Vrid>,
        kind: Kind,
        body: &[u8],
    ) {
        let mut buffer = [0; HEADER_LEN + MAX_BODY + trailer::LEN];
        let sent = Message { vrid, kind, body }
            .encode(&mut buffer)
            .and_then(|length| self.seal(path, 0, &mut buffer, length))
            .map_err(|problem| problem.to_string())
            .and_then(|length| {
                self.platform
                    .send_vrrp(path.wire, path.source, path.destination, &buffer[..length])
                    .map_err(|problem| problem.to_string())
            });
        if let Err(problem) = sent {
            debug!("cannot tell {}: {problem}", path.destination);
        }
    }

    /// Signs the message at the start of `buffer` if the cluster has a secret; the length then.
    pub(super) fn seal(
        &mut self,
        path: Path,
        epoch: u64,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<usize, halo_packet::BufferTooSmall> {
        let envelope = Envelope {
            source: path.source,
            destination: path.destination,
            epoch,
            farewell: false,
        };
        self.seal_as(envelope, buffer, length)
    }

    pub(super) fn seal_as(
        &mut self,
        envelope: Envelope,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<usize, halo_packet::BufferTooSmall> {
        match &mut self.peers.authenticator {
            Some(authenticator) => authenticator.seal(envelope, buffer, length),
            None => Ok(length),
        }
    }

    /// Whether an address is a node's, of either family.
    pub(super) fn is_node(&self, address: IpAddr) -> bool {
        self.node_of(address).is_some()
    }

    /// The other node that sends from this address, by its address in the configuration.
    pub(super) fn node_of(&self, address: IpAddr) -> Option<IpAddr> {
        let config = &self.loaded.config;
        let node = self.peers.node_at(&config.nodes, address)?;
        let address = node.address.addr();
        (address != config.this_node().address.addr()).then_some(address)
    }
}

pub(super) const fn role(state: State) -> Role {
    match state {
        State::Initialize => Role::Unable,
        State::Backup => Role::Backup,
        State::Active => Role::Active,
    }
}
