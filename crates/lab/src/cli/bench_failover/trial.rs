//! One fault, seen by a client.

use std::fmt;
use std::time::{Duration, Instant};

use halo_lab::address_prober::{AddressProber, longest_dispute};
use halo_lab::prober::{Ask, Prober};
use halo_lab::{Lab, LabError, StandstillWatch, Turn};

use super::pair::{Fault, PATIENCE, Pair};
use super::reflector;
use super::setting::WATCHER;

/// Answers without a break for this long mean that an outage is over.
const STEADY: Duration = Duration::from_millis(500);

/// A fault takes this long to be caused, and the first answer to come.
const AFTERMATH: Duration = Duration::from_millis(20);

/// What the client saw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    http: Duration,
    udp: Duration,
    dispute: Duration,
    /// For how long the machine itself did not run.
    standstill: Duration,
}

impl Trial {
    pub(super) fn http_ms(&self) -> u128 {
        self.http.as_millis()
    }

    pub(super) fn udp_ms(&self) -> u128 {
        self.udp.as_millis()
    }

    /// Whether a processor stood still for so long that the figures say more of the machine than of the
    /// nodes.
    pub(super) fn is_disturbed(&self, limit: Duration) -> bool {
        self.standstill > limit
    }

    /// How long two nodes said that they have the address.
    pub(super) fn dispute_ms(&self) -> u128 {
        self.dispute.as_millis()
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "HTTP {} ms, UDP {} ms, two answered ARP for {} ms, a processor stood still for {} ms",
            self.http_ms(),
            self.udp_ms(),
            self.dispute_ms(),
            self.standstill.as_millis()
        )
    }
}

pub(super) fn run(
    lab: &Lab,
    watch: &StandstillWatch,
    pair: &dyn Pair,
    fault: Fault,
) -> Result<Trial, LabError> {
    let client = lab.host("client")?;
    // keepalived does not always claim the address again when a cut heals, and a client then goes on
    // asking the node that gave it up, for half a minute and more. What is measured is the fault
    // alone: each trial begins with a client that asks anew.
    client.forget_neighbour(pair.vip())?;
    let probers = [
        Prober::start_with(client, (pair.vip(), 80).into(), Ask::Http, Turn::First)?,
        Prober::start_with(
            client,
            (pair.vip(), reflector::PORT).into(),
            Ask::Udp,
            Turn::First,
        )?,
    ];
    let arp = AddressProber::start_with(lab.host(WATCHER)?, pair.vip(), Turn::First)?;
    wait_steady(&probers)?;
    probers.iter().for_each(Prober::reset);
    let start = Instant::now();
    pair.inject(fault)?;
    if fault.moves_the_vip() {
        pair.wait_moved()?;
    }
    match wait_steady(&probers) {
        // It lasts until the repair. That is a figure too.
        Err(LabError::Deadline { .. }) | Ok(()) => {}
        Err(error) => return Err(error),
    }
    let [http, udp] = probers.map(|prober| prober.stop().longest_gap());
    // What happens afterwards changes the figures no more.
    let standstill = watch.longest_between(start, start + http.max(udp) + AFTERMATH);
    pair.repair(fault)?;
    pair.wait_home()?;
    // The return counts too: who was cut off or frozen must not claim what is another's now.
    let dispute = longest_dispute(&arp.stop()?);
    Ok(Trial {
        http,
        udp,
        dispute,
        standstill,
    })
}

fn wait_steady(probers: &[Prober]) -> Result<(), LabError> {
    let from = Instant::now();
    probers
        .iter()
        .try_for_each(|prober| prober.wait_steady_from(from, STEADY, PATIENCE))
}
