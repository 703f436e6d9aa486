use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

use super::*;

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn plain(data: &[u8]) -> Outgoing<'_> {
    Outgoing {
        data,
        to: None,
        from: None,
        segment: None,
    }
}

/// Receives until there are that many datagrams.
fn receive(receiver: &mut Receiver, socket: &UdpSocket) -> usize {
    loop {
        match receiver.receive(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            outcome => return outcome.unwrap(),
        }
    }
}

#[test]
fn a_batch_arrives_in_order_with_its_senders_and_destination() {
    for (any, local) in [
        ("0.0.0.0:0", IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7))),
        ("[::]:0", Ipv6Addr::LOCALHOST.into()),
    ] {
        let server = socket(any);
        tell_destination(&server, local.is_ipv6()).unwrap();
        let port = server.local_addr().unwrap().port();
        let client = socket(if local.is_ipv6() {
            "[::1]:0"
        } else {
            "127.0.0.1:0"
        });
        client.connect((local, port)).unwrap();
        let texts: Vec<Vec<u8>> = (0..BATCH + 3).map(|i| vec![i as u8; i]).collect();
        let messages: Vec<_> = texts.iter().map(|text| plain(text)).collect();
        let mut sender = Sender::new();
        assert_eq!(sender.send(&client, &messages).unwrap(), BATCH);
        assert_eq!(sender.send(&client, &messages[BATCH..]).unwrap(), 3);
        let mut receiver = Receiver::new();
        let mut got = Vec::new();
        while got.len() < texts.len() {
            receive(&mut receiver, &server);
            for datagram in receiver.datagrams() {
                assert_eq!(datagram.from, client.local_addr().unwrap());
                assert_eq!(datagram.to, Some(local));
                got.push(datagram.data.to_vec());
            }
        }
        assert_eq!(got, texts);
        // The answer comes from the address that was asked, though the socket has every one.
        let answer = Outgoing {
            to: Some(client.local_addr().unwrap()),
            from: Some(local),
            ..plain(b"answer")
        };
        assert_eq!(sender.send(&server, &[answer]).unwrap(), 1);
        receive(&mut receiver, &client);
        let datagram = receiver.get(0).unwrap();
        assert_eq!((datagram.data, datagram.from.ip()), (&b"answer"[..], local));
    }
}

#[test]
fn a_train_of_datagrams_comes_apart_where_it_should() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    client.connect(server.local_addr().unwrap()).unwrap();
    let data: Vec<u8> = (0..2500_u32).map(|i| i as u8).collect();
    let train = Outgoing {
        segment: Some(1000),
        ..plain(&data)
    };
    assert_eq!(Sender::new().send(&client, &[train]).unwrap(), 1);
    let mut receiver = Receiver::new();
    let mut got = Vec::new();
    while got.len() < 3 {
        receive(&mut receiver, &server);
        got.extend(receiver.datagrams().map(|d| d.data.to_vec()));
    }
    let parts: Vec<_> = data.chunks(1000).map(<[u8]>::to_vec).collect();
    assert_eq!(got, parts);
}

#[test]
fn a_train_may_be_taken_whole() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    take_trains(&server).unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    let data = vec![7; 2500];
    let train = Outgoing {
        segment: Some(1000),
        ..plain(&data)
    };
    Sender::new().send(&client, &[train]).unwrap();
    let mut receiver = Receiver::new();
    assert_eq!(receive(&mut receiver, &server), 1);
    let datagram = receiver.get(0).unwrap();
    assert_eq!((datagram.data.len(), datagram.segment), (2500, Some(1000)));
}

#[test]
fn a_peer_that_does_not_listen_is_told_as_refusal() {
    let client = socket("127.0.0.1:0");
    let gone = socket("127.0.0.1:0").local_addr().unwrap();
    client.connect(gone).unwrap();
    let mut sender = Sender::new();
    assert_eq!(sender.send(&client, &[plain(b"x")]).unwrap(), 1);
    let mut receiver = Receiver::new();
    let refused = loop {
        match receiver.receive(&client) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            outcome => break outcome.unwrap_err(),
        }
    };
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}
