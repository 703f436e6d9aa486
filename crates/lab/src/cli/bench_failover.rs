//! `halo-lab bench-failover`: outages and lost requests, Halo beside keepalived + HAProxy.
//!
//! Both pairs stand on the same switch at the same time, with adverts every 100 ms, in front of the
//! same servers. Their trials take turns, so that whatever else the machine does hits both.

mod halo;
mod pair;
mod rival;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use halo_lab::prober::{Ask, Prober};
use halo_lab::wrk::{Wrk, WrkReport};
use halo_lab::{Lab, LabError, find_tool};

use super::table::Table;
use halo::Halo;
use pair::{Change, Fault, PATIENCE, Pair};
use rival::Rival;

/// Answers without a break for this long mean that an outage is over.
const STEADY: Duration = Duration::from_secs(1);

/// wrk runs this long, with the change in the middle.
const LOAD_SECONDS: u32 = 6;

/// As many connections as the published figures.
const CONNECTIONS: u32 = 64;

pub(super) fn run(trials: u32, only_halo: bool) -> anyhow::Result<ExitCode> {
    find_tool("wrk")?;
    let mut builder = Lab::builder();
    if !only_halo {
        builder = builder.other("ka1", 31).other("ka2", 32);
    }
    let lab = builder.start()?;
    let halo = Halo::start(&lab)?;
    let first = halo.first_request;
    let mut pairs: Vec<Box<dyn Pair>> = vec![Box::new(halo)];
    if !only_halo {
        pairs.push(Box::new(Rival::start(&lab)?));
    }
    println!("{}", outages(&lab, &pairs, trials)?);
    println!("{}", losses(&lab, &pairs, trials)?);
    println!("{}", rest(&lab, first)?);
    Ok(ExitCode::SUCCESS)
}

fn outages(lab: &Lab, pairs: &[Box<dyn Pair + '_>], trials: u32) -> Result<String, LabError> {
    let mut head = vec!["outage in ms, median / worst".to_owned()];
    head.extend(pairs.iter().map(|pair| pair.name().to_owned()));
    let mut table = Table::new(head);
    for fault in Fault::ALL {
        let mut seen: Vec<Vec<Duration>> = vec![Vec::new(); pairs.len()];
        for trial in 1..=trials {
            for (pair, seen) in pairs.iter().zip(&mut seen) {
                let gap = outage(lab, pair.as_ref(), fault).map_err(|e| lab.with_logs(e))?;
                eprintln!(
                    "{fault}, {}, trial {trial}: {} ms",
                    pair.name(),
                    gap.as_millis()
                );
                seen.push(gap);
            }
        }
        let mut row = vec![fault.to_string()];
        row.extend(seen.iter_mut().map(|seen| {
            let (median, worst) = median_and_worst(seen);
            format!("{} / {}", median.as_millis(), worst.as_millis())
        }));
        table.row(row);
    }
    Ok(format!(
        "A client asks over HTTP every millisecond, each time on a new connection; adverts every \
         100 ms; {trials} trials each.\n\n{}",
        table.markdown()
    ))
}

fn outage(lab: &Lab, pair: &dyn Pair, fault: Fault) -> Result<Duration, LabError> {
    let client = lab.host("client")?;
    // keepalived does not always claim the address again when a cut heals, and a client then goes on
    // asking the node that gave it up, for half a minute and more. What is measured is the fault
    // alone: each trial begins with a client that asks anew.
    client.forget_neighbour(pair.vip())?;
    let prober = Prober::start(client, (pair.vip(), 80).into(), Ask::Http)?;
    prober.wait_steady(STEADY, PATIENCE)?;
    prober.reset();
    pair.inject(fault)?;
    pair.wait_moved()?;
    prober.wait_steady(STEADY, PATIENCE)?;
    let report = prober.stop();
    pair.repair(fault)?;
    pair.wait_home()?;
    Ok(report.longest_gap())
}

fn losses(lab: &Lab, pairs: &[Box<dyn Pair + '_>], trials: u32) -> Result<String, LabError> {
    let mut head = vec!["requests lost, median / worst".to_owned()];
    head.extend(pairs.iter().map(|pair| pair.name().to_owned()));
    let mut table = Table::new(head);
    let mut rates = vec![0.0; pairs.len()];
    for change in Change::ALL {
        let mut seen: Vec<Vec<u64>> = vec![Vec::new(); pairs.len()];
        for trial in 1..=trials {
            for (n, pair) in pairs.iter().enumerate() {
                let report = loss(lab, pair.as_ref(), change).map_err(|e| lab.with_logs(e))?;
                eprintln!("{change}, {}, trial {trial}: {report:?}", pair.name());
                seen[n].push(report.lost());
                rates[n] += report.per_second / f64::from(trials) / Change::ALL.len() as f64;
            }
        }
        let mut row = vec![change.to_string()];
        row.extend(seen.iter_mut().map(|seen| {
            let (median, worst) = median_and_worst(seen);
            format!("{median} / {worst}")
        }));
        table.row(row);
    }
    let mut row = vec!["(requests per second on average)".to_owned()];
    row.extend(rates.iter().map(|rate| format!("{rate:.0}")));
    table.row(row);
    Ok(format!(
        "wrk with {CONNECTIONS} connections for {LOAD_SECONDS} s, the change in the middle; {trials} \
         trials each.\n\n{}",
        table.markdown()
    ))
}

fn loss(lab: &Lab, pair: &dyn Pair, change: Change) -> Result<WrkReport, LabError> {
    let url = format!("http://{}/", pair.vip());
    let start = Instant::now();
    lab.host("client")?.forget_neighbour(pair.vip())?;
    let wrk = Wrk::start(lab.host("client")?, &url, CONNECTIONS, LOAD_SECONDS)?;
    let middle = Duration::from_secs(u64::from(LOAD_SECONDS) / 2);
    std::thread::sleep(middle.saturating_sub(start.elapsed()));
    pair.change(change)?;
    let report = wrk.finish()?;
    pair.undo(change)?;
    pair.wait_home()?;
    Ok(report)
}

fn rest(lab: &Lab, first: Duration) -> Result<String, LabError> {
    let (agent, data_plane) = lab.node("lb2")?.memory();
    let mib =
        |kib: Option<u64>| kib.map_or("?".into(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0));
    Ok(format!(
        "Resident memory of the standby node: agent {}, data plane {}.\n\
         From the start of halod on both nodes to the first request served through the VIP: {} ms.",
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
