//! Heartbeats every 10 ms on a machine without a core to spare: who fails over without a failure?

use std::time::{Duration, Instant};

use halo_lab::{Lab, LabError, Process};

use super::pair::Pair;
use super::rival::Rival;
use super::setting::{Setting, Transport};
use super::{Halo, Table};

const SETTING: Setting = Setting {
    advert_ms: 10,
    transport: Transport::Unicast,
};

/// Processes that compute, for each core.
const BUSY_PER_CORE: usize = 2;

pub(super) fn section(time: Duration, only_halo: bool) -> Result<String, LabError> {
    let mut table = Table::new(["", "adverts sent", "moves"].map(str::to_owned).to_vec());
    for precedence in [true, false] {
        let lab = SETTING.lab(only_halo)?;
        let halo = Halo::prepare(&lab)?;
        for node in lab.nodes() {
            match precedence {
                true => node.start_halod()?,
                false => node.start_halod_without_precedence()?,
            }
        }
        halo.wait_home()?;
        let rival = match only_halo || !precedence {
            true => None,
            false => Some(Rival::start(&lab, SETTING)?),
        };
        let before = (halo_moves(&lab)?, halo_sent(&lab)?);
        let rival_before = rival.as_ref().map(Rival::moves);
        let busy = saturate(&lab)?;
        let end = Instant::now() + time;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_secs(1).min(end - Instant::now()));
        }
        drop(busy);
        halo.wait_home().map_err(|error| lab.with_logs(error))?;
        let moves = halo_moves(&lab)? - before.0;
        let sent = halo_sent(&lab)? - before.1;
        let name = match precedence {
            true => "Halo, real-time scheduling permitted",
            false => "Halo, neither real-time scheduling nor nice permitted",
        };
        eprintln!("{name}: {moves} moves, {sent} adverts");
        table.row(vec![name.into(), sent.to_string(), moves.to_string()]);
        if let (Some(rival), Some(before)) = (&rival, rival_before) {
            let moves = rival.moves() - before;
            eprintln!("keepalived: {moves} moves");
            table.row(vec![
                "keepalived, as Debian has it".into(),
                "-".into(),
                moves.to_string(),
            ]);
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!(
        "\n## False failovers\n\nAdverts every 10 ms, unicast, for {} s with {} processes that only \
         compute on {cores} cores. A move is a node that became Active.\n\n{}",
        time.as_secs(),
        cores * BUSY_PER_CORE,
        table.markdown()
    ))
}

/// Keeps every core busy until dropped.
fn saturate(lab: &Lab) -> Result<Vec<Process>, LabError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let client = lab.host("client")?;
    let spin = |_| client.spawn("busy", "/bin/sh", ["-c", "while :; do :; done"]);
    (0..cores * BUSY_PER_CORE).map(spin).collect()
}

/// How often any node of Halo became Active.
fn halo_moves(lab: &Lab) -> Result<u64, LabError> {
    let moves = |node: &halo_lab::Node| {
        let status = node.agent_status()?;
        Ok(status.vips.iter().map(|vip| vip.became_active).sum::<u64>())
    };
    lab.nodes().iter().map(moves).sum()
}

fn halo_sent(lab: &Lab) -> Result<u64, LabError> {
    let status = lab.node("lb1")?.agent_status()?;
    Ok(status.vips.iter().map(|vip| vip.adverts_sent).sum())
}
