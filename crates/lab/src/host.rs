//! A host: its namespaces, and the processes in them.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use halo_netio::netlink::Netlink;
use halo_netio::netns::{Namespaces, NetnsThread, lead_session, make_host, run_in, spawn_in};
use nix::sys::signal::Signal;

use crate::{Kind, LabError, Place, Process, find_tool, proc, spawner};

/// A host of the lab.
#[derive(Debug)]
pub struct Host {
    place: Place,
    namespaces: Namespaces,
    /// Holds the namespaces; ends when its standard input, held here, is closed.
    holder: Process,
    netns: u64,
    directory: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Host {
    /// Makes a host without a network.
    pub(crate) fn make(
        place: Place,
        directory: PathBuf,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self, LabError> {
        let name = place.name.clone();
        let mut command = Command::new("/bin/sh");
        // The arguments behind the script show in `ps` whose process this is.
        command
            .args(["-c", "read line", "halo-lab", &name])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        make_host(&mut command, &name);
        let child = spawner::spawn(command).map_err(|source| LabError::NotAllowed {
            host: name.clone(),
            source,
        })?;
        let pid = child.id();
        let holder = Process::new(child, "the holder", &name, PathBuf::new());
        Ok(Self {
            namespaces: Namespaces::of_process(pid)?,
            netns: proc::netns(pid).unwrap_or_default(),
            place,
            holder,
            directory,
            environment,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.place.address
    }

    /// Its IPv6 address.
    #[must_use]
    pub fn address6(&self) -> Ipv6Addr {
        self.place.address6()
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.place.kind
    }

    /// The process that holds its namespaces.
    #[must_use]
    pub fn holder(&self) -> u32 {
        self.holder.pid()
    }

    /// Its network namespace.
    #[must_use]
    pub fn net(&self) -> BorrowedFd<'_> {
        self.namespaces.net()
    }

    /// A file of the host, seen from outside (its `/run` is its own).
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.holder()))
    }

    /// A command that runs on this host, in a session of its own, with Halo's programs in its PATH,
    /// and dies with the thread that starts it.
    ///
    /// # Errors
    /// When the host's namespaces cannot be handed over.
    pub fn command<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Command, LabError> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .env("HOSTNAME", self.name())
            .stdin(Stdio::null());
        self.namespaces
            .enter(&mut command)
            .map_err(LabError::io(format!("enter {}", self.name())))?;
        // Programs of different machines take no turns of each other's.
        lead_session(&mut command);
        Ok(command)
    }

    /// Runs a command on this host to its end.
    ///
    /// # Errors
    /// When it cannot be started. A bad exit is the caller's to judge.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Output, LabError> {
        self.command(program, arguments)?
            .output()
            .map_err(|source| self.spawn_error(program, source))
    }

    /// Starts a command on this host in the background. It dies with this process; what it
    /// prints goes to the log `name`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(
        &self,
        name: &str,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Process, LabError> {
        let log = self.directory.join(format!("{}-{name}.log", self.name()));
        let open = || File::options().create(true).append(true).open(&log);
        let file = open().map_err(LabError::io(format!("open {}", log.display())))?;
        let again = open().map_err(LabError::io(format!("open {}", log.display())))?;
        let mut command = self.command(program, arguments)?;
        command.stdout(file).stderr(again);
        let child = spawner::spawn(command).map_err(|source| self.spawn_error(name, source))?;
        Ok(Process::new(child, name, self.name(), log))
    }

    /// Like [`Self::spawn`], for a program of the system.
    ///
    /// # Errors
    /// [`LabError::NotInstalled`] when it is missing.
    pub fn spawn_tool<A: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Process, LabError> {
        self.spawn(program, find_tool(program)?, arguments)
    }

    /// Runs `work` in the host's network and waits for its result.
    ///
    /// # Errors
    /// When no thread can be started there.
    pub fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LabError> {
        Ok(run_in(self.net(), work)?)
    }

    /// Runs `work` in the host's network, in a thread of its own.
    ///
    /// # Errors
    /// When no thread can be started there.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<NetnsThread<T>, LabError> {
        Ok(spawn_in(self.net(), self.name(), work)?)
    }

    /// The IPv4 addresses of eth0, with prefix lengths.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn addresses(&self) -> Result<Vec<ipnet::IpNet>, LabError> {
        let all = self.all_addresses("eth0")?;
        Ok(all.into_iter().filter(|net| net.addr().is_ipv4()).collect())
    }

    /// Whether eth0 has this address.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn has(&self, address: impl Into<IpAddr>) -> Result<bool, LabError> {
        self.has_on("eth0", address)
    }

    /// Whether an interface has this address; none is there, it has not.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn has_on(&self, interface: &str, address: impl Into<IpAddr>) -> Result<bool, LabError> {
        let address = address.into();
        let all = self.all_addresses(interface)?;
        Ok(all.iter().any(|net| net.addr() == address))
    }

    fn all_addresses(&self, interface: &str) -> Result<Vec<ipnet::IpNet>, LabError> {
        let name = interface.to_owned();
        let link = self
            .within(move || Netlink::open()?.link(&name))?
            .map_err(LabError::netlink(self.name()))?;
        Ok(link.map(|link| link.addresses).unwrap_or_default())
    }

    /// Takes an address off every interface, whatever its prefix length.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_address(&self, address: impl Into<IpAddr>) -> Result<(), LabError> {
        let address = address.into();
        let remove = move || {
            let mut netlink = Netlink::open()?;
            for found in netlink.addresses()? {
                if found.net.addr() == address {
                    netlink.address_remove(found.ifindex, found.net)?;
                }
            }
            Ok(())
        };
        self.within(remove)?.map_err(LabError::netlink(self.name()))
    }

    /// Forgets at which hardware address it last saw an address.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forget_neighbour(&self, address: Ipv4Addr) -> Result<(), LabError> {
        let forget = move || {
            let mut netlink = Netlink::open()?;
            let eth0 = netlink.link("eth0")?.map_or(0, |link| link.index);
            netlink.neighbour_forget(eth0, address.into()).map(drop)
        };
        self.within(forget)?.map_err(LabError::netlink(self.name()))
    }

    /// All its processes but the one that holds the namespaces.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let mut all = proc::in_netns(self.netns);
        // Threads of this process are in there too, but not its first one.
        all.retain(|pid| *pid != self.holder() && *pid != std::process::id());
        all
    }

    /// Sends all its processes a signal.
    pub fn signal_all(&self, signal: Signal) {
        self.signal(&self.processes(), signal);
    }

    /// Sends some of its processes a signal; those that have gone meanwhile do without.
    pub fn signal(&self, pids: &[u32], signal: Signal) {
        for pid in pids {
            proc::signal(*pid, signal);
        }
    }

    /// The children of one of its processes.
    #[must_use]
    pub fn children(&self, parent: u32) -> Vec<u32> {
        let mut all = self.processes();
        all.retain(|pid| proc::parent(*pid) == Some(parent));
        all
    }

    /// Kills all its processes.
    pub(crate) fn clear(&self) {
        self.signal_all(Signal::SIGKILL);
    }

    fn spawn_error(&self, program: &str, source: std::io::Error) -> LabError {
        if source.kind() == std::io::ErrorKind::NotFound {
            return LabError::NotInstalled {
                program: program.into(),
            };
        }
        LabError::Spawn {
            program: program.into(),
            host: self.name().into(),
            source,
        }
    }
}
