//! `hactl status` for people.

use halo_api::{
    AdminState, AgentStatus, DataPlaneStatus, HealthState, PeerStatus, PoolStatus, ProcessState,
    ServerStatus, Status, TrackerState, TrackerStatus, UnixMillis, VipState, VipStatus,
};

use super::style::Tone;
use super::table::{Align, Cell, Table};
use super::time::{ago, span};
use super::view::View;

/// The page for a node, as of `now`.
pub(crate) fn view(status: &Status, now: UnixMillis) -> View {
    let mut view = View::default();
    headline(&mut view, &status.agent, now);
    data_plane_line(&mut view, status, now);
    for warning in &status.agent.warnings {
        let text = format!("! {warning}");
        view.line(vec![(text, Tone::Attention)]);
    }
    view.table(vips(&status.agent, now));
    if !status.agent.peers.is_empty() {
        view.table(peers(&status.agent.peers));
    }
    if !status.agent.trackers.is_empty() {
        view.table(trackers(&status.agent.trackers, now));
    }
    if let Some(data_plane) = &status.data_plane {
        view.table(listeners(data_plane));
        if !data_plane.pools.is_empty() {
            view.table(pools(&data_plane.pools, now));
        }
    }
    view
}

fn headline(view: &mut View, agent: &AgentStatus, now: UnixMillis) {
    let rest = format!(
        "  cluster {}, halo {}, up {}, configuration {}",
        agent.cluster,
        agent.version,
        span(now.saturating_sub(agent.started)),
        agent.config_generation
    );
    view.line(vec![
        (agent.node.clone(), Tone::Heading),
        (rest, Tone::Normal),
    ]);
}

fn data_plane_line(view: &mut View, status: &Status, now: UnixMillis) {
    let process = &status.agent.data_plane;
    let (state, tone) = match process.state {
        ProcessState::Starting => ("starting", Tone::Attention),
        ProcessState::Ready => ("ready", Tone::Good),
        ProcessState::Down => ("DOWN", Tone::Bad),
        ProcessState::Stopping => ("stopping", Tone::Attention),
    };
    let mut rest = format!(" for {}", span(now.saturating_sub(process.since)));
    if let Some(pid) = process.pid {
        rest.push_str(&format!(", pid {pid}"));
    }
    if let Some(data_plane) = &status.data_plane {
        rest.push_str(&format!(", {} workers", data_plane.workers));
    }
    match process.restarts {
        0 => {}
        1 => rest.push_str(", restarted once"),
        times => rest.push_str(&format!(", restarted {times} times")),
    }
    view.line(vec![
        ("data plane ".to_owned(), Tone::Normal),
        (state.to_owned(), tone),
        (rest, Tone::Normal),
    ]);
    if status.data_plane.is_none() {
        let text = match process.state {
            ProcessState::Ready => {
                "! the data plane does not answer hactl; this is what the agent knows"
            }
            ProcessState::Starting | ProcessState::Down | ProcessState::Stopping => {
                "! the data plane serves nobody; this is what the agent knows"
            }
        };
        view.line(vec![(text.to_owned(), Tone::Bad)]);
    }
}

fn vips(agent: &AgentStatus, now: UnixMillis) -> Table {
    let mut table = Table::new(&[
        ("VIP", Align::Left),
        ("STATE", Align::Left),
        ("HOLDER", Align::Left),
        ("SINCE", Align::Left),
        ("ADDRESSES", Align::Left),
        ("INTERFACE", Align::Left),
        ("PRIORITY", Align::Right),
        ("WHY", Align::Left),
    ]);
    for vip in &agent.vips {
        table.row(vec![
            vip.name.clone().into(),
            vip_state(vip.state),
            holder(vip),
            ago(vip.since, now).into(),
            vip.addresses.join(" ").into(),
            vip.interface.clone().into(),
            priority(vip).into(),
            vip.why.clone().into(),
        ]);
    }
    table
}

fn vip_state(state: VipState) -> Cell {
    match state {
        VipState::Initialize => Cell::new("INITIALIZE", Tone::Attention),
        VipState::Standby => Cell::new("STANDBY", Tone::Normal),
        VipState::Active => Cell::new("ACTIVE", Tone::Good),
    }
}

fn holder(vip: &VipStatus) -> Cell {
    match &vip.holder {
        Some(holder) => holder.clone().into(),
        None => Cell::new("unknown", Tone::Attention),
    }
}

fn priority(vip: &VipStatus) -> String {
    if vip.priority == vip.effective_priority {
        vip.priority.to_string()
    } else {
        format!("{} (now {})", vip.priority, vip.effective_priority)
    }
}

fn peers(peers: &[PeerStatus]) -> Table {
    let mut table = Table::new(&[
        ("PEER", Align::Left),
        ("ADDRESS", Align::Left),
        ("STATE", Align::Left),
        ("HEARD", Align::Left),
        ("HOLDS", Align::Left),
    ]);
    for peer in peers {
        let state = match peer.ready {
            Some(true) => "ready".into(),
            Some(false) => Cell::new("NOT READY", Tone::Attention),
            None => Cell::new("no word", Tone::Quiet),
        };
        let heard = match peer.last_heard_ms {
            Some(millis) => format!("{} ago", span(millis)).into(),
            None => Cell::new("never", Tone::Quiet),
        };
        let holds = match peer.active_for.as_slice() {
            [] => Cell::new("nothing", Tone::Quiet),
            vips => vips.join(" ").into(),
        };
        table.row(vec![
            peer.name.clone().into(),
            peer.address.clone().into(),
            state,
            heard,
            holds,
        ]);
    }
    table
}

fn trackers(trackers: &[TrackerStatus], now: UnixMillis) -> Table {
    let mut table = Table::new(&[
        ("TRACKER", Align::Left),
        ("CHECK", Align::Left),
        ("STATE", Align::Left),
        ("SINCE", Align::Left),
        ("IF IT FAILS", Align::Left),
        ("VIPS", Align::Left),
        ("FOUND", Align::Left),
    ]);
    for tracker in trackers {
        let state = match tracker.state {
            TrackerState::Good => Cell::new("good", Tone::Good),
            TrackerState::Unknown => Cell::new("unknown", Tone::Attention),
            TrackerState::Failed => Cell::new("FAILED", Tone::Bad),
        };
        let effect = match tracker.weight {
            Some(weight) => format!("priority - {weight}"),
            None => "gives way".to_owned(),
        };
        table.row(vec![
            tracker.name.clone().into(),
            tracker.check.clone().into(),
            state,
            ago(tracker.since, now).into(),
            effect.into(),
            tracker.vips.join(" ").into(),
            tracker.finding.clone().into(),
        ]);
    }
    table
}

fn listeners(data_plane: &DataPlaneStatus) -> Table {
    let mut table = Table::new(&[
        ("LISTENER", Align::Left),
        ("PROTOCOL", Align::Left),
        ("BIND", Align::Left),
        ("OPEN", Align::Right),
        ("ACCEPTED", Align::Right),
        ("REQUESTS", Align::Right),
        ("4xx", Align::Right),
        ("5xx", Align::Right),
    ]);
    for listener in &data_plane.listeners {
        let http = listener.protocol == "http";
        let only_http = |count: u64| if http { count.to_string() } else { "-".into() };
        table.row(vec![
            listener.name.clone().into(),
            listener.protocol.clone().into(),
            listener.bind.join(" ").into(),
            listener.connections.to_string().into(),
            listener.connections_total.to_string().into(),
            only_http(listener.requests_total).into(),
            only_http(listener.responses_total[3]).into(),
            only_http(listener.responses_total[4]).into(),
        ]);
    }
    table
}

fn pools(pools: &[PoolStatus], now: UnixMillis) -> Table {
    let mut table = Table::new(&[
        ("POOL", Align::Left),
        ("SERVER", Align::Left),
        ("STATE", Align::Left),
        ("SINCE", Align::Left),
        ("ADDRESS", Align::Left),
        ("WEIGHT", Align::Right),
        ("ACTIVE", Align::Right),
        ("TOTAL", Align::Right),
        ("LAST CHECK", Align::Left),
    ]);
    for pool in pools {
        for (index, server) in pool.servers.iter().enumerate() {
            let name = if index == 0 { pool.name.as_str() } else { "" };
            table.row(vec![
                name.into(),
                server.name.clone().into(),
                server_state(server),
                ago(server.since, now).into(),
                server.address.clone().into(),
                server.weight.to_string().into(),
                server.active.to_string().into(),
                server.total.to_string().into(),
                server.last_check.clone().unwrap_or_default().into(),
            ]);
        }
    }
    table
}

fn server_state(server: &ServerStatus) -> Cell {
    let (health, tone) = match server.health {
        HealthState::Up => ("up", Tone::Good),
        HealthState::Unchecked => ("unchecked", Tone::Normal),
        HealthState::Unknown => ("unknown", Tone::Attention),
        HealthState::Down => ("DOWN", Tone::Bad),
    };
    match server.admin {
        AdminState::Ready => Cell::new(health, tone),
        AdminState::Drain => Cell::new(format!("drain ({health})"), Tone::Attention),
        AdminState::Maint => Cell::new("maint", Tone::Attention),
    }
}

#[cfg(test)]
#[path = "status/tests.rs"]
mod tests;
