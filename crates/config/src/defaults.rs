//! Every default of the configuration, each with its reason.

mod tables;

use std::path::PathBuf;
use std::time::Duration;

use crate::model::AccessLog;
use crate::raw::{
    AbsolutePath, AcceptChecksum, Balance, Checksum, Level, Name, PathPrefix, Peers, Priority,
    Protocol, Role, Signatures, Size, Statuses, Target, Text, TrackCheck, Transport, UdpMode,
};

/// "halo": only shown; whoever runs one cluster needs no name for it.
pub(crate) fn cluster_name() -> Text<Name> {
    Text(Name("halo".into()))
}

/// False: two nodes have no majority to ask, and most clusters would rather have two owners for a moment
/// than none.
pub(crate) fn quorum() -> bool {
    false
}

/// Required: what a secret is for.
pub(crate) fn signatures() -> Signatures {
    Signatures::Required
}

/// Member: what machines are bought for.
pub(crate) fn role() -> Role {
    Role::Member
}

/// 100: VRRP's own default (RFC 9568 section 5.2.4), with room above and below.
pub(crate) fn priority() -> Priority {
    Priority(100)
}

/// 100 ms: a failed node is replaced in under 400 ms, and ten small packets a second are no load.
/// Much less would take a busy or paused machine for a dead one.
pub(crate) fn advert_interval() -> Text<Duration> {
    Text(Duration::from_millis(100))
}

/// True: VRRP's own default (RFC 9568 section 6.1); the operator's order of nodes is restored.
pub(crate) fn preempt() -> bool {
    true
}

/// None: a node takes part only when its data plane is ready, so there is nothing to wait for.
pub(crate) fn preempt_delay() -> Text<Duration> {
    Text(Duration::ZERO)
}

/// 3: what every current implementation speaks, with intervals below a second.
pub(crate) fn vrrp_version() -> u8 {
    3
}

/// With pseudo-header: so keepalived and FRR send it, and accept nothing else.
pub(crate) fn checksum() -> Checksum {
    Checksum::PseudoHeader
}

/// True: listeners are bound to the addresses. RFC 9568 has false, for gateways that answer nobody; by
/// default a load balancer is none.
pub(crate) fn accept() -> bool {
    true
}

/// Both: which one it was shows what the sender is, not whether the packet is intact.
pub(crate) fn accept_checksum() -> AcceptChecksum {
    AcceptChecksum::Both
}

/// Unicast: works on every network, clouds included, and disturbs no other cluster. IPv6 without
/// addresses to send it to: multicast, which needs none, and is RFC 9568's own way. From a virtual
/// MAC address nothing else can be sent.
pub(crate) fn transport(ipv6: bool, all_have_address6: bool, virtual_mac: bool) -> Transport {
    if virtual_mac || (ipv6 && !all_have_address6) {
        Transport::Multicast
    } else {
        Transport::Unicast
    }
}

/// "/": always there, and it keeps no file system busy.
pub(crate) fn track_directory() -> Text<AbsolutePath> {
    Text(AbsolutePath(PathBuf::from("/")))
}

/// 1: a node that reaches any server can serve.
pub(crate) fn track_min_up() -> usize {
    1
}

/// 1 s: often enough for what is not announced at once, and no load.
pub(crate) fn track_interval() -> Text<Duration> {
    Text(Duration::from_secs(1))
}

/// 1 s: as long as the usual interval, so that one check ends before the next begins.
pub(crate) const TRACK_TIMEOUT: Duration = Duration::from_secs(1);

/// 2: what has just come back is not trusted at once, so that a VIP does not come and go with it.
pub(crate) fn track_rise() -> u32 {
    2
}

/// What the kernel or the health checks say is certain; a lost packet or a slow script is no failure.
pub(crate) fn track_fall(check: Option<TrackCheck>) -> u32 {
    match check {
        Some(TrackCheck::Gateway) => 3,
        Some(TrackCheck::Script) => 2,
        Some(TrackCheck::Interface | TrackCheck::Route | TrackCheck::Pool) | None => 1,
    }
}

/// False: many clouds, and switches with port security, pass no frames from a MAC address that they did
/// not give out; gratuitous ARP does without.
pub(crate) fn virtual_mac() -> bool {
    false
}

/// Halo: what a cluster of one file is made of. Nobody else can make sense of this file.
pub(crate) fn peers() -> Peers {
    Peers::Halo
}

/// HTTP: what most listeners speak, and what routes need.
pub(crate) fn protocol() -> Protocol {
    Protocol::Http
}

/// 10,000: with a server connection for each, twice that many descriptors: well under the limit
/// that systemd and Docker set, and a bound on memory in a connection flood.
pub(crate) fn max_connections() -> usize {
    10_000
}

/// 16 KiB: HAProxy's default buffer; large cookies fit, floods do not.
pub(crate) fn max_header_bytes() -> Size {
    Size(16 * 1024)
}

/// 8 KiB: RFC 9112 section 3 asks for at least 8000 bytes.
pub(crate) fn max_request_line_bytes() -> Size {
    Size(8 * 1024)
}

/// 100: browsers send about 20, and each one costs work in every hop behind.
pub(crate) fn max_header_fields() -> usize {
    100
}

/// 16: two or three are in use, and each costs a comparison with every field.
pub(crate) fn max_connection_options() -> usize {
    16
}

/// 4 KiB: trailers carry a checksum or a status.
pub(crate) fn max_trailer_bytes() -> Size {
    Size(4 * 1024)
}

/// No limit: bodies are streamed, never held, so their size costs no memory here.
pub(crate) fn max_body_bytes() -> Size {
    Size(0)
}

/// 64 bytes a second: nobody who means to send a body is that slow, and at a byte a minute, as idle
/// time alone would have it, one client holds a server's thread for days.
pub(crate) fn min_body_rate() -> Size {
    Size(64)
}

/// 64 bytes a second, as for bodies: what is held for a client that does not read is memory.
pub(crate) fn min_read_rate() -> Size {
    Size(64)
}

/// False: what a client says about where it comes from must not be believed.
pub(crate) fn trust_forwarded() -> bool {
    false
}

/// 30 s: browsers open a connection ahead of the click that needs it; whoever opens thousands and
/// says nothing is not one.
pub(crate) fn first_byte_timeout() -> Text<Duration> {
    Text(Duration::from_secs(30))
}

/// Session: what suits a protocol that nothing is known of.
pub(crate) fn udp_mode() -> UdpMode {
    UdpMode::Session
}

/// False: it needs routes back through the node, and a privilege.
pub(crate) fn transparent() -> bool {
    false
}

/// 10 s: ample for a slow mobile link, and the limit on a client that dribbles its header.
pub(crate) fn header_timeout() -> Text<Duration> {
    Text(Duration::from_secs(10))
}

/// 60 s: nginx's default; a peer silent for longer is most likely gone.
pub(crate) fn idle_timeout() -> Text<Duration> {
    Text(Duration::from_secs(60))
}

/// 60 s: outlasts a reader's pause between two pages, and idle connections cost little.
pub(crate) fn keep_alive_timeout() -> Text<Duration> {
    Text(Duration::from_secs(60))
}

/// "/": the whole host.
pub(crate) fn path_prefix() -> Text<PathPrefix> {
    Text(PathPrefix("/".into()))
}

/// True: an upgrade happens only when client and server both ask for it.
pub(crate) fn websocket() -> bool {
    true
}

/// Round robin: fair for equal servers, and easy to foresee.
pub(crate) fn balance() -> Balance {
    Balance::RoundRobin
}

/// 2: two dead servers at once are survived unseen; more tries would only prolong an outage.
pub(crate) fn retries() -> u32 {
    2
}

/// 128 to each server: covers the usual concurrency, and stays under what app servers accept.
pub(crate) fn max_idle() -> usize {
    128
}

/// 1024 at each server: at a hundred requests a second that a server still answers, the last of them
/// waits for ten seconds, which nobody does.
pub(crate) fn max_queue() -> usize {
    1024
}

/// 5 s: bursts are over by then, and people who wait longer ask again, which makes it worse.
pub(crate) fn queue_timeout() -> Text<Duration> {
    Text(Duration::from_secs(5))
}

/// 64 KiB: four times what a request may have, as a response that is refused fails a request that may
/// have had effects, and servers are no strangers.
pub(crate) fn max_response_header_bytes() -> Size {
    Size(64 * 1024)
}

/// 256, for the same reason.
pub(crate) fn max_response_header_fields() -> usize {
    256
}

/// 16: enough for a 102 each few seconds, too few for a server that never ends.
pub(crate) fn max_interim_responses() -> usize {
    16
}

/// 1 s: a server of the same data centre answers within a millisecond; after a second another
/// server is the better try.
pub(crate) fn connect_timeout() -> Text<Duration> {
    Text(Duration::from_secs(1))
}

/// 30 s: longer than slow pages take, shorter than people and other proxies wait.
pub(crate) fn response_timeout() -> Text<Duration> {
    Text(Duration::from_secs(30))
}

/// 30 s: shorter than the keep-alive time of common app servers (Apache's 5 s apart), so that
/// Halo is mostly the one who closes and seldom writes to a connection just closed.
pub(crate) fn pool_idle_timeout() -> Text<Duration> {
    Text(Duration::from_secs(30))
}

/// "/": every server has it.
pub(crate) fn health_path() -> Text<Target> {
    Text(Target("/".into()))
}

/// 200-399: success and redirects, as HAProxy takes them.
pub(crate) fn health_status() -> Text<Statuses> {
    Text(Statuses(vec![(200, 399)]))
}

/// 1 s: with three failures a dead server is out after about 3 s, for one request a second.
pub(crate) fn health_interval() -> Text<Duration> {
    Text(Duration::from_secs(1))
}

/// 1 s: a health page that takes longer is not healthy. Cut to the interval when that is shorter,
/// so that checks of one server never overlap.
pub(crate) const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// 2: one lucky answer of a starting server is not enough.
pub(crate) fn health_rise() -> u32 {
    2
}

/// 3: one lost packet or slow answer is no failure.
pub(crate) fn health_fall() -> u32 {
    3
}

/// 1: every server the same share.
pub(crate) fn weight() -> u32 {
    1
}

/// /run/halo: where the FHS puts sockets of system daemons.
pub(crate) fn socket_dir() -> Text<AbsolutePath> {
    Text(AbsolutePath(PathBuf::from("/run/halo")))
}

/// nobody: exists on every system and owns nothing.
pub(crate) fn user() -> String {
    "nobody".into()
}

/// True: a worker that wanders between cores finds cold caches.
pub(crate) fn pin() -> bool {
    true
}

/// 10 s: most requests end within it, and service managers kill after 10 s (Docker) or later.
pub(crate) fn drain_timeout() -> Text<Duration> {
    Text(Duration::from_secs(10))
}

/// info: state changes, which are few and are what one looks for after an incident.
pub(crate) fn log_level() -> Level {
    Level::Info
}

/// Off: a line a request costs CPU and disk, so it is asked for.
pub(crate) fn access_log() -> Text<AccessLog> {
    Text(AccessLog::Off)
}
