//! `halo-lab bench`: what a request costs, Halo beside HAProxy and nginx.
//!
//! Every proxy has a host of its own on one switch, in front of the same servers, and all of them the
//! same core; generator and servers have the other. Rounds of one workload take turns, so that
//! whatever else the machine does hits all alike.

mod config;
mod contender;
mod measure;
mod page;
mod sample;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use halo_lab::origin::Origin;
use halo_lab::{Lab, find_tool};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use contender::{Contender, Kind};
use measure::Bench;
use page::Page;
use sample::Results;
pub(super) use workload::Workload;

/// The core of the proxy.
const PROXY_CORE: usize = 0;
/// The core of generator and servers.
const OTHER_CORE: usize = 1;
const CORES: [usize; 2] = [PROXY_CORE, OTHER_CORE];

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Rounds of each workload and proxy.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Length of a round.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Workers of the proxy, each with a core: the second one is that of generator and servers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    workers: u32,
    /// Another HAProxy to run as well, such as a newer one.
    #[arg(long, env = "HALO_BENCH_HAPROXY", value_name = "PROGRAM")]
    haproxy: Option<String>,
    /// Halo alone.
    #[arg(long)]
    only_halo: bool,
    /// Write the page to this file too.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// The workloads; all of them if not given.
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<Workload>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    find_tool("wrk")?;
    raise_file_limit()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < CORES.len() {
        bail!("the benchmark takes two cores, one of them for the proxy; this machine has {cores}");
    }
    let kinds = kinds(options)?;
    let mut builder = Lab::builder().nodes(1).apps(0).other("origin", 60);
    for (at, kind) in kinds.iter().enumerate().skip(1) {
        builder = builder.other(kind.host(), 30 + u8::try_from(at)?);
    }
    let lab = builder.start()?;
    lab.prepare_for_benchmarks()?;
    let origin = Origin::start(lab.host("origin")?, OTHER_CORE)?;
    let workers = options.workers as usize;
    let contenders = kinds
        .into_iter()
        .map(|kind| Contender::new(&lab, kind, workers))
        .collect::<Result<Vec<_>, _>>()?;
    let workloads = match options.workloads.as_slice() {
        [] => Workload::ALL.to_vec(),
        some => some.to_vec(),
    };
    let bench = Bench::new(&lab, options.seconds)?;
    let mut results = Results::default();
    for workload in workloads {
        measure_in_turns(&bench, &contenders, workload, options.rounds, &mut results)
            .map_err(|error| lab.with_logs(error))?;
    }
    origin.stop()?;
    let page = Page {
        contenders: &contenders,
        results: &results,
        workers,
        rounds: options.rounds,
        seconds: options.seconds,
    };
    let text = page.markdown()?;
    println!("{text}");
    if let Some(file) = &options.write {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(match results.is_complete() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The cores of a proxy with so many workers, as `taskset` takes them.
fn proxy_cores(workers: usize) -> String {
    let cores: Vec<String> = CORES.iter().take(workers).map(usize::to_string).collect();
    cores.join(",")
}

fn measure_in_turns(
    bench: &Bench<'_>,
    contenders: &[Contender],
    workload: Workload,
    rounds: u32,
    results: &mut Results,
) -> Result<(), halo_lab::LabError> {
    let able: Vec<&Contender> = contenders
        .iter()
        .filter(|contender| contender.can(workload))
        .collect();
    for round in 0..rounds {
        // Another one begins each time: none is always the first after the others' noise.
        for turn in 0..able.len() {
            let contender = able[(turn + round as usize) % able.len()];
            if workload == Workload::Scaling {
                measure_scaling(bench, contender, round, results)?;
                continue;
            }
            let sample = bench.sample(workload, contender)?;
            eprintln!(
                "{workload}, {}, round {}: {sample}",
                contender.name(),
                round + 1
            );
            results.add(workload, contender.name(), sample);
        }
    }
    Ok(())
}

/// One worker, then two, under the same generator.
fn measure_scaling(
    bench: &Bench<'_>,
    contender: &Contender,
    round: u32,
    results: &mut Results,
) -> Result<(), halo_lab::LabError> {
    let workload = Workload::Scaling;
    for workers in 1..=CORES.len() {
        contender.restart_with(workers)?;
        let name = page::with_workers(contender.name(), workers);
        let sample = bench.sample(workload, contender)?;
        eprintln!("{workload}, {name}, round {}: {sample}", round + 1);
        results.add(workload, &name, sample);
    }
    contender.restart()
}

/// Halo first, then those that it is compared with.
fn kinds(options: &Options) -> anyhow::Result<Vec<Kind>> {
    let mut kinds = vec![Kind::Halo];
    if !options.only_halo {
        let debian = find_tool("haproxy")?;
        kinds.push(Kind::Haproxy {
            program: debian.clone(),
        });
        kinds.push(Kind::HaproxySplice { program: debian });
        kinds.push(Kind::Nginx {
            program: find_tool("nginx")?,
        });
        if let Some(program) = &options.haproxy {
            kinds.push(Kind::NewerHaproxy {
                program: find_tool(program)?,
            });
        }
    }
    Ok(kinds)
}

/// Ten thousand idle connections take as many files on either side, and proxies as many again.
fn raise_file_limit() -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}
