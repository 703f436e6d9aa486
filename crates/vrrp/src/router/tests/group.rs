//! Sync groups.

use super::*;

/// Two virtual routers of a node that move together, and what became of each event.
struct Group {
    members: [Bench; 2],
}

impl Group {
    /// Both are Active.
    fn active() -> Self {
        let active = || Bench::in_state(State::Active, config());
        Self {
            members: [active(), active()],
        }
    }

    /// Both are Active by a majority's agreement.
    fn mandated() -> Self {
        let active = || {
            let mut bench = Bench::new(config());
            bench.router = VirtualRouter::new(config()).with_quorum();
            bench.handle(Event::Enable);
            bench.fire();
            bench.handle(Event::MandateGranted);
            assert_eq!(bench.router.state(), State::Active);
            bench
        };
        Self {
            members: [active(), active()],
        }
    }

    /// Hands an event to one of them, and what it decides to the other, as drivers do.
    fn handle(&mut self, member: usize, event: Event) -> Vec<Action> {
        let actions = self.members[member].handle(event);
        if let Some(event) = actions.iter().rev().find_map(group_event) {
            self.handle(1 - member, event);
        }
        actions
    }

    fn hear(&mut self, member: usize, priority: u8) -> Vec<Action> {
        self.handle(member, advert(LOWER, priority))
    }

    /// Lets the time of one of them pass to its next timeout, and fires it.
    fn fire(&mut self, member: usize) {
        let due = self.members[member].router.poll_timeout();
        let due = due.expect("a timer is running");
        self.members.iter_mut().for_each(|bench| bench.now = due);
        self.handle(member, Event::Timeout);
    }

    fn pass(&mut self, time: Duration) {
        self.members.iter_mut().for_each(|bench| bench.pass(time));
    }

    fn states(&self) -> [State; 2] {
        self.members.each_ref().map(|bench| bench.router.state())
    }

    fn priorities(&self) -> [Priority; 2] {
        let members = self.members.each_ref();
        members.map(|bench| bench.router.effective_priority())
    }

    /// An operator gave the group to a node of lower priority, whose adverts for the first of them then stay
    /// away, so that this node has that one again.
    fn given_away_and_half_of_it_back(mut self) -> Self {
        self.handle(0, Event::Yield);
        self.hear(0, 50);
        self.hear(1, 50);
        let due = self.members[0].router.poll_timeout();
        let due = due.expect("a timer is running");
        while self.members[1].now + Duration::from_millis(900) < due {
            self.pass(Duration::from_millis(900));
            self.hear(1, 50);
        }
        self.fire(0);
        self.handle(0, Event::MandateGranted);
        self
    }
}

#[test]
fn a_node_that_yielded_a_group_and_has_some_of_it_again_takes_the_rest() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.handle(Event::Yield);
    bench.advert(LOWER, 100);
    let actions = bench.handle(GROUP_ACTIVE);
    assert_eq!(actions[..2], [sends(100), Action::Claim]);
}

#[test]
fn who_is_active_tells_its_group_so_with_each_advert_and_not_with_its_last() {
    assert_eq!(group_event(&sends(100)), Some(GROUP_ACTIVE));
    assert_eq!(group_event(&sends(0)), None);
    // Of an outranked Active's last words the transition counts, which comes last.
    let mut bench = Bench::in_state(State::Active, config());
    let actions = bench.advert(HIGHER, 200);
    let told = actions.iter().rev().find_map(group_event);
    assert_eq!(told, Some(Event::GroupLost));
}

#[test]
fn some_of_a_group_that_comes_back_while_its_active_is_late_takes_nothing_along() {
    let mut group = Group::active().given_away_and_half_of_it_back();
    assert_eq!(group.states(), [State::Active, State::Backup]);
    assert_eq!(group.priorities(), [Priority::LOWEST; 2]);
    group.pass(ms(100));
    group.hear(0, 50);
    assert_eq!(group.states(), [State::Backup; 2]);
    assert_eq!(group.priorities(), [Priority::LOWEST; 2]);
}

#[test]
fn a_group_that_comes_back_whole_while_its_active_is_late_goes_there_again_for_good() {
    let mut group = Group::active();
    group.handle(0, Event::Yield);
    group.hear(0, 50);
    group.hear(1, 50);
    group.fire(0);
    assert_eq!(group.states(), [State::Active; 2]);
    assert_eq!(group.priorities(), [Priority::LOWEST; 2]);
    group.pass(ms(100));
    group.hear(0, 50);
    assert_eq!(group.states(), [State::Backup; 2]);
    assert_eq!(group.priorities(), [Priority::LOWEST; 2]);
}

#[test]
fn a_group_that_nobody_took_is_held_as_before() {
    let mut group = Group::active();
    group.handle(0, Event::Yield);
    group.fire(0);
    assert_eq!(group.states(), [State::Active; 2]);
    assert_eq!(group.priorities(), [Priority(100); 2]);
}

#[test]
fn a_yield_outlives_a_challenge_by_the_node_that_it_was_for() {
    let mut group = Group::mandated().given_away_and_half_of_it_back();
    assert_eq!(group.states(), [State::Active, State::Backup]);
    group.handle(0, challenge(LOWER, 50));
    assert_eq!(group.states(), [State::Backup; 2]);
    assert_eq!(group.priorities(), [Priority::LOWEST; 2]);
}

#[test]
fn a_takeover_by_command_asks_for_all_of_a_group_until_it_has_them() {
    let mut group = Group::mandated();
    group.handle(0, Event::Yield);
    for member in [0, 1] {
        group.hear(member, 200);
    }
    for member in [0, 1] {
        group.handle(member, Event::TakeOver);
    }
    // The majority agrees to one, and has not answered about the other yet.
    group.handle(0, Event::MandateGranted);
    assert!(group.members[1].router.seeks_mandate());
    group.handle(1, Event::MandateGranted);
    assert_eq!(group.states(), [State::Active; 2]);
    assert_eq!(group.priorities(), [Priority::HIGHEST; 2]);
}

#[test]
fn the_rest_of_a_group_that_is_here_by_command_is_asked_for_by_the_same_right() {
    let mut group = Group::mandated();
    group.handle(0, Event::Yield);
    for member in [0, 1] {
        group.hear(member, 200);
        group.handle(member, Event::TakeOver);
    }
    // The majority has let the one go here, and the other to a third node, which outranks this one.
    group.handle(0, Event::MandateGranted);
    group.hear(1, 200);
    group.fire(1);
    assert!(!group.members[1].router.seeks_mandate());
    assert_eq!(group.priorities(), [Priority::HIGHEST, Priority(100)]);
    group.hear(1, 200);
    group.fire(0);
    assert!(group.members[1].router.seeks_mandate());
    assert_eq!(group.priorities(), [Priority::HIGHEST; 2]);
    // It is not asked for any more when the one is lost.
    group.hear(0, 255);
    assert_eq!(group.states(), [State::Backup; 2]);
    assert!(!group.members[1].router.seeks_mandate());
    assert_eq!(group.priorities(), [Priority(100); 2]);
}

#[test]
fn what_the_group_or_a_command_asks_for_is_asked_for_while_its_active_is_heard() {
    let asks = [GROUP_ACTIVE, Event::TakeOver].map(|event| [(event, true), (event, false)]);
    for (event, preempt) in asks.concat() {
        let config = Config {
            preempt,
            ..config()
        };
        let mut bench = Bench::new(config);
        bench.router = VirtualRouter::new(config).with_quorum();
        bench.handle(Event::Enable);
        bench.advert(LOWER, 50);
        bench.handle(event);
        assert!(bench.router.seeks_mandate());
        assert_eq!(bench.advert(LOWER, 50), [], "{event:?}, {preempt}");
        assert!(bench.router.seeks_mandate());
        // One that would win is followed.
        bench.advert(LOWER, 255);
        assert!(!bench.router.seeks_mandate());
    }
}
