//! What is sent again and again, made once: when the configuration or the state changes, and not when it
//! is to be sent.

use std::net::IpAddr;

use halo_packet::MacAddr;
use halo_packet::arp::{self, Arp, Operation};
use halo_packet::ndp::{self, Ndp};
use halo_packet::vrrp::{
    Centiseconds, ChecksumMode, EncodeError, MAX_LEN, Outgoing, Priority, Version, Vrid,
};

/// What an advertisement says, and whom to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occasion {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) priority: Priority,
    pub(crate) interval: Centiseconds,
}

/// The frames and messages of a VIP.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The last advertisement to each destination, without a signature.
    adverts: Vec<(Occasion, Vec<u8>)>,
    /// Where the VIP is: gratuitous ARP, unsolicited neighbour advertisements.
    announcements: Vec<Vec<u8>>,
}

/// What of an advertisement is the same on every occasion.
pub(crate) struct Sameness<'a> {
    pub(crate) version: Version,
    pub(crate) vrid: Vrid,
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) checksum: ChecksumMode,
}

impl Frames {
    /// The configuration is another: nothing of before is said any more.
    pub(crate) fn forget_adverts(&mut self) {
        self.adverts.clear();
    }

    /// Writes the advertisement for an occasion at the start of `buffer`; its length.
    pub(crate) fn advert(
        &mut self,
        occasion: Occasion,
        same: &Sameness<'_>,
        buffer: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let before = self
            .adverts
            .iter_mut()
            .find(|(before, _)| before.destination == occasion.destination);
        if let Some((said, bytes)) = &before
            && *said == occasion
            && let Some(room) = buffer.get_mut(..bytes.len())
        {
            room.copy_from_slice(bytes);
            return Ok(bytes.len());
        }
        let mut message = [0; MAX_LEN];
        let length = Outgoing {
            version: same.version,
            vrid: same.vrid,
            priority: occasion.priority,
            interval: occasion.interval,
            addresses: same.addresses,
        }
        .encode(
            occasion.source,
            occasion.destination,
            same.checksum,
            &mut message,
        )?;
        let bytes = &message[..length];
        let (need, have) = (length, buffer.len());
        buffer
            .get_mut(..length)
            .ok_or(halo_packet::BufferTooSmall { need, have })?
            .copy_from_slice(bytes);
        match before {
            Some(kept) => *kept = (occasion, bytes.to_vec()),
            None => self.adverts.push((occasion, bytes.to_vec())),
        }
        Ok(length)
    }

    /// The VIP is announced as being at `mac` from now on; `None`: nowhere.
    pub(crate) fn set_announcements(&mut self, ips: &[IpAddr], mac: Option<MacAddr>) {
        self.announcements.clear();
        if let Some(mac) = mac {
            let frames = ips.iter().flat_map(|ip| announcements(*ip, mac));
            self.announcements.extend(frames);
        }
    }

    pub(crate) fn announcements(&self) -> &[Vec<u8>] {
        &self.announcements
    }
}

/// IPv4: one gratuitous ARP request and one reply; some switches and hosts learn from the one only,
/// some from the other. IPv6: one unsolicited neighbour advertisement.
fn announcements(ip: IpAddr, mac: MacAddr) -> Vec<Vec<u8>> {
    match ip {
        IpAddr::V4(ip) => [Operation::Request, Operation::Reply]
            .into_iter()
            .filter_map(|operation| {
                let mut frame = vec![0; arp::FRAME_LEN];
                let arp = Arp::gratuitous(operation, mac, ip);
                arp.encode(&mut frame).is_ok().then_some(frame)
            })
            .collect(),
        IpAddr::V6(ip) => {
            let mut frame = vec![0; ndp::FRAME_LEN];
            let encoded = Ndp::unsolicited(mac, ip).encode(&mut frame);
            encoded.is_ok().then_some(frame).into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advert_is_made_anew_when_what_it_says_or_whom_to_changes() {
        let ips = ["192.0.2.1".parse().unwrap()];
        let same = Sameness {
            version: Version::V3,
            vrid: Vrid::new(51).unwrap(),
            addresses: &ips,
            checksum: ChecksumMode::PseudoHeader,
        };
        let occasion = |last: u8, priority| Occasion {
            source: IpAddr::from([10, 0, 0, 1]),
            destination: IpAddr::from([10, 0, 0, last]),
            priority: Priority(priority),
            interval: Centiseconds::SECOND,
        };
        let mut kept = Frames::default();
        for (last, priority) in [(2, 100), (3, 100), (2, 100), (2, 0), (3, 100), (2, 100)] {
            let occasion = occasion(last, priority);
            let (mut buffer, mut anew) = ([0; MAX_LEN], [0; MAX_LEN]);
            let length = kept.advert(occasion, &same, &mut buffer).unwrap();
            let expected = Frames::default()
                .advert(occasion, &same, &mut anew)
                .unwrap();
            assert_eq!(buffer[..length], anew[..expected]);
        }
        assert_eq!(kept.adverts.len(), 2);
    }
}
