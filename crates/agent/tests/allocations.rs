//! Heartbeats, hellos, leases and what the data plane says of itself cost the agent no allocation.
//!
//! A binary of its own, because it counts every allocation of its process. The status, once a second, is left out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "how a helper fails")]

use std::alloc::System;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use halo_agent::{Agent, Loaded, Options};
use halo_api::{FromDataPlane, ToDataPlane};
use halo_netio::check::Check;
use halo_netio::netlink::{Address, Link};
use halo_netio::payload::Payload;
use halo_netio::platform::{ClientId, Input};
use halo_netio::process::Standing;
use halo_netio::signals::Signal;
use halo_netio::vrrp::{Datagram, Family};
use halo_netio::{Platform, Result};
use ipnet::IpNet;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[path = "allocations/words.rs"]
mod words;

use words::{advert, hello};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LB1: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const LB2: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 12);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
const ETH0: u32 = 2;

const INTERVAL: Duration = Duration::from_millis(10);
const HELLO: Duration = Duration::from_millis(250);
const ALIVE: Duration = Duration::from_millis(20);
/// What is counted: most of the time between two statuses.
const COUNTED: Duration = Duration::from_millis(900);
/// Statuses before counting begins.
const WARM_UP: usize = 5;

const CONFIG: &str = include_str!("allocations/config.toml");

/// What the agent did while it was counted.
#[derive(Debug, Default)]
struct Tally {
    adverts: Cell<u32>,
    hellos: Cell<u32>,
    leases: Cell<u32>,
    heard: Cell<u32>,
    change: RefCell<Option<Stats>>,
}

impl Tally {
    fn reset(&self) {
        for cell in [&self.adverts, &self.hellos, &self.leases, &self.heard] {
            cell.set(0);
        }
    }
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

/// A machine in virtual time on which nothing is amiss. It allocates nothing while it counts.
struct Steady {
    own: Ipv4Addr,
    now: Instant,
    begun: Instant,
    region: Option<(Region<'static, System>, Instant)>,
    statuses: usize,
    status_sent: bool,
    generations: VecDeque<u64>,
    /// What comes regularly: when next, how often, what.
    arrivals: Vec<(Instant, Duration, Input)>,
    soon: VecDeque<Input>,
    tally: Rc<Tally>,
}

impl Steady {
    /// On lb2 the other node's adverts come as well.
    fn new(own: Ipv4Addr, tally: Rc<Tally>) -> Self {
        let now = Instant::now();
        let other_is_active = own == LB2;
        let other = if other_is_active { LB1 } else { LB2 };
        let input = |payload: &[u8]| {
            Input::Datagram(Datagram {
                interface: ETH0,
                source: other.into(),
                destination: own.into(),
                ttl: 255,
                payload: payload.into(),
            })
        };
        let alive = Payload::from(serde_json::to_vec(&FromDataPlane::Alive).unwrap());
        let alive = Input::DataPlaneMessage(alive);
        let mut arrivals = vec![
            (now, HELLO, input(&hello(other_is_active))),
            (now + ALIVE, ALIVE, alive),
        ];
        if other_is_active {
            arrivals.push((now, INTERVAL, input(&advert(other, own))));
        }
        Self {
            own,
            now,
            begun: now,
            region: None,
            statuses: 0,
            status_sent: false,
            generations: VecDeque::new(),
            arrivals,
            soon: VecDeque::new(),
            tally,
        }
    }

    /// Begins to count behind a status, and ends before the next.
    fn keep_count(&mut self) {
        if std::mem::take(&mut self.status_sent) && self.region.is_none() {
            self.statuses += 1;
            if self.statuses == WARM_UP {
                self.tally.reset();
                self.region = Some((Region::new(ALLOCATOR), self.now + COUNTED));
            }
        }
        if let Some((region, end)) = &self.region
            && self.now >= *end
            && self.tally.change.borrow().is_none()
        {
            let change = region.change();
            *self.tally.change.borrow_mut() = Some(change);
            self.soon.push_back(Input::Signal(Signal::Stop));
            self.soon.push_back(Input::Signal(Signal::Stop));
        }
        assert!(self.now < self.begun + Duration::from_secs(30), "no end");
    }
}

impl Platform for Steady {
    fn now(&self) -> Instant {
        self.now
    }

    fn unix_millis(&self) -> u64 {
        0
    }

    fn wait(&mut self, deadline: Option<Instant>, inputs: &mut Vec<Input>) -> Result<()> {
        self.keep_count();
        while let Some(generation) = self.generations.pop_front() {
            let ready = serde_json::to_vec(&FromDataPlane::Ready { generation }).unwrap();
            self.soon.push_back(Input::DataPlaneMessage(ready.into()));
        }
        if !self.soon.is_empty() {
            inputs.extend(self.soon.drain(..));
            return Ok(());
        }
        let next = self.arrivals.iter().map(|(at, ..)| *at).min();
        let until = deadline.into_iter().chain(next).min().unwrap();
        self.now = self.now.max(until);
        for (at, every, input) in &mut self.arrivals {
            if *at <= self.now {
                *at += *every;
                if let Input::Datagram(_) = input {
                    count(&self.tally.heard);
                }
                inputs.push(input.clone());
            }
        }
        Ok(())
    }

    fn read_file(&mut self, _: &Path) -> io::Result<String> {
        Ok(CONFIG.to_owned())
    }

    fn read_secret(&mut self, path: &Path) -> io::Result<String> {
        self.read_file(path)
    }

    fn links(&mut self) -> Result<Vec<Link>> {
        Ok(vec![Link {
            name: "eth0".to_owned(),
            index: ETH0,
            mac: Some([2, 0, 0, 0, 0, 1]),
            up: true,
            carrier: true,
            operational: true,
            loopback: false,
            addresses: vec![IpNet::new(self.own.into(), 24).unwrap()],
        }])
    }

    fn addresses(&mut self) -> Result<Vec<Address>> {
        Ok(Vec::new())
    }

    fn put_address(&mut self, _: u32, _: IpNet, _: Duration) -> Result<()> {
        Ok(())
    }

    fn renew_address(&mut self, _: u32, _: IpNet, _: Duration) -> Result<()> {
        Ok(())
    }

    fn remove_address(&mut self, _: u32, _: IpNet) -> Result<bool> {
        Ok(true)
    }

    fn add_virtual_mac(&mut self, _: u32, _: &str, _: [u8; 6], _: bool) -> Result<u32> {
        Ok(ETH0 + 1)
    }

    fn set_up(&mut self, _: u32, _: bool) -> Result<()> {
        Ok(())
    }

    fn remove_interface(&mut self, _: u32) -> Result<()> {
        Ok(())
    }

    fn separate_arp(&mut self, _: u32, _: &str, _: bool) -> Result<()> {
        Ok(())
    }

    fn route_to(&mut self, _: IpAddr) -> Result<Option<u32>> {
        Ok(None)
    }

    fn start_check(&mut self, _: u64, _: Check) -> Result<()> {
        Ok(())
    }

    fn guard(&mut self, _: u32, _: &[IpAddr]) -> Result<()> {
        Ok(())
    }

    fn lease(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, _: Instant) {
        addresses.for_each(|_| count(&self.tally.leases));
    }

    fn refuse(&mut self, _: &mut dyn Iterator<Item = IpAddr>, _: bool) {}

    fn end_lease(&mut self, _: &mut dyn Iterator<Item = IpAddr>) {}

    fn drain(&mut self, _: &mut dyn Iterator<Item = IpAddr>, _: Instant) {}

    fn forward(&mut self, _: &mut dyn Iterator<Item = IpAddr>, _: [u8; 6], _: Instant) {}

    fn look_up_neighbour(&mut self, interface: u32, address: IpAddr) -> Result<()> {
        self.soon.push_back(Input::Neighbour {
            interface,
            address,
            mac: Some([2, 0, 0, 0, 0, 2]),
        });
        Ok(())
    }

    fn has_connections(&mut self, _: IpAddr) -> Result<bool> {
        Ok(false)
    }

    fn watch_claims(&mut self, _: u32, _: &[IpAddr]) -> Result<()> {
        Ok(())
    }

    fn open_vrrp(&mut self, _: &str, _: u32, _: Family, _: bool) -> Result<()> {
        Ok(())
    }

    fn close_vrrp(&mut self, _: u32, _: Family) {}

    fn send_vrrp(&mut self, _: u32, _: IpAddr, _: IpAddr, message: &[u8]) -> Result<()> {
        let is_advert = message.first().is_some_and(|first| first & 0x0f == 1);
        count(if is_advert {
            &self.tally.adverts
        } else {
            &self.tally.hellos
        });
        Ok(())
    }

    fn hear_answers(&mut self, _: &BTreeSet<(u32, Family)>) -> Result<()> {
        Ok(())
    }

    fn send_frame(&mut self, _: u32, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn start_data_plane(&mut self) -> Result<()> {
        let outcome = Ok(4711);
        self.soon.push_back(Input::DataPlaneStarted { outcome });
        Ok(())
    }

    fn data_plane_standing(&mut self) -> Option<Standing> {
        None
    }

    fn send_to_data_plane(&mut self, message: &[u8]) -> Result<()> {
        if message.starts_with(b"{\"type\":\"config\"") {
            match serde_json::from_slice(message).unwrap() {
                ToDataPlane::Config { generation, .. } => self.generations.push_back(generation),
                other => panic!("{other:?}"),
            }
        }
        self.status_sent |= message.starts_with(b"{\"type\":\"agent\"");
        Ok(())
    }

    fn kill_data_plane(&mut self) -> Result<()> {
        Ok(())
    }

    fn reopen_logs(&mut self) -> Result<()> {
        Ok(())
    }

    fn reply(&mut self, _: ClientId, _: &str) {}
}

/// What a node does in [`COUNTED`], and what it allocates.
fn counted(name: &str) -> Rc<Tally> {
    let tally = Rc::new(Tally::default());
    let own = if name == "lb1" { LB1 } else { LB2 };
    let platform = Steady::new(own, tally.clone());
    let options = Options {
        config_file: "halo.toml".into(),
        version: "1",
        warnings: Vec::new(),
        lateness: Duration::from_millis(15),
        seed: [1; 32],
    };
    let loaded = Loaded::read(
        &options.config_file,
        name,
        |_| Ok(CONFIG.to_owned()),
        |_| Err(io::ErrorKind::NotFound.into()),
    )
    .unwrap();
    Agent::new(platform, loaded, options).run().unwrap();
    tally
}

fn nothing_allocated(tally: &Tally) {
    let change = tally.change.borrow().expect("it was counted");
    assert_eq!(change.allocations, 0, "{change:?}");
    assert_eq!(change.reallocations, 0, "{change:?}");
}

#[test]
fn neither_an_active_nor_a_standby_allocates_while_nothing_changes() {
    let active = counted("lb1");
    assert!(active.adverts.get() >= 89, "{active:?}");
    assert!(active.leases.get() >= 89);
    assert!(active.hellos.get() >= 3 && active.heard.get() >= 3);
    nothing_allocated(&active);
    let standby = counted("lb2");
    assert_eq!(standby.adverts.get(), 0, "{standby:?}");
    assert!(standby.heard.get() >= 89 && standby.hellos.get() >= 3);
    nothing_allocated(&standby);
}
