//! `halo-sim`: plays seeds and says which break a rule of failover.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use halo_sim::{Plan, QuorumPlan, Violation, run, run_group, run_quorum, run_traced};

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
    /// One virtual router, a quorum (three to seven voters, whatever --nodes says), a sync group, both, or each.
    #[arg(long, value_enum, default_value = "all")]
    mode: Mode,
}

/// A sync group with a quorum takes as long as all else together: of the seeds that are played as each, one in
/// this many is played so.
const FEW: u64 = 8;

impl Mode {
    /// The kinds of cluster to play a seed as.
    fn kinds(self, seed: u64) -> &'static [Self] {
        match self {
            Self::Plain => &[Self::Plain],
            Self::Quorum => &[Self::Quorum],
            Self::Group => &[Self::Group],
            Self::QuorumGroup => &[Self::QuorumGroup],
            Self::All if seed.is_multiple_of(FEW) => {
                &[Self::Plain, Self::Quorum, Self::Group, Self::QuorumGroup]
            }
            Self::All => &[Self::Plain, Self::Quorum, Self::Group],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Quorum => "quorum",
            Self::Group => "group",
            Self::QuorumGroup => "quorum-group",
            Self::All => "all",
        }
    }
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

/// Which kind of cluster is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Availability first: no quorum.
    Plain,
    /// A majority decides.
    Quorum,
    /// Several virtual routers that move together, without a quorum.
    Group,
    /// Several that move together, and a majority that decides about each.
    QuorumGroup,
    /// Each seed as each; one in eight with a sync group and a quorum.
    All,
}

/// What a seed came to.
struct Outcome {
    steps: u64,
    transitions: u64,
    discarded: u64,
    violation: Option<Violation>,
    trace: Vec<String>,
}

/// What all seeds came to.
#[derive(Debug, Default)]
struct Sum {
    steps: u64,
    transitions: u64,
    discarded: u64,
    /// The lowest seed that broke a rule, and as what kind of cluster.
    failed: Option<(u64, Mode)>,
}

impl Sum {
    fn add(&mut self, seed: u64, mode: Mode, outcome: &Outcome) {
        self.steps += outcome.steps;
        self.transitions += outcome.transitions;
        self.discarded += outcome.discarded;
        if outcome.violation.is_some() {
            self.failed = lower(self.failed, Some((seed, mode)));
        }
    }

    fn merge(mut self, other: &Self) -> Self {
        self.steps += other.steps;
        self.transitions += other.transitions;
        self.discarded += other.discarded;
        self.failed = lower(self.failed, other.failed);
        self
    }
}

/// The failure with the lower seed.
fn lower(one: Option<(u64, Mode)>, two: Option<(u64, Mode)>) -> Option<(u64, Mode)> {
    one.into_iter().chain(two).min_by_key(|(seed, _)| *seed)
}

/// Plays a seed as one kind of cluster.
fn play_seed(seed: u64, mode: Mode, nodes: (usize, usize), traced: bool) -> Outcome {
    if matches!(mode, Mode::Quorum | Mode::QuorumGroup) {
        let plan = match mode {
            Mode::Quorum => QuorumPlan::from_seed(seed),
            _ => QuorumPlan::of_group(seed),
        };
        let report = run_quorum(&plan, None, traced);
        let nodes = plan.nodes.iter().enumerate();
        let mut trace: Vec<_> = nodes.map(|(i, node)| format!("lb{i}: {node:?}")).collect();
        trace.extend(report.trace);
        return Outcome {
            steps: report.steps,
            transitions: report.transitions,
            discarded: 0,
            violation: report.violation,
            trace,
        };
    }
    let plan = Plan::from_seed(seed, nodes);
    let report = match (mode, traced) {
        (Mode::Group, traced) => run_group(&plan, None, traced),
        (_, true) => run_traced(&plan, None),
        (_, false) => run(&plan, None),
    };
    let nodes = plan.nodes.iter().enumerate();
    let mut trace: Vec<_> = nodes.map(|(i, node)| format!("lb{i}: {node:?}")).collect();
    trace.extend(report.trace);
    Outcome {
        steps: report.steps,
        transitions: report.transitions,
        discarded: report.discarded,
        violation: report.violation,
        trace,
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(seed) = options.seed {
        let kinds = options.mode.kinds(seed);
        let codes: Vec<ExitCode> = kinds
            .iter()
            .map(|kind| replay(seed, *kind, options.nodes, options.trace))
            .collect();
        let failed = codes.into_iter().find(|code| *code != ExitCode::SUCCESS);
        return failed.unwrap_or(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    let until = options.from.saturating_add(options.seeds);
    let sum = play(options.from, until, &options);
    println!(
        "{} seeds ({}), {} steps, {} state changes, {} damaged packets discarded, in {:.1} s",
        options.seeds,
        match options.mode {
            Mode::Plain => "without a quorum",
            Mode::Quorum => "with a quorum",
            Mode::Group => "with a sync group",
            Mode::QuorumGroup => "with a sync group and a quorum",
            Mode::All => "each alone, with a quorum and with a sync group, one in eight with both",
        },
        sum.steps,
        sum.transitions,
        sum.discarded,
        started.elapsed().as_secs_f64()
    );
    match sum.failed {
        Some((seed, mode)) => replay(seed, mode, options.nodes, true),
        None => {
            println!("no rule was broken");
            ExitCode::SUCCESS
        }
    }
}

/// Plays the seeds on every core; after a violation, only lower seeds are played on.
fn play(from: u64, until: u64, options: &Options) -> Sum {
    let next = AtomicU64::new(from);
    let limit = AtomicU64::new(until);
    let work = || {
        let mut sum = Sum::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= limit.load(Ordering::Relaxed) {
                return sum;
            }
            for mode in options.mode.kinds(seed) {
                let outcome = play_seed(seed, *mode, options.nodes, false);
                sum.add(seed, *mode, &outcome);
                if outcome.violation.is_some() {
                    limit.fetch_min(seed, Ordering::Relaxed);
                }
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
fn replay(seed: u64, mode: Mode, nodes: (usize, usize), trace: bool) -> ExitCode {
    let outcome = play_seed(seed, mode, nodes, trace);
    let mut lines = if trace { outcome.trace } else { Vec::new() };
    let word = mode.word();
    lines.push(format!(
        "seed {seed}, {word}: {} steps, {} state changes",
        outcome.steps, outcome.transitions
    ));
    let code = match outcome.violation {
        None => {
            lines.push("no rule was broken".to_owned());
            ExitCode::SUCCESS
        }
        Some(violation) => {
            let (least, most) = nodes;
            lines.push(format!("seed {seed}: {violation}"));
            lines.push(format!(
                "replay: cargo run --release -p halo-sim -- --mode {word} --seed {seed} --nodes {least}..{most} --trace"
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
