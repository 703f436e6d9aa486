//! How a node of the quorum stands, for people.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::{Epoch, Standing};

use super::{Member, Role as Inner};

/// What a node of the quorum is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stand {
    /// It votes, and wants nothing for itself.
    Voter,
    /// It seeks the lease, and the voters are being asked.
    Polling,
    /// It seeks the lease.
    Seeking,
    /// It holds the lease.
    Owner,
}

/// How a node of the quorum stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct View {
    /// What it is doing.
    pub stand: Stand,
    /// The highest epoch heard of; of its own ownership while it is the owner.
    pub epoch: Epoch,
    /// Voters whose promise it holds; while it seeks, that answered it last.
    pub votes: usize,
    /// Voters that make a majority.
    pub majority: usize,
    /// Whom the voters have promised, as they said.
    pub promised_to: Option<IpAddr>,
    /// How long voters still keep silent after their start, if that is in the way.
    pub starting: Option<Duration>,
}

impl View {
    /// Why the node seeks the lease and does not get it.
    #[must_use]
    pub fn obstacle(&self, name: &dyn Fn(IpAddr) -> String) -> Option<String> {
        let (votes, majority) = (self.votes, self.majority);
        match (self.stand, self.promised_to, self.starting) {
            (Stand::Voter | Stand::Owner, _, _) => None,
            (Stand::Polling | Stand::Seeking, Some(owner), _) if votes >= majority => {
                Some(format!("the majority has promised it to {}", name(owner)))
            }
            (Stand::Polling | Stand::Seeking, _, Some(wait)) if votes >= majority => Some(format!(
                "voters that have just started keep silent for another {} ms",
                wait.as_millis()
            )),
            (Stand::Polling | Stand::Seeking, _, _) if (1..majority).contains(&votes) => Some(
                format!("no majority: {votes} of the {majority} voters needed answer"),
            ),
            (Stand::Polling | Stand::Seeking, _, _) => {
                Some("the voters are being asked".to_owned())
            }
        }
    }
}

impl Member {
    /// How it stands.
    #[must_use]
    pub fn view(&self, now: Instant) -> View {
        let (stand, answers, epoch) = match &self.role {
            Inner::Idle => (Stand::Voter, None, self.heard),
            Inner::Waiting { answers, .. } => (Stand::Seeking, Some(answers), self.heard),
            Inner::Polling(poll) => (Stand::Polling, Some(&poll.before), self.heard),
            Inner::Asking(_) => (Stand::Seeking, None, self.heard),
            Inner::Holding(tally) => (Stand::Owner, None, tally.epoch),
        };
        let votes = match &self.role {
            Inner::Holding(tally) | Inner::Asking(tally) => tally.votes(now),
            _ => answers.map_or(0, |answers| answers.iter().flatten().count()),
        };
        let answers = answers.map(Vec::as_slice).unwrap_or_default();
        let promised_to = answers.iter().flatten().find_map(|answer| match *answer {
            Standing::Promised { to, .. } => Some(to),
            _ => None,
        });
        let starting = answers.iter().flatten().find_map(|answer| match *answer {
            Standing::Starting { wait } => Some(wait),
            _ => None,
        });
        View {
            stand,
            epoch,
            votes,
            majority: self.majority(),
            promised_to,
            starting,
        }
    }
}
