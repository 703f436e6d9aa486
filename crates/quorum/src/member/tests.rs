//! Three voters by hand: what each of them does and says.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::*;

const INTERVAL: Duration = Duration::from_millis(100);
const LB1: usize = 0;
const LB2: usize = 1;
const WITNESS: usize = 2;

fn address(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11 + u8::try_from(node).unwrap()))
}

fn node(address: IpAddr) -> usize {
    (0..3).find(|node| self::address(*node) == address).unwrap()
}

/// Three nodes whose messages arrive at once, unless their link is cut.
struct Bench {
    now: Instant,
    members: Vec<Member>,
    cut: Vec<(usize, usize)>,
    /// What the members asked their drivers for, messages aside.
    told: Vec<(usize, Action)>,
    sent: Vec<(usize, IpAddr, Message)>,
}

impl Bench {
    /// All have run for long enough to know that they have promised nothing.
    fn new() -> Self {
        let mut bench = Self::just_started();
        bench.now += Timing::for_interval(INTERVAL).silence_after_start();
        bench
    }

    fn just_started() -> Self {
        let now = Instant::now();
        Self {
            now,
            members: (0..3).map(|node| member(node, 1, now)).collect(),
            cut: Vec::new(),
            told: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn seek(&mut self, node: usize, priority: u8) {
        let intent = Intent {
            priority,
            challenge: true,
        };
        let now = self.now;
        self.members[node].seek(intent, now);
        self.flush(node);
    }

    fn resign(&mut self, node: usize, successor: Option<usize>) {
        let now = self.now;
        self.members[node].resign(successor.map(address), now);
        self.flush(node);
    }

    fn cut_off(&mut self, node: usize) {
        let others = (0..3).filter(|other| *other != node);
        self.cut = others.flat_map(|o| [(node, o), (o, node)]).collect();
    }

    /// Delivers what a node sends, and what comes of it.
    fn flush(&mut self, from: usize) {
        let mut busy = VecDeque::from([from]);
        while let Some(from) = busy.pop_front() {
            while let Some(action) = self.members[from].poll_action() {
                let Action::Send { to, message } = action else {
                    self.told.push((from, action));
                    continue;
                };
                self.sent.push((from, to, message));
                let to = node(to);
                if !self.cut.contains(&(from, to)) {
                    let now = self.now;
                    self.members[to].handle_message(address(from), &message, now);
                    busy.push_back(to);
                }
            }
        }
    }

    /// Lets time pass; timers fire when they are due.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due = (0..3).filter_map(|node| Some((self.members[node].poll_timeout()?, node)));
            let Some((at, node)) = due.min().filter(|(at, _)| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            let now = self.now;
            self.members[node].handle_timeout(now);
            self.flush(node);
        }
    }

    fn owner(&self) -> Option<usize> {
        let owns = |node: &usize| {
            let until = self.members[*node].lease_until();
            until.is_some_and(|until| self.now < until)
        };
        let owners: Vec<usize> = (0..3).filter(owns).collect();
        assert!(owners.len() <= 1, "{owners:?}");
        owners.first().copied()
    }

    fn view(&self, node: usize) -> View {
        self.members[node].view(self.now)
    }
}

fn member(node: usize, incarnation: u64, now: Instant) -> Member {
    let parameters = Parameters {
        own: address(node),
        voters: (0..3).map(address).collect(),
        timing: Timing::for_interval(INTERVAL),
        incarnation,
    };
    Member::new(parameters, now)
}

#[test]
fn who_seeks_a_vacant_lease_has_it_after_two_round_trips() {
    let mut bench = Bench::new();
    bench.seek(LB1, 200);
    assert_eq!(bench.told, [(LB1, Action::Granted)]);
    assert_eq!(bench.owner(), Some(LB1));
    assert_eq!(bench.view(LB1).epoch, Epoch(1));
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.owner(), Some(LB1), "it renews the lease");
    assert_eq!(bench.view(LB1).votes, 3);
}

#[test]
fn a_lease_is_counted_from_before_its_request_was_sent() {
    let mut bench = Bench::new();
    let sent = bench.now;
    bench.seek(LB1, 200);
    let until = bench.members[LB1].lease_until().unwrap();
    assert_eq!(until, sent + Timing::for_interval(INTERVAL).lease);
}

#[test]
fn who_reaches_no_majority_gives_up_before_its_lease_ends_and_another_takes_over() {
    let mut bench = Bench::new();
    bench.seek(LB1, 200);
    bench.cut_off(LB1);
    bench.pass(Duration::from_millis(250));
    assert_eq!(bench.owner(), Some(LB1));
    bench.seek(LB2, 100);
    assert_eq!(bench.owner(), Some(LB1), "the witness keeps its promise");
    bench.pass(Duration::from_millis(40));
    assert_eq!(bench.told.last(), Some(&(LB1, Action::Lost)));
    bench.resign(LB1, None);
    assert_eq!(bench.owner(), None);
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.owner(), Some(LB2));
    assert_eq!(bench.view(LB2).epoch, Epoch(2));
}

#[test]
fn a_voter_that_has_just_started_promises_nothing_for_as_long_as_it_may_have_promised() {
    let mut bench = Bench::new();
    bench.seek(LB1, 200);
    bench.cut = vec![(LB1, WITNESS), (LB1, LB2), (LB2, LB1)];
    bench.members[WITNESS] = member(WITNESS, 2, bench.now);
    bench.seek(LB2, 100);
    bench.pass(Duration::from_millis(2_000));
    assert_eq!(bench.owner(), None);
    let why = bench.view(LB2).obstacle(&|address| address.to_string());
    let why = why.unwrap();
    assert!(why.starts_with("voters that have just started"), "{why}");
    bench.pass(Duration::from_millis(250));
    assert_eq!(bench.owner(), Some(LB2));
}

#[test]
fn a_cluster_that_starts_has_an_owner_when_its_voters_have_kept_silent() {
    let mut bench = Bench::just_started();
    bench.seek(LB1, 200);
    bench.seek(LB2, 100);
    bench.pass(Duration::from_millis(2_050));
    assert_eq!(bench.owner(), None);
    bench.pass(Duration::from_millis(150));
    assert_eq!(bench.owner(), Some(LB1), "the higher priority is first");
}

#[test]
fn polls_of_a_node_that_hears_no_answer_disturb_nobody() {
    let mut bench = Bench::new();
    bench.cut = vec![(WITNESS, LB2), (LB1, LB2)];
    bench.seek(LB2, 250);
    bench.pass(Duration::from_secs(1));
    bench.seek(LB1, 100);
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.owner(), Some(LB1));
    assert_eq!(bench.told, [(LB1, Action::Granted)]);
    let why = bench.view(LB2).obstacle(&|address| address.to_string());
    assert!(why.unwrap().starts_with("no majority: 1 of the 2"));
}

#[test]
fn a_challenger_that_reaches_a_majority_is_told_to_the_owner_and_succeeds_it_at_once() {
    let mut bench = Bench::new();
    bench.seek(LB1, 100);
    bench.seek(LB2, 200);
    let challenged = Action::Challenged {
        by: address(LB2),
        priority: 200,
    };
    assert_eq!(bench.told.last(), Some(&(LB1, challenged)));
    bench.resign(LB1, Some(LB2));
    assert_eq!(bench.owner(), Some(LB2));
    assert_eq!(bench.view(LB2).epoch, Epoch(2));
}

#[test]
fn a_node_that_only_fills_vacancies_challenges_nobody() {
    let mut bench = Bench::new();
    bench.seek(LB1, 100);
    let intent = Intent {
        priority: 200,
        challenge: false,
    };
    let now = bench.now;
    bench.members[LB2].seek(intent, now);
    bench.flush(LB2);
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.told, [(LB1, Action::Granted)]);
}

#[test]
fn of_two_that_ask_at_once_the_lower_priority_steps_back() {
    let mut bench = Bench::new();
    let now = bench.now;
    for (node, priority) in [(LB1, 100), (LB2, 200)] {
        let intent = Intent {
            priority,
            challenge: true,
        };
        bench.members[node].ask(intent, now);
    }
    bench.flush(LB1);
    bench.flush(LB2);
    assert_eq!(bench.owner(), Some(LB2), "{:?}", bench.sent);
}

#[test]
fn who_resigns_frees_the_voters_at_once() {
    let mut bench = Bench::new();
    bench.seek(LB1, 100);
    bench.resign(LB1, None);
    bench.seek(LB2, 100);
    assert_eq!(bench.owner(), Some(LB2));
}

#[test]
fn a_release_that_was_overtaken_by_a_later_claim_is_void() {
    let mut bench = Bench::new();
    bench.seek(LB1, 100);
    bench.cut = vec![(LB1, LB2), (LB1, WITNESS)];
    bench.resign(LB1, None);
    let (_, _, release) = *bench.sent.last().unwrap();
    bench.cut.clear();
    bench.seek(LB1, 100);
    bench.pass(Duration::from_millis(400));
    assert_eq!(bench.owner(), Some(LB1));
    let now = bench.now;
    for voter in [LB2, WITNESS] {
        bench.members[voter].handle_message(address(LB1), &release, now);
    }
    bench.seek(LB2, 200);
    assert_eq!(bench.owner(), Some(LB1));
}

#[test]
fn a_request_that_was_released_before_it_arrived_is_refused() {
    let mut bench = Bench::new();
    bench.seek(LB1, 100);
    let request = bench.sent.iter().rev().map(|(_, _, message)| *message);
    let request = request
        .clone()
        .find(|message| matches!(message, Message::Request { .. }));
    bench.resign(LB1, None);
    let now = bench.now;
    bench.members[WITNESS].handle_message(address(LB1), &request.unwrap(), now);
    bench.flush(WITNESS);
    let (_, _, answer) = *bench.sent.last().unwrap();
    assert!(
        matches!(
            answer,
            Message::Refusal {
                standing: Standing::Stale,
                ..
            }
        ),
        "{answer:?}"
    );
}

#[test]
fn an_owner_whose_epoch_a_voter_has_overtaken_raises_it_and_keeps_the_lease() {
    let mut bench = Bench::new();
    bench.seek(LB1, 200);
    bench.cut_off(LB2);
    bench.pass(Duration::from_millis(400));
    // Asks without a poll, as after a poll whose answers were overtaken.
    let intent = Intent {
        priority: 100,
        challenge: false,
    };
    let now = bench.now;
    bench.members[LB2].ask(intent, now);
    bench.flush(LB2);
    bench.resign(LB2, None);
    bench.cut.clear();
    bench.pass(Duration::from_millis(400));
    assert_eq!(bench.view(LB1).votes, 3);
    assert_eq!(bench.told, [(LB1, Action::Granted)]);
}

#[test]
fn strangers_are_not_listened_to() {
    let mut bench = Bench::new();
    let stranger = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 99));
    let poll = Message::Poll {
        ticket: bench.members[LB2].latest_ticket(),
    };
    let now = bench.now;
    bench.members[LB1].handle_message(stranger, &poll, now);
    assert_eq!(bench.members[LB1].poll_action(), None);
}

#[test]
fn a_lease_longer_than_a_starting_voter_keeps_silent_is_refused() {
    let mut bench = Bench::new();
    let request = Message::Request {
        ticket: bench.members[LB1].latest_ticket(),
        epoch: Epoch(9),
        priority: 1,
        lease: Timing::LONGEST + Duration::from_micros(1),
    };
    let now = bench.now;
    bench.members[LB2].handle_message(address(LB1), &request, now);
    let Some(Action::Send { message, .. }) = bench.members[LB2].poll_action() else {
        unreachable!("a request is answered");
    };
    assert!(matches!(
        message,
        Message::Refusal {
            standing: Standing::TooLong,
            ..
        }
    ));
}

#[test]
fn who_wakes_up_after_its_lease_has_lost_it_whatever_waits_in_its_sockets() {
    let mut bench = Bench::new();
    bench.seek(LB1, 200);
    bench.cut = vec![(LB2, LB1), (WITNESS, LB1)];
    bench.pass(Duration::from_millis(100));
    let answers: Vec<_> = bench.sent[bench.sent.len() - 2..].to_vec();
    bench.now += Duration::from_millis(400);
    let now = bench.now;
    for (from, _, message) in answers {
        bench.members[LB1].handle_message(address(from), &message, now);
    }
    bench.flush(LB1);
    assert_eq!(bench.told.last(), Some(&(LB1, Action::Lost)));
    assert_eq!(bench.owner(), None);
}
