//! The simulator can fail: each defect put into the nodes breaks the rule that guards against it.

use halo_sim::{Invariant, Mutant, Plan, run};

/// The rules that this defect breaks within the first seeds, and how many of them break one.
fn broken_by(mutant: Mutant) -> Vec<Invariant> {
    (0..300)
        .filter_map(|seed| run(&Plan::from_seed(seed, (2, 7)), Some(mutant)).violation)
        .map(|violation| violation.invariant)
        .collect()
}

#[test]
fn a_node_that_ignores_resignations_takes_over_too_late() {
    assert!(broken_by(Mutant::DeafToResignation).contains(&Invariant::TakeoverInTime));
}

#[test]
fn a_node_that_ignores_higher_priorities_leaves_two_owners() {
    assert!(broken_by(Mutant::DeafToHigherPriority).contains(&Invariant::OneOwner));
}

#[test]
fn a_node_that_keeps_its_addresses_is_noticed() {
    assert!(broken_by(Mutant::KeepsAddresses).contains(&Invariant::AddressesFollowState));
}

#[test]
fn a_node_whose_timers_are_late_takes_over_too_late() {
    assert!(broken_by(Mutant::Sleepy).contains(&Invariant::TakeoverInTime));
}

#[test]
fn a_node_that_skips_adverts_makes_the_others_take_over_without_a_cause() {
    assert!(broken_by(Mutant::Stutters).contains(&Invariant::Cause));
}

#[test]
fn a_node_that_takes_damaged_packets_is_noticed() {
    assert!(broken_by(Mutant::SkipsChecksum).contains(&Invariant::DamageDetected));
}

#[test]
fn a_node_that_does_not_announce_after_a_split_is_noticed() {
    assert!(broken_by(Mutant::Mute).contains(&Invariant::WinnerAnnounces));
}

#[test]
fn a_node_that_outstays_its_lease_is_noticed() {
    assert!(broken_by(Mutant::Outstays).contains(&Invariant::Cause));
}

#[test]
fn a_node_whose_questions_get_lost_takes_over_too_late_or_without_a_cause() {
    let broken = broken_by(Mutant::Unanswered);
    assert!(broken.contains(&Invariant::Cause), "{broken:?}");
}
