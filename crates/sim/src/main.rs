//! `halo-sim`: plays seeds and says which break a rule of failover.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use halo_sim::{Plan, Report, run, run_traced};

/// Plays Halo's failover in virtual time, with faults drawn from seeds.
#[derive(Debug, Parser)]
#[command(name = "halo-sim", version)]
struct Options {
    /// How many seeds to play.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Play this seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print what happens, step by step; with --seed.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Nodes of a cluster, least and most: `3` or `2..7`.
    #[arg(long, default_value = "2..7", value_parser = parse_nodes)]
    nodes: (usize, usize),
}

/// `3` or `2..7`, within 2 to 7.
fn parse_nodes(text: &str) -> Result<(usize, usize), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| {
        text.trim_start_matches('=')
            .parse::<usize>()
            .ok()
            .filter(|count| (2..=7).contains(count))
            .ok_or_else(|| format!("`{text}` is not a number of nodes from 2 to 7"))
    };
    let (least, most) = (number(least)?, number(most)?);
    if least > most {
        return Err(format!("{least} is more than {most}"));
    }
    Ok((least, most))
}

/// What all seeds came to.
#[derive(Debug, Default)]
struct Sum {
    steps: u64,
    transitions: u64,
    discarded: u64,
    /// The lowest seed that broke a rule.
    failed: Option<u64>,
}

impl Sum {
    fn add(&mut self, seed: u64, report: &Report) {
        self.steps += report.steps;
        self.transitions += report.transitions;
        self.discarded += report.discarded;
        if report.violation.is_some() {
            self.failed = Some(self.failed.map_or(seed, |failed| failed.min(seed)));
        }
    }

    fn merge(mut self, other: &Self) -> Self {
        self.steps += other.steps;
        self.transitions += other.transitions;
        self.discarded += other.discarded;
        self.failed = match (self.failed, other.failed) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(seed) = options.seed {
        return replay(seed, options.nodes, options.trace);
    }
    let started = Instant::now();
    let until = options.from.saturating_add(options.seeds);
    let sum = play(options.from, until, options.nodes);
    println!(
        "{} seeds, {} steps, {} state changes, {} damaged packets discarded, in {:.1} s",
        options.seeds,
        sum.steps,
        sum.transitions,
        sum.discarded,
        started.elapsed().as_secs_f64()
    );
    match sum.failed {
        Some(seed) => replay(seed, options.nodes, true),
        None => {
            println!("no rule was broken");
            ExitCode::SUCCESS
        }
    }
}

/// Plays the seeds on every core; after a violation, only lower seeds are played on.
fn play(from: u64, until: u64, nodes: (usize, usize)) -> Sum {
    let next = AtomicU64::new(from);
    let limit = AtomicU64::new(until);
    let work = || {
        let mut sum = Sum::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= limit.load(Ordering::Relaxed) {
                return sum;
            }
            let report = run(&Plan::from_seed(seed, nodes), None);
            sum.add(seed, &report);
            if report.violation.is_some() {
                limit.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().fold(Sum::default(), |sum, worker| {
            let part = worker
                .join()
                .unwrap_or_else(|cause| std::panic::resume_unwind(cause));
            sum.merge(&part)
        })
    })
}

/// Plays one seed and prints what happened.
fn replay(seed: u64, nodes: (usize, usize), trace: bool) -> ExitCode {
    let plan = Plan::from_seed(seed, nodes);
    let report = run_traced(&plan, None);
    let mut lines = Vec::new();
    if trace {
        let nodes = plan.nodes.iter().enumerate();
        lines.extend(nodes.map(|(index, node)| format!("lb{index}: {node:?}")));
        lines.extend(report.trace);
    }
    let (steps, transitions) = (report.steps, report.transitions);
    lines.push(format!(
        "seed {seed}: {steps} steps, {transitions} state changes"
    ));
    let code = match report.violation {
        None => {
            lines.push("no rule was broken".to_owned());
            ExitCode::SUCCESS
        }
        Some(violation) => {
            let (least, most) = nodes;
            lines.push(format!("seed {seed}: {violation}"));
            lines.push(format!(
                "replay: cargo run --release -p halo-sim -- --seed {seed} --nodes {least}..{most} --trace"
            ));
            ExitCode::FAILURE
        }
    };
    // A reader that has seen enough (`| head`) is no failure of the run.
    match writeln!(std::io::stdout().lock(), "{}", lines.join("\n")) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Ok(()) | Err(_) => code,
    }
}
