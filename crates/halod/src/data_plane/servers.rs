//! Every server's health, weight and administrative state.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use halo_admin::Checks;
use halo_api::{AdminState, HealthState, UnixMillis};
use halo_config::{Config, HealthCheck};
use halo_health::{Action, Change, Outcome, Server, Thresholds};
use halo_probe::{Report, Target};
use halo_proxy::ServerState;

use super::clock::unix_now;

/// A server's place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pool: Arc<str>,
    pub(super) server: Arc<str>,
}

/// Every server of the configuration in force, in file order.
#[derive(Debug, Default)]
pub(super) struct Servers {
    entries: Vec<Entry>,
    by_key: HashMap<Key, usize>,
}

/// One server.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    address: SocketAddr,
    check: Option<HealthCheck>,
    /// The weight in the file, to see when it changes there.
    file_weight: u32,
    /// The weight in force.
    pub(super) weight: u32,
    pub(super) health: Server,
    /// Since when it has had its state, for people.
    pub(super) since: UnixMillis,
    /// Checks that passed.
    passed: u64,
    /// Checks that failed.
    failed: u64,
}

/// A change to be published and told.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) key: Key,
    pub(super) change: Change,
}

impl Servers {
    /// Takes a new configuration over. A server that stays (same pool, name and address) keeps its
    /// state; a changed check starts anew without taking it out of service; the weight that an
    /// operator set stays until the file's weight changes.
    pub(super) fn configure(&mut self, config: &Config, now: Instant) {
        let mut old: HashMap<Key, Entry> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|entry| (entry.key.clone(), entry))
            .collect();
        for pool in &config.pools {
            let name: Arc<str> = pool.name.as_str().into();
            for server in &pool.servers {
                let key = Key {
                    pool: name.clone(),
                    server: server.name.as_str().into(),
                };
                let check = pool.health.clone();
                let kept = old
                    .remove(&key)
                    .filter(|entry| entry.address == server.address);
                self.entries.push(match kept {
                    Some(entry) => entry.reconfigured(check, server.weight, now),
                    None => Entry::new(key, server, check, now),
                });
            }
        }
        self.by_key = self
            .entries
            .iter()
            .enumerate()
            .map(|(index, entry)| (entry.key.clone(), index))
            .collect();
    }

    /// The servers, in file order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The server, if there is one.
    pub(super) fn get(&self, pool: &str, server: &str) -> Option<&Entry> {
        self.by_key
            .get(&Key {
                pool: pool.into(),
                server: server.into(),
            })
            .map(|&index| &self.entries[index])
    }

    /// Whether there is a pool of that name.
    pub(super) fn has_pool(&self, pool: &str) -> bool {
        self.entries.iter().any(|entry| &*entry.key.pool == pool)
    }

    /// How many servers take work in each pool.
    pub(super) fn up(&self) -> BTreeMap<String, usize> {
        let mut pools = BTreeMap::new();
        for entry in &self.entries {
            let up = pools.entry(entry.key.pool.to_string()).or_insert(0);
            *up += usize::from(entry.health.takes_work());
        }
        pools
    }

    /// What has to be checked.
    pub(super) fn targets(&self) -> Vec<Target<Key>> {
        self.entries
            .iter()
            .filter(|entry| entry.health.is_checked())
            .filter_map(|entry| {
                Some(Target {
                    key: entry.key.clone(),
                    server: entry.address,
                    check: entry.check.clone()?,
                })
            })
            .collect()
    }

    /// Whether a server that is checked has not been looked at yet.
    pub(super) fn any_unknown(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.health.is_checked() && entry.health.health() == HealthState::Unknown)
    }

    /// Takes the news that nobody listens where a server should. The last server of a pool that takes
    /// work and has no check stays: it would not be missed for its faults.
    pub(super) fn handle_unreachable(&mut self, pool: &str, server: &str, now: Instant) {
        let Some(entry) = self.get(pool, server) else {
            return;
        };
        let others = self.entries.iter().filter(|other| {
            *other.key.pool == *pool && other.key != entry.key && other.health.takes_work()
        });
        if !entry.health.is_checked() && others.count() == 0 {
            return;
        }
        let sentence = format!("nobody listens for datagrams at {} (ICMP)", entry.address);
        if let Some(&index) = self.by_key.get(&entry.key.clone()) {
            self.entries[index].health.handle_refusal(sentence, now);
        }
    }

    /// Gives servers that were left alone another chance, when their time is over.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for entry in &mut self.entries {
            entry.health.handle_timeout(now);
        }
    }

    /// Takes what a check found.
    pub(super) fn handle_report(&mut self, report: Report<Key>, now: Instant) {
        if let Some(&index) = self.by_key.get(&report.key) {
            let entry = &mut self.entries[index];
            let outcome = match report.result {
                Ok(pass) => {
                    entry.passed += 1;
                    Outcome::Passed(pass.to_string())
                }
                Err(error) => {
                    entry.failed += 1;
                    Outcome::Failed(error.to_string())
                }
            };
            entry.health.handle_outcome(outcome, now);
        }
    }

    /// Takes the operator's wish; false: there is no such server.
    pub(super) fn set_admin(&mut self, key: &Key, state: AdminState, now: Instant) -> bool {
        let index = self.by_key.get(key);
        if let Some(&index) = index {
            self.entries[index].health.handle_admin(state, now);
        }
        index.is_some()
    }

    /// Takes the operator's wish; false: there is no such server.
    pub(super) fn set_weight(&mut self, key: &Key, weight: u32) -> bool {
        let index = self.by_key.get(key);
        if let Some(&index) = index {
            self.entries[index].weight = weight;
        }
        index.is_some()
    }

    /// The next change, until there is none.
    pub(super) fn poll_change(&mut self) -> Option<Changed> {
        self.entries.iter_mut().find_map(|entry| {
            entry.health.poll_action().map(|Action::Changed(change)| {
                entry.since = unix_now();
                Changed {
                    key: entry.key.clone(),
                    change,
                }
            })
        })
    }

    /// How often each server was checked.
    pub(super) fn checks(&self) -> Vec<Checks> {
        self.entries
            .iter()
            .filter(|entry| entry.check.is_some())
            .map(|entry| Checks {
                pool: entry.key.pool.to_string(),
                server: entry.key.server.to_string(),
                passed: entry.passed,
                failed: entry.failed,
            })
            .collect()
    }
}

impl Entry {
    fn new(
        key: Key,
        server: &halo_config::Server,
        check: Option<HealthCheck>,
        now: Instant,
    ) -> Self {
        Self {
            key,
            address: server.address,
            health: Server::new(check.as_ref().map(thresholds), now),
            check,
            file_weight: server.weight,
            weight: server.weight,
            since: unix_now(),
            passed: 0,
            failed: 0,
        }
    }

    fn reconfigured(mut self, check: Option<HealthCheck>, weight: u32, now: Instant) -> Self {
        if self.check != check {
            self.health
                .handle_check(check.as_ref().map(thresholds), now);
            self.check = check;
        }
        if self.file_weight != weight {
            self.file_weight = weight;
            self.weight = weight;
        }
        self
    }

    /// What the proxy has to know of it.
    pub(super) fn proxy_state(&self) -> ServerState {
        ServerState {
            available: self.health.takes_work(),
            weight: self.weight,
        }
    }
}

fn thresholds(check: &HealthCheck) -> Thresholds {
    Thresholds {
        rise: check.rise,
        fall: check.fall,
    }
}

#[cfg(test)]
#[path = "servers/tests.rs"]
mod tests;
