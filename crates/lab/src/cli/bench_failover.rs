//! `halo-lab bench-failover`: outages and lost requests, Halo beside keepalived + HAProxy.
//!
//! Both pairs stand on the same switch at the same time, in front of the same servers. Their trials
//! take turns, so that whatever else the machine does hits both.

mod calm;
mod halo;
mod load;
mod pair;
mod reflector;
mod rival;
mod setting;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use halo_lab::usage::Stolen;
use halo_lab::{Lab, LabError, StandstillWatch, Turn, find_tool};

use super::circumstances;
use super::table::Table;
use halo::Halo;
use pair::{Fault, Pair};
pub(super) use reflector::run as reflect;
use rival::Rival;
use setting::Setting;
pub(super) use setting::Transport;
use trial::Trial;

/// How many times as many trials are made as are wanted, at most, for undisturbed ones.
const ATTEMPTS: u32 = 4;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Trials of each fault.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    /// Times between adverts, in milliseconds.
    #[arg(long, value_delimiter = ',', default_value = "1000,100,10",
          value_parser = clap::value_parser!(u32).range(10..=40_950))]
    adverts: Vec<u32>,
    /// How adverts travel.
    #[arg(long, value_delimiter = ',', default_value = "unicast,multicast")]
    transports: Vec<Transport>,
    /// The faults; all of them if not given.
    #[arg(long, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Minutes of adverts each 10 ms with all cores busy; 0: none.
    #[arg(long, default_value_t = 5)]
    calm_minutes: u32,
    /// Those minutes and nothing else.
    #[arg(long)]
    only_calm: bool,
    /// Without the requests that a planned failover and a reload lose under load.
    #[arg(long)]
    no_load: bool,
    /// Halo alone.
    #[arg(long)]
    only_halo: bool,
    /// Write the page to this file too.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    find_tool("wrk")?;
    let mut text = String::from(
        "# Failover benchmarks\n\n<!-- Written by `make bench-failover`. -->\n\n\
         Two nodes of Halo, and two with keepalived and HAProxy, stand on one switch in front of the \
         same servers, in network namespaces of one machine. A client asks the virtual IP every \
         millisecond over HTTP, each time on a new connection, and every millisecond with a datagram \
         from a new port, which a small program on the nodes answers; every 2 ms another host asks by \
         ARP who has the address. An outage reaches from the last question that was answered before it \
         to the first one after it; one that lasts is counted up to its repair, half a minute later. What \
         asks, and what causes the fault, runs before ordinary programs. The pairs' trials take turns. \
         Figures are milliseconds, median / worst.\n\n",
    );
    text += &circumstances::machine()?;
    // So that all processes of a node freeze at once, not one of them a turn later.
    Turn::First.take();
    let before = Stolen::now()?;
    let adverts = if options.only_calm {
        &[]
    } else {
        options.adverts.as_slice()
    };
    for advert_ms in adverts {
        for transport in &options.transports {
            let setting = Setting {
                advert_ms: *advert_ms,
                transport: *transport,
            };
            text += &section(options, setting)?;
        }
    }
    if options.calm_minutes > 0 {
        let time = Duration::from_secs(u64::from(options.calm_minutes) * 60);
        text += &calm::section(time, options.only_halo)?;
    }
    text += &format!("\n{}\n", Stolen::now()? - before);
    println!("{text}");
    if let Some(file) = &options.write {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn section(options: &Options, setting: Setting) -> Result<String, LabError> {
    let lab = setting.lab(options.only_halo)?;
    let halo = Halo::start(&lab)?;
    let first = halo.first_request;
    let mut pairs: Vec<Box<dyn Pair>> = vec![Box::new(halo)];
    if !options.only_halo {
        pairs.push(Box::new(Rival::start(&lab, setting)?));
    }
    let faults = match options.faults.as_slice() {
        [] => Fault::ALL.to_vec(),
        some => some.to_vec(),
    };
    let mut text = format!(
        "\n## {setting}\n\n{} trials of each fault.\n\n",
        options.trials
    );
    text += &outages(&lab, &pairs, &faults, (setting, options.trials))?;
    if !options.no_load {
        text += &format!("\n{}", load::losses(&lab, &pairs, options.trials)?);
    }
    text += &format!("\n{}\n", rest(&lab, first)?);
    Ok(text)
}

fn outages(
    lab: &Lab,
    pairs: &[Box<dyn Pair + '_>],
    faults: &[Fault],
    (setting, trials): (Setting, u32),
) -> Result<String, LabError> {
    let watch = StandstillWatch::start().map_err(|source| LabError::Io {
        what: "watch the processors".into(),
        source,
    })?;
    let mut head = vec![String::new()];
    for what in ["HTTP", "UDP", "two answer ARP"] {
        head.extend(pairs.iter().map(|pair| format!("{what}, {}", pair.name())));
    }
    let mut table = Table::new(head);
    let mut repeated = vec![0; pairs.len()];
    for fault in faults {
        let (seen, again) = trials_of(lab, &watch, pairs, *fault, (setting, trials))?;
        for (repeated, again) in repeated.iter_mut().zip(again) {
            *repeated += again;
        }
        let mut row = vec![fault.to_string()];
        for figure in [Trial::http_ms, Trial::udp_ms, Trial::dispute_ms] {
            row.extend(seen.iter().map(|trials| {
                let mut values: Vec<u128> = trials.iter().map(figure).collect();
                match median_and_worst(&mut values) {
                    _ if trials.is_empty() => "-".to_owned(),
                    (median, worst) => format!("{median} / {worst}"),
                }
            }));
        }
        table.row(row);
    }
    let repeated = pairs.iter().zip(repeated);
    let repeated: Vec<String> = repeated
        .map(|(pair, trials)| format!("{trials} of {}", pair.name()))
        .collect();
    Ok(format!(
        "{}\nTrials were repeated in which a processor left the most urgent program waiting for more than {} ms, \
         or {} ms where the other node is told of the fault (the hypervisor kept the processor, or the kernel \
         did): {}.\n",
        table.markdown(),
        setting.tolerance(Fault::Cut).as_millis(),
        setting.tolerance(Fault::Stop).as_millis(),
        repeated.join(", ")
    ))
}

/// The trials of one fault by each pair, and how many of each had to be repeated.
fn trials_of(
    lab: &Lab,
    watch: &StandstillWatch,
    pairs: &[Box<dyn Pair + '_>],
    fault: Fault,
    (setting, trials): (Setting, u32),
) -> Result<(Vec<Vec<Trial>>, Vec<u32>), LabError> {
    let mut seen: Vec<Vec<Trial>> = pairs.iter().map(|_| Vec::new()).collect();
    let mut repeated = vec![0; pairs.len()];
    for attempt in 1..=trials * ATTEMPTS {
        // A machine that stands still again and again is measured as it is, in the end.
        let may_repeat = attempt <= trials * (ATTEMPTS - 1);
        for ((pair, seen), repeated) in pairs.iter().zip(&mut seen).zip(&mut repeated) {
            if !pair.knows(fault) || seen.len() >= trials as usize {
                continue;
            }
            let trial = trial::run(lab, watch, pair.as_ref(), fault)
                .map_err(|error| lab.with_logs(error))?;
            let (name, number) = (pair.name(), seen.len() + 1);
            eprintln!("{setting}, {fault}, {name}, trial {number}: {trial}");
            if may_repeat && trial.is_disturbed(setting.tolerance(fault)) {
                *repeated += 1;
            } else {
                seen.push(trial);
            }
        }
    }
    Ok((seen, repeated))
}

fn rest(lab: &Lab, first: Duration) -> Result<String, LabError> {
    let (agent, data_plane) = lab.node("lb2")?.memory();
    let mib =
        |kib: Option<u64>| kib.map_or("?".into(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0));
    Ok(format!(
        "Resident memory of Halo's standby node: agent {}, data plane {}. From the start of halod on \
         both nodes to the first request served through the VIP: {} ms.",
        mib(agent),
        mib(data_plane),
        first.as_millis()
    ))
}

/// The upper median, and the largest.
fn median_and_worst<T: Ord + Copy + Default>(values: &mut [T]) -> (T, T) {
    values.sort_unstable();
    let median = values.get(values.len() / 2).copied().unwrap_or_default();
    (median, values.last().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_upper_of_the_middle_two() {
        assert_eq!(median_and_worst(&mut [4, 1, 3, 2]), (3, 4));
        assert_eq!(median_and_worst(&mut [5]), (5, 5));
    }
}
