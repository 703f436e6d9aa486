//! A proxy that takes part.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use halo_lab::{Host, Lab, LabError, Process, Programs, find_tool, wait_until};

use super::config::{self, Setup};
use super::proxy_cores;
use super::workload::{ROUTES, Workload, port};

/// A proxy listens within milliseconds; a busy machine may take longer.
const START: Duration = Duration::from_secs(20);

/// Which program, and how it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Halo,
    Haproxy { program: PathBuf },
    HaproxySplice { program: PathBuf },
    NewerHaproxy { program: PathBuf },
    Nginx { program: PathBuf },
}

impl Kind {
    /// The host that it runs on.
    pub(super) fn host(&self) -> &'static str {
        match self {
            Self::Halo => "lb1",
            Self::Haproxy { .. } => "haproxy",
            Self::HaproxySplice { .. } => "splice",
            Self::NewerHaproxy { .. } => "newer",
            Self::Nginx { .. } => "nginx",
        }
    }
}

pub(super) struct Contender {
    kind: Kind,
    name: String,
    /// As the program tells it.
    pub(super) version: String,
    /// The file that it runs with, without the routes between the first and the last.
    pub(super) shown: String,
    udp: bool,
    workers: usize,
    /// Its file for one worker and for two.
    files: [String; 2],
    host: Arc<Host>,
    client: Arc<Host>,
    process: Mutex<Process>,
}

impl Contender {
    /// Writes its configuration and starts it.
    pub(super) fn new(lab: &Lab, kind: Kind, workers: usize) -> Result<Self, LabError> {
        let host = lab.shared_host(kind.host())?;
        let client = lab.shared_host("client")?;
        let origin = lab.host("origin")?.address();
        let setup = |workers, routes| Setup {
            origin,
            workers,
            routes,
        };
        let udp = match &kind {
            Kind::Halo => {
                let text = config(&kind, &host, &setup(workers, &[]), true);
                halo_takes(&host, &text)?
            }
            Kind::Nginx { .. } => true,
            _ => false,
        };
        let all: Vec<usize> = (0..ROUTES).collect();
        let files = [1, 2].map(|workers| config(&kind, &host, &setup(workers, &all), udp));
        let shown = config(&kind, &host, &setup(workers, &[0, ROUTES - 1]), udp);
        let version = version(&host, &kind)?;
        let name = match &kind {
            Kind::Halo => "Halo".to_owned(),
            Kind::Haproxy { .. } => "HAProxy".to_owned(),
            Kind::HaproxySplice { .. } => "HAProxy, splice".to_owned(),
            Kind::NewerHaproxy { .. } => {
                let number = version.split_whitespace().nth(2).unwrap_or("newer");
                format!("HAProxy {number}")
            }
            Kind::Nginx { .. } => "nginx".to_owned(),
        };
        write(&host, &files[workers - 1])?;
        let process = Mutex::new(start(&host, &kind, workers)?);
        let contender = Self {
            kind,
            name,
            version,
            shown,
            udp,
            workers,
            files,
            host,
            client,
            process,
        };
        contender.wait_ready()?;
        Ok(contender)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether it has what the workload takes, and takes part in it.
    pub(super) fn can(&self, workload: Workload) -> bool {
        match workload {
            Workload::UdpDns => self.udp,
            _ => workload.is_bulk() || !matches!(self.kind, Kind::HaproxySplice { .. }),
        }
    }

    pub(super) fn target(&self, workload: Workload) -> SocketAddr {
        (self.host.address(), workload.port()).into()
    }

    /// All its processes.
    pub(super) fn processes(&self) -> Vec<u32> {
        self.host.processes()
    }

    /// Starts it anew, for a measurement that earlier ones would spoil.
    pub(super) fn restart(&self) -> Result<(), LabError> {
        self.restart_with(self.workers)
    }

    /// The same, with so many workers.
    pub(super) fn restart_with(&self, workers: usize) -> Result<(), LabError> {
        write(&self.host, &self.files[workers - 1])?;
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.terminate(START)?;
        let host = &self.host;
        wait_until(&format!("the end of {}", self.name), START, || {
            host.processes().is_empty()
        })?;
        *process = start(host, &self.kind, workers)?;
        drop(process);
        self.wait_ready()
    }

    fn wait_ready(&self) -> Result<(), LabError> {
        for port in [port::HTTP, port::ROUTES, port::ECHO, port::BULK] {
            let address: SocketAddr = (self.host.address(), port).into();
            let connect =
                move || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            wait_until(&format!("{} on port {port}", self.name), START, || {
                self.client.within(connect).unwrap_or(false)
            })?;
        }
        Ok(())
    }
}

fn write(host: &Host, text: &str) -> Result<(), LabError> {
    fs::write(host.path("/run/bench.conf"), text).map_err(|source| LabError::Io {
        what: format!("write the configuration of {}", host.name()),
        source,
    })
}

fn start(host: &Host, kind: &Kind, workers: usize) -> Result<Process, LabError> {
    let programs = Programs::find()?;
    let (program, arguments): (PathBuf, &[&str]) = match kind {
        Kind::Halo => (programs.path("halod"), &["--config", "/run/bench.conf"]),
        Kind::Haproxy { program }
        | Kind::HaproxySplice { program }
        | Kind::NewerHaproxy { program } => {
            (program.clone(), &["-W", "-db", "-f", "/run/bench.conf"])
        }
        Kind::Nginx { program } => (
            program.clone(),
            &["-g", "daemon off;", "-c", "/run/bench.conf"],
        ),
    };
    let core = proxy_cores(workers);
    let mut command: Vec<&std::ffi::OsStr> = vec!["-c".as_ref(), core.as_ref(), program.as_ref()];
    command.extend(arguments.iter().map(std::ffi::OsStr::new));
    host.spawn("proxy", find_tool("taskset")?, command)
}

/// Whether this halod understands a configuration.
fn halo_takes(host: &Host, text: &str) -> Result<bool, LabError> {
    fs::write(host.path("/run/try.toml"), text).map_err(|source| LabError::Io {
        what: "write a configuration".into(),
        source,
    })?;
    let output = host.run("hactl", ["config", "check", "/run/try.toml"])?;
    Ok(output.status.success())
}

/// The first line of what a program says of itself.
fn version(host: &Host, kind: &Kind) -> Result<String, LabError> {
    let (program, option) = match kind {
        Kind::Halo => (PathBuf::from("halod"), "--version"),
        Kind::Haproxy { program }
        | Kind::HaproxySplice { program }
        | Kind::NewerHaproxy { program }
        | Kind::Nginx { program } => (program.clone(), "-v"),
    };
    let output = host.run(&program.to_string_lossy(), [option])?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(said.lines().next().unwrap_or_default().trim().to_owned())
}

fn config(kind: &Kind, host: &Host, setup: &Setup<'_>, udp: bool) -> String {
    match kind {
        Kind::Halo => config::halo(setup, host.address(), udp) + halo_lab::user_section(),
        Kind::Haproxy { .. } | Kind::NewerHaproxy { .. } => config::haproxy(setup, false),
        Kind::HaproxySplice { .. } => config::haproxy(setup, true),
        Kind::Nginx { .. } => config::nginx(setup),
    }
}
