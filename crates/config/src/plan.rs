//! What a reload would change.

use std::fmt::{self, Display};

use ipnet::IpNet;

use crate::model::Config;

/// The difference between the configuration in force and a new one.
///
/// Listeners, pools and VIPs are told apart by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// VIPs; one also changes when an address or a priority of its members does.
    pub vips: Changes,
    /// Listeners; one also changes when its routes do.
    pub listeners: Changes,
    /// Pools, with their servers and health checks.
    pub pools: Changes,
    /// Other keys that change and are applied, such as `data_plane.drain_timeout`.
    pub settings: Vec<String>,
    /// Changes that a reload cannot apply.
    pub restart: Vec<NeedsRestart>,
}

/// What becomes of the things of one kind, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// In the new file only.
    pub added: Vec<String>,
    /// In the old file only.
    pub removed: Vec<String>,
    /// In both, and different.
    pub changed: Vec<String>,
    /// In both, and the same.
    pub unchanged: Vec<String>,
}

/// A change that only a restart applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedsRestart {
    /// The key, such as `data_plane.workers`.
    pub key: String,
    /// The value in force.
    pub old: String,
    /// The value in the new file.
    pub new: String,
}

/// Why a reload is refused: changes that only a restart applies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reload cannot apply {}; restart halod on this node, or undo {}",
    list(.0),
    if .0.len() == 1 { "this change" } else { "these changes" }
)]
pub struct RestartRequired(pub Vec<NeedsRestart>);

impl Plan {
    /// Whether a reload can apply it.
    ///
    /// # Errors
    ///
    /// Some changes need a restart; the message names the keys and the remedy.
    pub fn check_reloadable(&self) -> Result<(), RestartRequired> {
        if self.restart.is_empty() {
            Ok(())
        } else {
            Err(RestartRequired(self.restart.clone()))
        }
    }

    /// Whether the two configurations are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [&self.vips, &self.listeners, &self.pools]
            .iter()
            .all(|changes| changes.is_empty())
            && self.settings.is_empty()
            && self.restart.is_empty()
    }
}

impl Changes {
    /// Whether nothing is added, removed or changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// Compares two lists of things, told apart by `name`.
    fn between<T>(
        old: &[T],
        new: &[T],
        name: impl Fn(&T) -> &str,
        same: impl Fn(&T, &T) -> bool,
    ) -> Self {
        let mut changes = Self::default();
        for thing in new {
            let before = old.iter().find(|other| name(other) == name(thing));
            let list = match before {
                None => &mut changes.added,
                Some(before) if same(before, thing) => &mut changes.unchanged,
                Some(_) => &mut changes.changed,
            };
            list.push(name(thing).to_owned());
        }
        let gone = |thing: &&T| !new.iter().any(|other| name(other) == name(thing));
        changes.removed = old
            .iter()
            .filter(gone)
            .map(|thing| name(thing).to_owned())
            .collect();
        changes
    }
}

/// What changes from `old` to `new`, both as the same node sees them.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Plan {
    Plan {
        vips: Changes::between(
            &old.vips,
            &new.vips,
            |vip| &vip.name,
            |a, b| {
                // Priorities stand in the order of the nodes, which may have changed.
                let members = members(old, a) == members(new, b);
                let rest = |vip: &crate::Vip| crate::Vip {
                    priorities: Vec::new(),
                    ..vip.clone()
                };
                members && rest(a) == rest(b)
            },
        ),
        listeners: Changes::between(
            &old.listeners,
            &new.listeners,
            |listener| &listener.name,
            |a, b| a == b && routes(old, &a.name).eq(routes(new, &b.name)),
        ),
        pools: Changes::between(&old.pools, &new.pools, |pool| &pool.name, |a, b| a == b),
        settings: settings(old, new),
        restart: restart(old, new),
    }
}

/// A VIP's members: name, addresses and priority, sorted.
fn members<'a>(config: &'a Config, vip: &crate::Vip) -> Vec<(&'a str, IpNet, Option<IpNet>, u8)> {
    let mut members: Vec<_> = config
        .nodes
        .iter()
        .zip(&vip.priorities)
        .filter_map(|(node, priority)| {
            let name = node.name.as_str();
            Some((name, node.address, node.address6, (*priority)?))
        })
        .collect();
    members.sort();
    members
}

/// A listener's routes, in file order, without the listener's index.
fn routes<'a>(config: &'a Config, listener: &str) -> impl Iterator<Item = crate::Route> + 'a {
    let index = config
        .listeners
        .iter()
        .position(|other| other.name == listener);
    config
        .routes
        .iter()
        .filter(move |route| Some(route.listener) == index)
        .map(|route| crate::Route {
            listener: 0,
            ..route.clone()
        })
}

/// Keys that change and are applied.
fn settings(old: &Config, new: &Config) -> Vec<String> {
    [
        ("cluster.name", old.cluster != new.cluster),
        ("cluster.secret_file", old.secret_file != new.secret_file),
        (
            "cluster.signatures",
            old.signatures_optional != new.signatures_optional,
        ),
        ("node", old.nodes != new.nodes),
        ("track", old.tracks != new.tracks),
        (
            "admin.token_file",
            old.admin.token_file != new.admin.token_file,
        ),
        (
            "data_plane.drain_timeout",
            old.data_plane.drain_timeout != new.data_plane.drain_timeout,
        ),
        ("log.access", old.log.access != new.log.access),
    ]
    .into_iter()
    .filter(|(_, changes)| *changes)
    .map(|(key, _)| key.to_owned())
    .collect()
}

/// Keys that change and cannot be applied while the node runs.
fn restart(old: &Config, new: &Config) -> Vec<NeedsRestart> {
    fixed(old)
        .into_iter()
        .zip(fixed(new))
        .filter(|((_, old), (_, new))| old != new)
        .map(|((_, old), (key, new))| NeedsRestart { key, old, new })
        .collect()
}

/// The keys that are read at start only, with their values in words; always the same keys in the
/// same order.
fn fixed(config: &Config) -> Vec<(String, String)> {
    let workers = config.data_plane.workers;
    let listen = config.admin.listen;
    let node = |key: &str| format!("node[{}].{key}", config.this);
    vec![
        (node("name"), config.this_node().name.clone()),
        (node("address"), config.this_node().address.to_string()),
        (node("role"), role(config.this_node()).into()),
        ("cluster.quorum".into(), config.quorum.to_string()),
        ("node, the voters".into(), voters(config)),
        (
            node("address6"),
            config
                .this_node()
                .address6
                .map_or_else(|| "none".into(), |address| address.to_string()),
        ),
        (
            "admin.socket_dir".into(),
            config.admin.socket_dir.display().to_string(),
        ),
        (
            "admin.listen".into(),
            listen.map_or_else(|| "none".into(), |at| at.to_string()),
        ),
        (
            "data_plane.workers".into(),
            workers.map_or_else(|| "one a core".into(), |count| count.to_string()),
        ),
        ("data_plane.pin".into(), config.data_plane.pin.to_string()),
        (
            "data_plane.cores".into(),
            match &config.data_plane.cores {
                Some(cores) => format!("{cores:?}"),
                None => "those that halod may use".into(),
            },
        ),
        ("data_plane.user".into(), config.data_plane.user.clone()),
        // What the data plane may do is fixed when it starts.
        (
            "pool.transparent".into(),
            if config.is_transparent() {
                "some pools"
            } else {
                "no pool"
            }
            .into(),
        ),
        (
            "log.level".into(),
            format!("{:?}", config.log.level).to_lowercase(),
        ),
    ]
}

fn role(node: &crate::Node) -> &'static str {
    if node.witness { "witness" } else { "member" }
}

/// Who votes. Nodes that disagree about it may find two majorities, so it does not change under way.
fn voters(config: &Config) -> String {
    if !config.quorum {
        return "none".into();
    }
    let mut names: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
    names.sort_unstable();
    names.join(" ")
}

/// `data_plane.workers (2 -> 4)`.
impl Display for NeedsRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} -> {})", self.key, self.old, self.new)
    }
}

fn list(things: &[impl Display]) -> String {
    things
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// `2 pools changed: app, api; listener web unchanged`.
impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changes");
        }
        let mut parts = Vec::new();
        let kinds = [
            ("vip", &self.vips),
            ("listener", &self.listeners),
            ("pool", &self.pools),
        ];
        for (kind, changes) in kinds {
            for (verb, names) in [
                ("added", &changes.added),
                ("removed", &changes.removed),
                ("changed", &changes.changed),
            ] {
                parts.extend(part(kind, verb, names));
            }
        }
        parts.extend(part("setting", "changed", &self.settings));
        if !self.restart.is_empty() {
            parts.push(format!("a restart is needed for {}", list(&self.restart)));
        }
        for (kind, changes) in kinds {
            parts.extend(part(kind, "unchanged", &changes.unchanged));
        }
        f.write_str(&parts.join("; "))
    }
}

/// `pool app changed`, or `2 pools changed: app, api`.
fn part(kind: &str, verb: &str, names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(format!("{kind} {name} {verb}")),
        names => Some(format!(
            "{} {kind}s {verb}: {}",
            names.len(),
            names.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    const OLD: &str = r#"
[[node]]
name = "lb1"
address = "10.77.0.11/24"
[[node]]
name = "lb2"
address = "10.77.0.12/24"
[[vip]]
name = "web"
vrid = 51
addresses = ["10.77.0.100"]
[[listener]]
name = "web"
bind = ["10.77.0.100:80"]
pool = "app"
[[route]]
listener = "web"
path_prefix = "/v2"
pool = "api"
[[pool]]
name = "app"
server = [{ address = "10.77.1.1:8080" }]
[[pool]]
name = "api"
server = [{ address = "10.77.1.2:8080" }]
"#;

    /// The summary of replacing `from` by `to`, seen from lb1.
    fn summary(from: &str, to: &str) -> String {
        plan(from, to).to_string()
    }

    fn plan(from: &str, to: &str) -> Plan {
        assert!(OLD.contains(from));
        let new = parse("new", &OLD.replace(from, to), "lb1").unwrap();
        diff(&parse("old", OLD, "lb1").unwrap(), &new)
    }

    #[test]
    fn the_same_file_changes_nothing() {
        assert_eq!(summary("web", "web"), "nothing changes");
    }

    #[test]
    fn changed_servers_change_their_pools_alone() {
        assert_eq!(
            summary(":8080", ":8081"),
            "2 pools changed: app, api; vip web unchanged; listener web unchanged"
        );
    }

    #[test]
    fn a_changed_route_changes_its_listener() {
        assert_eq!(
            summary("/v2", "/v3"),
            "listener web changed; vip web unchanged; 2 pools unchanged: app, api"
        );
    }

    #[test]
    fn things_are_added_and_removed_by_name() {
        let plan = plan("[[vip]]\nname = \"web\"", "[[vip]]\nname = \"www\"");
        assert_eq!(
            (plan.vips.added, plan.vips.removed),
            (vec!["www".into()], vec!["web".into()])
        );
    }

    #[test]
    fn a_peers_new_address_changes_its_vips_and_needs_no_restart() {
        let plan = plan("10.77.0.12", "10.77.0.13");
        assert_eq!(plan.vips.changed, ["web"]);
        assert_eq!(plan.settings, ["node"]);
        assert_eq!(plan.check_reloadable(), Ok(()));
    }

    #[test]
    fn the_order_of_nodes_changes_no_vip() {
        let node = |name: &str, last: u8| {
            format!("[[node]]\nname = \"{name}\"\naddress = \"10.77.0.{last}/24\"\n")
        };
        let (one, two) = (node("lb1", 11), node("lb2", 12));
        let plan = plan(&format!("{one}{two}"), &format!("{two}{one}"));
        assert_eq!(plan.vips.unchanged, ["web"]);
        assert_eq!(plan.restart, []);
    }

    #[test]
    fn what_only_a_restart_applies_is_refused_with_key_and_remedy() {
        let plan = plan(
            "[[vip]]",
            "[admin]\nsocket_dir = \"/run/x\"\n[data_plane]\nworkers = 2\n[[vip]]",
        );
        assert_eq!(
            plan.check_reloadable().unwrap_err().to_string(),
            "a reload cannot apply admin.socket_dir (/run/halo -> \
             /run/x), data_plane.workers (one a core -> 2); restart halod on this node, or undo \
             these changes"
        );
    }

    #[test]
    fn this_nodes_own_address_needs_a_restart() {
        let plan = plan("10.77.0.11", "10.77.0.13");
        assert_eq!(plan.restart[0].key, "node[0].address");
    }
}
