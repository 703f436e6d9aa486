//! One measurement.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use halo_lab::load::{Answer, DnsLoad, IdleConnections, Load, LoadReport};
use halo_lab::usage::{self, CpuTime};
use halo_lab::wrk::Wrk;
use halo_lab::{Host, Lab, LabError};

use super::contender::{Contender, Kind};
use super::sample::Sample;
use super::workload::{CONNECTIONS, Generator, IDLE, Workload, request};
use super::{OTHER_CORE, PROXY_CORE};

/// Connections to servers are opened and memory is grown before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// Client and clock of all measurements.
pub(super) struct Bench<'a> {
    client: Arc<Host>,
    lab: &'a Lab,
    duration: Duration,
    /// HAProxy's peak with [`Workload::Http100b`], once it is known.
    peak: Cell<Option<f64>>,
}

/// What the generator saw, whichever it was.
struct Seen {
    exchanges: u64,
    errors: u64,
    elapsed: Duration,
    p50_us: f64,
    p99_us: f64,
}

impl<'a> Bench<'a> {
    pub(super) fn new(lab: &'a Lab, seconds: u32) -> Result<Self, LabError> {
        Ok(Self {
            client: lab.shared_host("client")?,
            lab,
            duration: Duration::from_secs(seconds.into()),
            peak: Cell::new(None),
        })
    }

    /// Measures once.
    pub(super) fn sample(
        &self,
        workload: Workload,
        contender: &Contender,
    ) -> Result<Sample, LabError> {
        let target = contender.target(workload);
        let generator = workload.generator();
        if let Generator::Idle { request } = generator {
            return self.idle(contender, target, request);
        }
        let rate = match generator {
            Generator::Paced { .. } => Some(self.half_of_peak(contender)?),
            _ => None,
        };
        self.generate(&generator, target, rate, WARM_UP)?;
        let pids = contender.processes();
        usage::reset_peaks(&pids).map_err(io("reset the peak of memory"))?;
        let (busy, other) = (core_busy(PROXY_CORE)?, core_busy(OTHER_CORE)?);
        let (before, others) = (CpuTime::of(&pids), own_time()?);
        let start = Instant::now();
        let rival = workload.shares_the_core().then(|| Rival::start(PROXY_CORE));
        let seen = self.generate(&generator, target, rate, self.duration)?;
        let cpu = CpuTime::of(&pids) - before;
        let wall = start.elapsed();
        let taken = rival.map_or(Ok(Duration::ZERO), Rival::stop)?;
        let busy = core_busy(PROXY_CORE)?.saturating_sub(busy + taken);
        let other = core_busy(OTHER_CORE)?.saturating_sub(other);
        let others = own_time()?.saturating_sub(others + taken);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / seen.exchanges.max(1) as f64;
        let sample = Sample {
            per_second: seen.exchanges as f64 / seen.elapsed.as_secs_f64(),
            p50_us: seen.p50_us,
            p99_us: seen.p99_us,
            user_us: each(cpu.user),
            system_us: each(cpu.system),
            peak_mib: usage::peak_kib(&pids) as f64 / 1024.0,
            errors: seen.errors,
            unaccounted: 1.0 - cpu.total().as_secs_f64() / busy.as_secs_f64().max(0.01),
            other_core: other.as_secs_f64() / wall.as_secs_f64(),
            others_us: each(others),
            idle_bytes: None,
        };
        if workload == Workload::Http100b && matches!(contender.kind(), Kind::Haproxy { .. }) {
            self.peak.set(Some(sample.per_second));
        }
        Ok(sample)
    }

    /// Makes the load, for so long.
    fn generate(
        &self,
        generator: &Generator,
        target: SocketAddr,
        rate: Option<f64>,
        duration: Duration,
    ) -> Result<Seen, LabError> {
        let load = |request: &[u8], answer, connections, reconnect| Load {
            target,
            request: request.to_owned(),
            answer,
            connections,
            reconnect,
            rate,
            duration,
        };
        match generator {
            Generator::Wrk { path, host } => {
                self.wrk(&format!("http://{target}{path}"), host.as_deref(), duration)
            }
            Generator::Own {
                request,
                answer,
                connections,
                reconnect,
            } => self.own(load(request, *answer, *connections, *reconnect)),
            Generator::Paced { request } => {
                self.own(load(request, Answer::Http, CONNECTIONS, false))
            }
            Generator::Dns => {
                let load = DnsLoad {
                    target,
                    sockets: CONNECTIONS,
                    duration,
                };
                self.pinned(move || load.run()).map(Seen::from)
            }
            Generator::Idle { request } => {
                self.own(load(request, Answer::Http, CONNECTIONS, false))
            }
        }
    }

    fn own(&self, load: Load) -> Result<Seen, LabError> {
        self.pinned(move || load.run()).map(Seen::from)
    }

    fn wrk(&self, url: &str, host: Option<&str>, duration: Duration) -> Result<Seen, LabError> {
        // wrk counts in whole seconds.
        let seconds = u32::try_from(duration.as_secs()).unwrap_or(1).max(1);
        let wrk = Wrk::builder(url, CONNECTIONS as u32, seconds)
            .core(OTHER_CORE)
            .host(host)
            .start(&self.client)?;
        let report = wrk.finish()?;
        Ok(Seen {
            exchanges: report.requests,
            errors: report.lost(),
            elapsed: Duration::from_secs_f64(report.requests as f64 / report.per_second.max(1e-9)),
            p50_us: report.p50_us,
            p99_us: report.p99_us,
        })
    }

    /// Runs on the client, on the core beside the proxy's.
    fn pinned<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, LabError> {
        let pinned = move || {
            usage::pin_thread(OTHER_CORE)?;
            work()
        };
        self.client.within(pinned)?.map_err(io("make the load"))
    }

    /// Half of what HAProxy can do, or of what `contender` can when HAProxy does not take part.
    fn half_of_peak(&self, contender: &Contender) -> Result<f64, LabError> {
        if self.peak.get().is_none() {
            let haproxy = self.lab.host("haproxy").map(Host::address);
            let target = match haproxy {
                Ok(address) => (address, Workload::Http100b.port()).into(),
                Err(_) => contender.target(Workload::Http100b),
            };
            let generator = Workload::Http100b.generator();
            let seen = self.generate(&generator, target, None, Duration::from_secs(2))?;
            self.peak
                .set(Some(seen.exchanges as f64 / seen.elapsed.as_secs_f64()));
        }
        Ok(self.peak.get().unwrap_or_default() / 2.0)
    }

    /// The memory of connections that wait, in a proxy that has done nothing else.
    fn idle(
        &self,
        contender: &Contender,
        target: SocketAddr,
        request_: Vec<u8>,
    ) -> Result<Sample, LabError> {
        contender.restart()?;
        // What a first few connections cost is not what each costs.
        let first = request("/", false);
        let open = move || IdleConnections::open(target, &first, CONNECTIONS);
        let few = self.pinned(open)?;
        let pids = contender.processes();
        let before = usage::memory_kib(&pids);
        let start = Instant::now();
        let many = self.pinned(move || IdleConnections::open(target, &request_, IDLE))?;
        let wall = start.elapsed();
        let grown = usage::memory_kib(&pids).saturating_sub(before);
        let alive = many.alive();
        drop(few);
        Ok(Sample {
            per_second: IDLE as f64 / wall.as_secs_f64(),
            peak_mib: usage::peak_kib(&pids) as f64 / 1024.0,
            errors: (IDLE - alive) as u64,
            idle_bytes: Some(grown as f64 * 1024.0 / IDLE as f64),
            ..Sample::default()
        })
    }
}

/// A thread that takes what it gets of a core.
struct Rival {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<Duration>>,
}

impl Rival {
    fn start(core: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            usage::pin_thread(core)?;
            while !stopped.load(Ordering::Relaxed) {
                // Not a pause: hypervisors take the core away for that.
                std::hint::black_box((0..10_000_u64).fold(0, |a, b| std::hint::black_box(a ^ b)));
            }
            usage::thread_time()
        });
        Self { stop, thread }
    }

    /// Ends it. What it had of the core.
    fn stop(self) -> Result<Duration, LabError> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("the rival panicked")))
            .map_err(io("share the proxy's core"))
    }
}

impl From<LoadReport> for Seen {
    fn from(report: LoadReport) -> Self {
        Self {
            exchanges: report.exchanges,
            errors: report.errors,
            elapsed: report.elapsed,
            p50_us: report.latency.quantile(0.5),
            p99_us: report.latency.quantile(0.99),
        }
    }
}

/// Generator and servers are threads of this process, or wrk.
fn own_time() -> Result<Duration, LabError> {
    usage::own_time().map_err(io("look at the CPU time of the load"))
}

fn core_busy(core: usize) -> Result<Duration, LabError> {
    usage::core_busy(core).map_err(io("look at the machine's cores"))
}

fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> LabError {
    move |source| LabError::Io {
        what: what.into(),
        source,
    }
}
