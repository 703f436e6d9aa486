//! Requests lost under load while an operator does something.

use std::time::{Duration, Instant};

use halo_lab::wrk::{Wrk, WrkReport};
use halo_lab::{Lab, LabError};

use super::median_and_worst;
use super::pair::{Change, Pair};
use crate::cli::table::Table;

/// wrk runs this long, with the change in the middle.
const LOAD_SECONDS: u32 = 6;

/// As many connections as the published figures.
const CONNECTIONS: u32 = 64;

pub(super) fn losses(
    lab: &Lab,
    pairs: &[Box<dyn Pair + '_>],
    trials: u32,
) -> Result<String, LabError> {
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
