//! The lab itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use halo_api::VipState;
use halo_netio::netlink::PortState;

use crate::state::Directory;
use crate::switch::Switch;
use crate::{Host, LabBuilder, LabError, Node, Process, Topology, wait_until};

/// Lines of each log that are shown with a failure.
const LOG_TAIL: usize = 40;

/// Receive packet steering hands packets from core to core, which doubles what they cost here. A
/// connection for each request runs out of ports if those of ended ones rest for a minute. Where Docker
/// has been, the switch would show every frame to the firewall, and each would cost more.
const FOR_BENCHMARKS: &str = "mount -t sysfs halo-lab /sys
for file in /sys/class/net/*/queues/rx-*/rps_cpus; do echo 0 >$file; done
echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse
for file in /proc/sys/net/bridge/bridge-nf-call-*; do
    if [ -e $file ]; then echo 0 >$file; fi
done";

/// A cluster in network namespaces. All of it goes when this is dropped.
#[derive(Debug)]
pub struct Lab {
    name: String,
    topology: Topology,
    // Dropped in this order: processes before the hosts that they run on, the directory last.
    nodes: Vec<Node>,
    pub(crate) apps: BTreeMap<String, Process>,
    hosts: BTreeMap<String, Arc<Host>>,
    switch: Switch,
    directory: Directory,
}

impl Lab {
    /// Says what the lab shall have.
    #[must_use]
    pub fn builder() -> LabBuilder {
        LabBuilder::new()
    }

    pub(crate) fn assemble(
        name: String,
        topology: Topology,
        hosts: BTreeMap<String, Arc<Host>>,
        nodes: Vec<Node>,
        switch: Switch,
        directory: Directory,
    ) -> Self {
        Self {
            name,
            topology,
            nodes,
            apps: BTreeMap::new(),
            hosts,
            switch,
            directory,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who is in it, and where.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The nodes, lb1 first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A host.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn host(&self, name: &str) -> Result<&Host, LabError> {
        self.hosts
            .get(name)
            .map(Arc::as_ref)
            .ok_or_else(|| LabError::NoSuchHost {
                kind: "host",
                name: name.into(),
                known: self.hosts.keys().cloned().collect::<Vec<_>>().join(", "),
            })
    }

    /// A host, for who outlives a look at the lab.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn shared_host(&self, name: &str) -> Result<Arc<Host>, LabError> {
        self.host(name)?;
        Ok(self.hosts[name].clone())
    }

    /// Sets every host up for figures that say something of programs and not of the machine's
    /// settings.
    ///
    /// # Errors
    /// When a host does not take a setting.
    pub fn prepare_for_benchmarks(&self) -> Result<(), LabError> {
        let all = self.hosts.values().map(Arc::as_ref);
        for host in all.chain([self.switch.host()]) {
            let output = host.run("unshare", ["-m", "sh", "-ec", FOR_BENCHMARKS])?;
            if !output.status.success() {
                return Err(LabError::Program {
                    program: "the set-up for benchmarks".into(),
                    host: host.name().into(),
                    detail: String::from_utf8_lossy(&output.stderr).into_owned(),
                });
            }
        }
        Ok(())
    }

    /// A node.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn node(&self, name: &str) -> Result<&Node, LabError> {
        self.nodes
            .iter()
            .find(|node| node.name() == name)
            .ok_or_else(|| LabError::NoSuchHost {
                kind: "node",
                name: name.into(),
                known: self
                    .nodes
                    .iter()
                    .map(Node::name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// Starts halod on every node, all at once.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start_all(&self) -> Result<(), LabError> {
        self.nodes.iter().try_for_each(Node::start_halod)
    }

    /// The configuration file, the same for all nodes.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.directory.path().join("halo.toml")
    }

    /// The lab's own directory, for more files.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.directory.path().into()
    }

    /// Writes another configuration; the nodes take it on reload.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_config(&self, text: &str) -> Result<(), LabError> {
        fs::write(self.config_file(), text).map_err(LabError::io("write the configuration"))
    }

    /// Pulls a host's cable: it loses its carrier.
    ///
    /// # Errors
    /// When there is no such host.
    pub fn link_down(&self, host: &str) -> Result<(), LabError> {
        self.switch.set_link(self.host(host)?.name(), false)
    }

    /// Plugs the cable in again.
    ///
    /// # Errors
    /// When there is no such host.
    pub fn link_up(&self, host: &str) -> Result<(), LabError> {
        self.switch.set_link(self.host(host)?.name(), true)
    }

    /// Cuts a host off: its carrier stays, but the switch drops all its frames.
    ///
    /// # Errors
    /// When there is no such host, or its link is down.
    pub fn cut(&self, host: &str) -> Result<(), LabError> {
        self.switch
            .set_port(self.host(host)?.name(), PortState::Disabled)
    }

    /// Undoes [`Self::cut`].
    ///
    /// # Errors
    /// When there is no such host, or its link is down.
    pub fn heal(&self, host: &str) -> Result<(), LabError> {
        self.switch
            .set_port(self.host(host)?.name(), PortState::Forwarding)
    }

    /// Kills an application server.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn kill_app(&self, name: &str) -> Result<(), LabError> {
        let app = self.apps.get(name).ok_or_else(|| LabError::NoSuchHost {
            kind: "application server",
            name: name.into(),
            known: self.apps.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        app.signal(nix::sys::signal::Signal::SIGKILL);
        Ok(())
    }

    /// The nodes that say they hold a VIP.
    #[must_use]
    pub fn holders(&self, vip: &str) -> Vec<String> {
        let holds = |node: &&Node| {
            let status = node.agent_status();
            status.is_ok_and(|status| {
                status
                    .vips
                    .iter()
                    .any(|v| v.name == vip && v.state == VipState::Active)
            })
        };
        let holders = self.nodes.iter().filter(holds);
        holders.map(|node| node.name().to_owned()).collect()
    }

    /// Waits until exactly this node holds a VIP, and knows all other running nodes as Standby.
    ///
    /// # Errors
    /// [`LabError::Deadline`] with the logs when it does not come to that.
    pub fn wait_active(&self, vip: &str, node: &str, within: Duration) -> Result<(), LabError> {
        let mut last = Vec::new();
        let waited = wait_until(&format!("{vip} on {node} and nowhere else"), within, || {
            last = self.holders(vip);
            last == [node] && self.others_are_standby(vip, node)
        });
        waited.map_err(|error| match error {
            LabError::Deadline { what, within, .. } => self.with_logs(LabError::Deadline {
                what,
                within,
                detail: format!("; held by {last:?}"),
            }),
            other => other,
        })
    }

    /// A node that answers and is not Standby is still starting.
    fn others_are_standby(&self, vip: &str, node: &str) -> bool {
        let mut others = self.nodes.iter().filter(|other| other.name() != node);
        others.all(|other| match other.agent_status() {
            Err(_) => !other.is_running(),
            Ok(status) => {
                let mut vips = status.vips.iter().filter(|v| v.name == vip);
                vips.all(|v| v.state == VipState::Standby)
            }
        })
    }

    /// What all processes printed: the last lines of each log.
    #[must_use]
    pub fn logs(&self) -> String {
        let Ok(entries) = fs::read_dir(self.directory.path()) else {
            return String::new();
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "log"))
            .collect();
        files.sort();
        let mut text = String::new();
        for file in files {
            let log = fs::read(&file).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_TAIL)..];
            if !shown.is_empty() {
                let name = file.file_stem().unwrap_or_default().to_string_lossy();
                text += &format!("--- {name} ---\n{}\n", shown.join("\n"));
            }
        }
        text
    }

    /// The error, with the logs when it is about a deadline.
    #[must_use]
    pub fn with_logs(&self, error: LabError) -> LabError {
        match error {
            LabError::Deadline {
                what,
                within,
                detail,
            } => LabError::Deadline {
                what,
                within,
                detail: format!("{detail}\n{}", self.logs()),
            },
            other => other,
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the lab's processes printed:\n{}", self.logs());
        }
        for host in self.hosts.values() {
            host.clear();
        }
    }
}
