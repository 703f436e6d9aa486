//! Traffic control: BPF programs that see every packet of an interface.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAttribute, TcBpfFlags, TcFilterBpf, TcFilterBpfOption, TcHandle, TcMessage, TcOption,
};

use super::{Netlink, NetlinkError, interface};

/// Which packets of an interface a filter sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterPoint {
    /// Those that come in.
    Ingress,
    /// Those that go out.
    Egress,
}

/// Before the filters that leave the choice of a place to the kernel (49152 and below), after those
/// that asked for one of the first. The number that marks Halo's addresses, too.
const PREFERENCE: u32 = 0x48;
/// "HALO": tells our filter from another's of the same preference.
const HANDLE: u32 = 0x4841_4c4f;
/// Every EtherType (`ETH_P_ALL`).
const EVERY_PROTOCOL: u16 = 0x0003;
const CLSACT: &str = "clsact";

impl Netlink {
    /// Attaches a program to an interface, in place of the one that was attached so before. It stays
    /// when this process ends, until [`Self::filter_remove`] or the interface's end.
    ///
    /// # Errors
    /// When the kernel refuses; when the interface has an `ingress` queueing discipline, which
    /// excludes the `clsact` that this needs.
    pub fn filter_replace(
        &mut self,
        ifindex: u32,
        point: FilterPoint,
        program: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        self.clsact_add(ifindex)?;
        let mut message = filter(ifindex, point);
        message.attributes.push(TcAttribute::Options(vec![
            TcOption::Bpf(TcFilterBpfOption::ProgFd(
                program.as_raw_fd().cast_unsigned(),
            )),
            TcOption::Bpf(TcFilterBpfOption::ProgName("halo-lease".into())),
            TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
        ]));
        self.change(
            || format!("attach the lease's program to {}", interface(ifindex)),
            RouteNetlinkMessage::NewTrafficFilter(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// Detaches the program that [`Self::filter_replace`] attached; `false` when there is none.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn filter_remove(
        &mut self,
        ifindex: u32,
        point: FilterPoint,
    ) -> Result<bool, NetlinkError> {
        let removed = self.change(
            || format!("detach the lease's program from {}", interface(ifindex)),
            RouteNetlinkMessage::DelTrafficFilter(filter(ifindex, point)),
            0,
        );
        match removed {
            Ok(()) => Ok(true),
            // No such filter; no queueing discipline that could have one; no such interface; a kernel
            // without any of it.
            Err(error)
                if matches!(
                    error.errno(),
                    Some(libc::ENOENT | libc::EINVAL | libc::ENODEV | libc::EOPNOTSUPP)
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives an interface the queueing discipline that filters of both directions hang on; it queues
    /// nothing. One that is there is kept.
    fn clsact_add(&mut self, ifindex: u32) -> Result<(), NetlinkError> {
        let mut message = TcMessage::with_index(ifindex.cast_signed());
        message.header.parent = TcHandle::CLSACT;
        message.header.handle = TcHandle {
            major: u16::MAX,
            minor: 0,
        };
        message.attributes = vec![TcAttribute::Kind(CLSACT.into())];
        let added = self.change(
            || format!("add a clsact queueing discipline to {}", interface(ifindex)),
            RouteNetlinkMessage::NewQueueDiscipline(message),
            NLM_F_CREATE | NLM_F_EXCL,
        );
        match added {
            Err(error) if error.errno() == Some(libc::EEXIST) && self.has_clsact(ifindex)? => {
                Ok(())
            }
            other => other,
        }
    }

    fn has_clsact(&mut self, ifindex: u32) -> Result<bool, NetlinkError> {
        let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        let table = self.dump("list the queueing disciplines", &request)?;
        Ok(table.iter().any(|entry| {
            matches!(entry, RouteNetlinkMessage::NewQueueDiscipline(found)
                if found.header.index == ifindex.cast_signed()
                    && found.attributes.contains(&TcAttribute::Kind(CLSACT.into())))
        }))
    }
}

fn filter(ifindex: u32, point: FilterPoint) -> TcMessage {
    let mut message = TcMessage::with_index(ifindex.cast_signed());
    message.header.handle = HANDLE.into();
    message.header.parent = TcHandle {
        major: u16::MAX,
        minor: match point {
            FilterPoint::Ingress => TcHandle::MIN_INGRESS,
            FilterPoint::Egress => TcHandle::MIN_EGRESS,
        },
    };
    message.header.info = PREFERENCE << 16 | u32::from(EVERY_PROTOCOL.to_be());
    message.attributes = vec![TcAttribute::Kind(TcFilterBpf::KIND.into())];
    message
}
