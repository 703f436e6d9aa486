//! Whether connections on a local address go on, as the kernel sees it (sock_diag(7)).

use std::net::IpAddr;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

use super::{NetlinkError, RECEIVE_BUFFER, receive};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
const FLAGS: u16 = netlink_packet_core::NLM_F_REQUEST | netlink_packet_core::NLM_F_DUMP;
const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;

/// States of TCP (`net/tcp_states.h`) in which there is still something to send or receive: established,
/// being opened (two kinds), FIN-WAIT-1, CLOSE-WAIT, LAST-ACK, CLOSING. In FIN-WAIT-2 and TIME-WAIT the
/// other side has all that was sent.
const UNFINISHED: u32 = 1 << 1 | 1 << 3 | 1 << 12 | 1 << 4 | 1 << 8 | 1 << 9 | 1 << 11;

/// `INET_DIAG_REQ_BYTECODE`, and its instruction that compares the local address.
const FILTER: u16 = 1;
const SOURCE_CONDITION: u8 = 7;
/// Of a condition: any port.
const ANY_PORT: i32 = -1;

/// Whether a TCP connection whose local address is this one has not come to its end in the caller's
/// network namespace.
///
/// # Errors
/// When the kernel refuses, as one without `inet_diag` does.
pub fn has_connections(address: IpAddr) -> Result<bool, NetlinkError> {
    let families: &[i32] = match address {
        // Also of sockets that take both families.
        IpAddr::V4(_) => &[libc::AF_INET, libc::AF_INET6],
        IpAddr::V6(_) => &[libc::AF_INET6],
    };
    for family in families {
        if ask(&request(*family as u8, address), address)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks at the first piece of the answer only: closing the socket ends the rest.
fn ask(request: &[u8], address: IpAddr) -> Result<bool, NetlinkError> {
    let failed = |source| NetlinkError::Request {
        what: format!("list the connections of {address}"),
        source,
    };
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).map_err(NetlinkError::Open)?;
    socket.bind_auto().map_err(NetlinkError::Open)?;
    socket
        .connect(&SocketAddr::new(0, 0))
        .map_err(NetlinkError::Open)?;
    socket.send(request, 0).map_err(failed)?;
    let mut buffer = vec![0; RECEIVE_BUFFER];
    let length = receive(&socket, &mut buffer).map_err(failed)?;
    let answer = &buffer[..length];
    let kind = answer
        .get(4..6)
        .map_or(0, |b| u16::from_ne_bytes([b[0], b[1]]));
    match (
        kind,
        answer.get(HEADER..).and_then(|rest| rest.first_chunk()),
    ) {
        (NLMSG_ERROR, Some(code)) => {
            let code = i32::from_ne_bytes(*code).saturating_neg();
            Err(failed(std::io::Error::from_raw_os_error(code)))
        }
        (kind, _) => Ok(kind == BY_FAMILY),
    }
}

/// A `struct nlmsghdr`, a `struct inet_diag_req_v2`, and the filter.
fn request(family: u8, address: IpAddr) -> Vec<u8> {
    let mut body = vec![family, libc::IPPROTO_TCP as u8, 0, 0];
    body.extend(UNFINISHED.to_ne_bytes());
    body.extend([0; 48]); // struct inet_diag_sockid: any
    let filter = filter(address);
    let attribute = (filter.len() + 4) as u16;
    body.extend(attribute.to_ne_bytes());
    body.extend(FILTER.to_ne_bytes());
    body.extend(filter);
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(FLAGS.to_ne_bytes());
    message.extend([0; 8]); // sequence and port
    message.extend(body);
    message
}

/// One `struct inet_diag_bc_op` with its `struct inet_diag_hostcond`: a jump to the end accepts, one
/// beyond it refuses.
fn filter(address: IpAddr) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let length = 12 + octets.len();
    let mut filter = vec![SOURCE_CONDITION, length as u8];
    filter.extend((length as u16 + 4).to_ne_bytes());
    filter.extend([family as u8, (octets.len() * 8) as u8, 0, 0]);
    filter.extend(ANY_PORT.to_ne_bytes());
    filter.extend(octets);
    filter
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    /// Alone on its address, so that other tests' connections do not count.
    #[test]
    fn a_connection_counts_until_everything_was_sent() {
        for address in ["127.7.0.1", "::1"] {
            let Ok(listener) = TcpListener::bind((address, 0)) else {
                continue; // no IPv6 here
            };
            let address = listener.local_addr().unwrap();
            if address.is_ipv4() {
                assert!(!has_connections(address.ip()).unwrap(), "a listener only");
            }
            let client = TcpStream::connect(address).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            assert!(has_connections(address.ip()).unwrap(), "{address}");
            server.write_all(&[7; 64 * 1024]).unwrap();
            drop(server);
            drop(listener);
            assert!(has_connections(address.ip()).unwrap(), "{address}: unread");
            drop(client);
            if address.is_ipv4() {
                let patience = Instant::now() + Duration::from_secs(10);
                while has_connections(address.ip()).unwrap() {
                    assert!(Instant::now() < patience, "{address}: closed");
                    std::thread::yield_now();
                }
            }
        }
    }
}
