//! What the data plane says of itself.

use std::time::Duration;

use halo_admin::{Failure, Readiness, Sample};
use halo_api::{AdminState, DataPlaneStatus, HealthState, PoolStatus, ServerStatus, Status};
use halo_proxy::{Counters, PoolCounters, ServerCounters};

use super::control::{Applied, DataPlane, Phase};
use super::servers::{Entry, Servers};

/// The agent tells its status once a second; after three that it did not, something is wrong.
const AGENT_SILENCE: Duration = Duration::from_secs(3);

impl DataPlane {
    /// Everything that is known of the node.
    pub(super) fn sample(&self) -> Result<Sample, Failure> {
        let (Some((agent, heard)), Some(applied)) = (&self.agent, &self.applied) else {
            return Err(Failure::Unavailable(
                "the node is starting: the agent has not told its status yet; try again".into(),
            ));
        };
        let counters = applied.proxy.counters();
        let mut agent = agent.clone();
        agent.warnings.extend(stale(heard.elapsed()));
        agent.warnings.extend(warnings(&self.servers));
        Ok(Sample {
            access_log_dropped: counters.access_log_dropped,
            checks: self.servers.checks(),
            status: Status {
                agent,
                data_plane: Some(self.data_plane_status(applied, counters)),
            },
        })
    }

    /// Whether the node can serve.
    pub(super) fn readiness(&self) -> Readiness {
        match self.phase {
            Phase::Ready => Readiness::Ready,
            Phase::Starting => {
                Readiness::NotReady("the data plane is starting: listeners are being bound".into())
            }
            Phase::FirstChecks { .. } => {
                Readiness::NotReady("the first health checks have not finished".into())
            }
            Phase::Draining => {
                Readiness::NotReady("the node is stopping: requests in flight finish".into())
            }
        }
    }

    fn data_plane_status(&self, applied: &Applied, counters: Counters) -> DataPlaneStatus {
        DataPlaneStatus {
            pid: std::process::id(),
            started: self.started,
            workers: applied.proxy.workers(),
            worker_connections: applied.proxy.connections(),
            config_generation: applied.generation,
            listeners: counters.listeners,
            pools: counters
                .pools
                .into_iter()
                .map(|pool| pool_status(pool, &self.servers))
                .collect(),
        }
    }
}

fn pool_status(pool: PoolCounters, servers: &Servers) -> PoolStatus {
    let statuses = pool.servers.into_iter().filter_map(|counters| {
        let entry = servers.get(&pool.name, &counters.name)?;
        Some(server_status(counters, entry))
    });
    PoolStatus {
        servers: statuses.collect(),
        balance: pool.balance.to_owned(),
        name: pool.name,
    }
}

fn server_status(counters: ServerCounters, entry: &Entry) -> ServerStatus {
    ServerStatus {
        name: counters.name,
        address: counters.address,
        weight: entry.weight,
        admin: entry.health.admin(),
        health: entry.health.health(),
        last_check: entry.health.last_check().map(str::to_owned),
        since: entry.since,
        active: counters.active,
        total: counters.total,
        connect_failures: counters.connect_failures,
        retries: counters.retries,
        connections: counters.connections,
        waiting: counters.waiting,
    }
}

/// What an operator should know of an agent that said nothing for so long.
fn stale(silence: Duration) -> Option<String> {
    (silence > AGENT_SILENCE).then(|| {
        format!(
            "the agent has been silent for {} s: what is shown of VIPs and peers is as old, and \
             the node may hold none of them any more; see whether halod is frozen",
            silence.as_secs()
        )
    })
}

/// What an operator should know of the pools.
fn warnings(servers: &Servers) -> Vec<String> {
    let mut pools: Vec<(&str, Vec<&Entry>)> = Vec::new();
    for entry in servers.iter() {
        match pools.last_mut() {
            Some((pool, entries)) if *pool == &*entry.key.pool => entries.push(entry),
            Some(_) | None => pools.push((&entry.key.pool, vec![entry])),
        }
    }
    pools
        .into_iter()
        .filter_map(|(pool, entries)| warning(pool, &entries))
        .collect()
}

fn warning(pool: &str, entries: &[&Entry]) -> Option<String> {
    let total = entries.len();
    let count = |wanted: &dyn Fn(&Entry) -> bool| entries.iter().filter(|e| wanted(e)).count();
    let serving = count(&|entry| entry.health.takes_work() && entry.weight > 0);
    let down = count(&|entry| entry.health.health() == HealthState::Down);
    let held = count(&|entry| entry.health.admin() != AdminState::Ready);
    if serving == 0 {
        return Some(format!(
            "pool {pool}: none of its {total} servers takes new work ({down} down, {held} drained \
             or in maintenance): its clients get 503"
        ));
    }
    (down > 0).then(|| format!("pool {pool}: {down} of {total} servers down"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_says_nothing_is_warned_of() {
        assert_eq!(stale(Duration::from_millis(1100)), None);
        let warning = stale(Duration::from_secs(7)).unwrap();
        assert!(warning.contains("silent for 7 s"), "{warning}");
    }
}
