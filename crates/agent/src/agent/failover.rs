//! Planned failover: VIPs moved by command.

use std::net::IpAddr;
use std::time::Instant;

use halo_api::AgentReply;
use halo_config::Node;
use halo_netio::Platform;
use halo_vrrp::{Event, TakeOverRefusal};
use tracing::info;

use super::Agent;

/// What a command comes to for one VIP.
enum Verdict {
    /// It moves.
    Move(Event, String),
    /// It moves from here to this node, which keeps it although others outrank it.
    Appoint(IpAddr, String),
    /// It is where it should be.
    Stay(String),
    /// It cannot be done from here.
    Refuse(String),
}

impl<P: Platform> Agent<P> {
    /// Moves one VIP, or all that can be moved, and says what came of it.
    pub(super) fn failover(
        &mut self,
        vip: Option<&str>,
        to: Option<&str>,
        dry_run: bool,
        now: Instant,
    ) -> AgentReply {
        let indexes = match self.select(vip, to) {
            Ok(indexes) => indexes,
            Err(reason) => return AgentReply::Refused { reason },
        };
        let (mut done, mut stayed, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for index in indexes {
            match self.judge(index, to) {
                Verdict::Move(_, message) if dry_run => {
                    done.push(format!("{message} (not done: dry run)"));
                }
                Verdict::Move(event, message) => {
                    info!("planned failover: {message}");
                    self.drive(index, event, now);
                    done.push(message);
                }
                Verdict::Appoint(successor, message) => {
                    info!("planned failover: {message}");
                    self.vips[index].appointee = Some(successor);
                    self.drive(index, Event::Yield, now);
                    self.vips[index].appointee = None;
                    done.push(message);
                }
                Verdict::Stay(message) => stayed.push(message),
                Verdict::Refuse(reason) => refused.push(reason),
            }
        }
        if done.is_empty() && stayed.is_empty() {
            return AgentReply::Refused {
                reason: refused.join("; "),
            };
        }
        // Told to move whatever can be moved: what stays is no failure.
        let said = if done.is_empty() { stayed } else { done };
        AgentReply::Done {
            message: said.join("; "),
        }
    }

    /// The VIPs that a command is about.
    pub(super) fn select(&self, vip: Option<&str>, to: Option<&str>) -> Result<Vec<usize>, String> {
        if self.stopping {
            return Err("the node is stopping and gives up every VIP anyhow".to_owned());
        }
        let nodes = &self.loaded.config.nodes;
        if let Some(to) = to
            && !nodes.iter().any(|node| node.name == to)
        {
            let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(format!("there is no node {to:?}, but {}", known.join(", ")));
        }
        let known: Vec<&str> = self
            .vips
            .iter()
            .map(|vip| vip.config.name.as_str())
            .collect();
        match vip {
            None if known.is_empty() => Err("the configuration has no VIP".to_owned()),
            None => Ok((0..known.len()).collect()),
            Some(vip) => known
                .iter()
                .position(|name| *name == vip)
                .map(|index| {
                    let mut indexes = vec![index];
                    indexes.extend(self.group_of(index));
                    indexes
                })
                .ok_or_else(|| format!("there is no VIP {vip:?}, but {}", known.join(", "))),
        }
    }

    fn judge(&self, index: usize, to: Option<&str>) -> Verdict {
        let vip = &self.vips[index];
        let name = vip.config.name.as_str();
        let own = self.own_name();
        let holder = vip.router.holder().map(|holder| self.name_of(holder));
        if to.is_some() && to == holder.as_deref() {
            return Verdict::Stay(format!("{} holds {name} already", to.unwrap_or_default()));
        }
        match (vip.is_active(), to) {
            (true, Some(to)) if self.speaks_halo(index) => self.judge_appointment(index, to),
            (true, None) if self.speaks_halo(index) => self.judge_departure(index),
            (true, to) => self.judge_yield(index, to),
            (false, Some(to)) if to == own => match self.can_take_over(index) {
                Ok(()) => Verdict::Move(Event::TakeOver, format!("{own} takes over {name}")),
                Err(why) => Verdict::Refuse(format!("{own} cannot take over {name}: {why}")),
            },
            (false, Some(to)) => Verdict::Refuse(format!(
                "{own} does not hold {name}; run `hactl failover {name} --to {to}` on {to}"
            )),
            (false, None) => Verdict::Refuse(match holder {
                Some(holder) => format!(
                    "{holder} holds {name}; run it there, or `hactl failover {name} --to {own}` to take it over here"
                ),
                None => format!(
                    "{own} does not hold {name} and hears nobody who does; `hactl failover {name} --to {own}` takes it over here"
                ),
            }),
        }
    }

    /// Whether this node can take the VIP over, with all that move together with it: some of a group
    /// taken here by command would stay apart from the others.
    fn can_take_over(&self, index: usize) -> Result<(), TakeOverRefusal> {
        let mut all = self.group_of(index).chain([index]);
        all.try_for_each(|index| self.vips[index].router.can_take_over())
    }

    /// On the Active, among Halo nodes: to any of them that lives and is ready.
    fn judge_appointment(&self, index: usize, to: &str) -> Verdict {
        let vip = &self.vips[index];
        let (name, own) = (vip.config.name.as_str(), self.own_name());
        let member = vip
            .peers
            .iter()
            .copied()
            .find(|address| self.name_of(*address) == to);
        let config = &self.loaded.config;
        let members = config.nodes.iter().zip(&vip.config.priorities);
        let mut members = members.filter(|(_, priority)| priority.is_some());
        if !members.any(|(node, _)| node.name == to) {
            return Verdict::Refuse(format!("{to} is no member of {name}"));
        }
        let there = member.and_then(|address| {
            let node = self.node_of(address)?;
            Some((address, self.peers.present(node)?))
        });
        let Some((successor, peer)) = there else {
            return Verdict::Refuse(format!(
                "{to} is not heard of: it could not take {name} over; look at halod on {to}"
            ));
        };
        if !peer.would_hold(vip.vrid, vip.config.is_ipv6()) {
            return Verdict::Refuse(format!(
                "{to} is not ready to take {name} over; `hactl status` on {to} says why"
            ));
        }
        let message = format!("{own} gives {name} up for {to}");
        if self.best_successor(index) == Some(successor) {
            Verdict::Move(Event::Yield, message)
        } else {
            Verdict::Appoint(successor, message)
        }
    }

    /// On the Active, among Halo nodes: to the best of them, if any is there.
    fn judge_departure(&self, index: usize) -> Verdict {
        let (name, own) = (self.vips[index].config.name.as_str(), self.own_name());
        match self.best_successor(index) {
            Some(successor) => Verdict::Move(
                Event::Yield,
                format!("{own} gives {name} up for {}", self.name_of(successor)),
            ),
            None => Verdict::Refuse(format!(
                "no other node is ready to take {name} over; `hactl status` shows which are heard of"
            )),
        }
    }

    /// On the Active: whoever of the others has the highest priority will take over.
    fn judge_yield(&self, index: usize, to: Option<&str>) -> Verdict {
        let name = self.vips[index].config.name.as_str();
        let own = self.own_name();
        let Some(next) = self.next_in_line(index) else {
            return Verdict::Refuse(format!(
                "{own} is the only member of {name}: nobody could take it over"
            ));
        };
        match to {
            Some(to) if to != next.name => Verdict::Refuse(format!(
                "{} would take {name} over, since it has the highest priority of the others; run `hactl failover {name} --to {to}` on {to}",
                next.name
            )),
            Some(_) | None => Verdict::Move(
                Event::Yield,
                format!("{own} gives {name} up for {}", next.name),
            ),
        }
    }

    /// The other member that wins the election when this node gives way: the highest priority, then
    /// the highest address (RFC 9568 section 6.4.3).
    fn next_in_line(&self, index: usize) -> Option<&Node> {
        let config = &self.loaded.config;
        let rank = |(_, node, priority): &(usize, &Node, u8)| -> (u8, IpAddr) {
            (*priority, node.address.addr())
        };
        config
            .nodes
            .iter()
            .zip(&self.vips[index].config.priorities)
            .enumerate()
            .filter(|(at, _)| *at != config.this)
            .filter_map(|(at, (node, priority))| Some((at, node, (*priority)?)))
            .max_by_key(rank)
            .map(|(_, node, _)| node)
    }
}
