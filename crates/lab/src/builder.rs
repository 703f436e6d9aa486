//! Building a lab.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::state::Directory;
use crate::switch::Switch;
use crate::{
    Host, Kind, Lab, LabError, Node, Place, Process, Programs, Topology, default_config, wait_until,
};

/// Where `whoami` listens.
const APP_PORT: u16 = 8080;

/// `whoami` starts in milliseconds; a busy machine may take longer.
const APP_START: Duration = Duration::from_secs(20);

/// What the lab shall have.
#[derive(Debug)]
pub struct LabBuilder {
    nodes: u8,
    apps: u8,
    others: Vec<(String, u8)>,
    name: Option<String>,
    config: Option<String>,
}

impl LabBuilder {
    pub(crate) fn new() -> Self {
        Self {
            nodes: 2,
            apps: 3,
            others: Vec::new(),
            name: None,
            config: None,
        }
    }

    /// How many nodes, lb1 to lb9; 2 if not said.
    #[must_use]
    pub fn nodes(mut self, nodes: u8) -> Self {
        self.nodes = nodes.min(9);
        self
    }

    /// How many application servers, app1 to app9; 3 if not said.
    #[must_use]
    pub fn apps(mut self, apps: u8) -> Self {
        self.apps = apps.min(9);
        self
    }

    /// One more host, 10.77.0.`last`.
    #[must_use]
    pub fn other(mut self, name: &str, last: u8) -> Self {
        self.others.push((name.into(), last));
        self
    }

    /// The lab's name; one that no other lab has if not said.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The text of `halo.toml`; [`default_config`] if not said.
    #[must_use]
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Some(text.into());
        self
    }

    /// Makes the hosts and the switch, and starts the application servers. The nodes' halod is
    /// started by [`Node::start_halod`] or [`Lab::start_all`].
    ///
    /// # Errors
    /// When a program is missing, the system does not allow namespaces, or the name is taken.
    pub fn start(self) -> Result<Lab, LabError> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let programs = Programs::find()?;
        let name = self.name.unwrap_or_else(|| {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            format!("{}-{number}", std::process::id())
        });
        let topology = Topology::new(self.nodes, self.apps, &self.others);
        let mut directory = Directory::create(&name)?;
        let config = directory.path().join("halo.toml");
        let text = self
            .config
            .unwrap_or_else(|| default_config(&topology) + user_section());
        fs::write(&config, text).map_err(LabError::io("write the configuration"))?;
        let environment = vec![
            ("PATH", programs.search_path()),
            ("HALO_CONFIG", config.display().to_string()),
        ];
        let make = |place: Place| Host::make(place, directory.path().into(), environment.clone());
        let mut hosts = Vec::new();
        for place in &topology.places {
            hosts.push(make(place.clone())?);
        }
        let switch = Switch::make(make(Place {
            name: "switch".into(),
            address: std::net::Ipv4Addr::UNSPECIFIED,
            kind: Kind::Other,
        })?)?;
        for host in &hosts {
            switch.connect(host)?;
        }
        switch.wait_for_carrier()?;
        for host in hosts.iter().chain([switch.host()]) {
            directory.add_holder(host.name(), host.holder());
        }
        directory.save()?;
        let hosts: BTreeMap<String, std::sync::Arc<Host>> = hosts
            .into_iter()
            .map(|host| (host.name().to_owned(), std::sync::Arc::new(host)))
            .collect();
        let nodes = topology
            .of(Kind::Node)
            .filter_map(|place| hosts.get(&place.name))
            .map(|host| Node::new(host.clone(), &programs, config.clone()))
            .collect();
        let mut lab = Lab::assemble(name, topology, hosts, nodes, switch, directory);
        lab.apps = start_apps(&lab, &programs)?;
        Ok(lab)
    }
}

/// What a configuration needs at its end where there is no "nobody": in a user namespace the data plane stays what everyone is there: a root
/// without power outside.
#[must_use]
pub fn user_section() -> &'static str {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let ids: u64 = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok())
        .sum();
    if ids > 1 {
        ""
    } else {
        "\n[data_plane]\nuser = \"root\"\n"
    }
}

fn start_apps(lab: &Lab, programs: &Programs) -> Result<BTreeMap<String, Process>, LabError> {
    let mut apps = BTreeMap::new();
    for place in lab.topology().of(Kind::App) {
        let host = lab.host(&place.name)?;
        let app = host.spawn("whoami", programs.path("whoami"), [""; 0])?;
        apps.insert(place.name.clone(), app);
    }
    let addresses: Vec<SocketAddr> = lab
        .topology()
        .of(Kind::App)
        .map(|place| (place.address, APP_PORT).into())
        .collect();
    let client = lab.host("client")?;
    for address in addresses {
        let connect = move || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        let waited = wait_until(&format!("whoami on {address}"), APP_START, || {
            client.within(connect).unwrap_or(false)
        });
        waited.map_err(|error| lab.with_logs(error))?;
    }
    Ok(apps)
}
