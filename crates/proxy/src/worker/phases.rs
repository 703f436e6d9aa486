//! The phases of the connections of one listening socket, by the address that they came to.
//!
//! A virtual IP that moves takes its connections along, also where a listener is bound to every
//! address.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use tokio::sync::watch;
use tokio::time::Instant;

use super::Phase;

/// From so many addresses on, those without connections are forgotten: a transparent listener has as many
/// as its clients ask for.
const MANY: usize = 64;

/// Each connection subscribes to the phase of its local address when it is accepted.
#[derive(Debug)]
pub(super) struct Phases {
    bound: SocketAddr,
    /// What connections begin with on an address that nothing was said about.
    first: Cell<Phase>,
    of: RefCell<HashMap<IpAddr, watch::Sender<Phase>>>,
}

impl Phases {
    /// All serving, for a socket that is bound to this address.
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self {
            bound,
            first: Cell::new(Phase::Serving),
            of: RefCell::default(),
        }
    }

    /// The phase of a connection to this address, from now on.
    pub(super) fn subscribe(&self, address: IpAddr) -> watch::Receiver<Phase> {
        let mut of = self.of.borrow_mut();
        if of.len() >= MANY {
            of.retain(|_, phase| phase.receiver_count() > 0 || *phase.borrow() != Phase::Serving);
        }
        let phase = of
            .entry(address.to_canonical())
            .or_insert_with(|| watch::Sender::new(self.first.get()));
        if let Phase::Draining { until, .. } = *phase.borrow() {
            // It gets its time for a request, however late in the draining it comes.
            return watch::channel(draining_until(until)).1;
        }
        phase.subscribe()
    }

    /// Connections on these addresses finish until then, those to come as well.
    pub(super) fn drain(&self, addresses: &[IpAddr], until: Instant) {
        let phase = draining_until(until);
        for &address in addresses.iter().filter(|address| self.takes(**address)) {
            let mut of = self.of.borrow_mut();
            of.entry(address)
                .or_insert_with(|| watch::Sender::new(phase))
                .send_replace(phase);
        }
    }

    /// Connections to come on these addresses are ordinary ones; those that finish go on to.
    pub(super) fn serve(&self, addresses: &[IpAddr]) {
        let mut of = self.of.borrow_mut();
        of.retain(|address, _| !addresses.contains(address));
    }

    /// All there are finish until then; those to come are ordinary ones.
    pub(super) fn replace(&self, until: Instant) {
        let phase = draining_until(until);
        for (_, before) in self.of.borrow_mut().drain() {
            before.send_replace(phase);
        }
    }

    /// All there are, and all to come, finish until then.
    pub(super) fn close(&self, until: Instant) {
        self.first.set(draining_until(until));
        self.replace(until);
    }

    fn takes(&self, address: IpAddr) -> bool {
        let bound = self.bound.ip();
        bound == address || bound.is_unspecified()
    }
}

fn draining_until(until: Instant) -> Phase {
    let since = Instant::now();
    Phase::Draining { since, until }
}
