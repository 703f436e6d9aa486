//! Administrative state x health state: what follows from the two.

use halo_api::{AdminState, HealthState};

/// Whether a server in these states is given new requests and connections.
///
/// A server that no check has looked at yet ([`HealthState::Unknown`]) is given none: a node that
/// has just started must not send its first clients to servers that may be down. The first check
/// of every server starts at once, so this lasts for one check, and the node claims no virtual IP
/// meanwhile.
#[must_use]
pub fn takes_work(admin: AdminState, health: HealthState) -> bool {
    match (admin, health) {
        (AdminState::Ready, HealthState::Up | HealthState::Unchecked) => true,
        (AdminState::Ready, HealthState::Unknown | HealthState::Down) => false,
        (
            AdminState::Drain | AdminState::Maint,
            HealthState::Unknown | HealthState::Up | HealthState::Down | HealthState::Unchecked,
        ) => false,
    }
}

/// Whether a server in these states is checked.
///
/// A draining server is: the operator wants to see whether it is still well, and it may be made
/// ready again at any time. One in maintenance is not: it is expected to be down.
#[must_use]
pub fn is_checked(admin: AdminState, health: HealthState) -> bool {
    match (admin, health) {
        (
            AdminState::Ready | AdminState::Drain,
            HealthState::Unknown | HealthState::Up | HealthState::Down,
        ) => true,
        (AdminState::Ready | AdminState::Drain, HealthState::Unchecked) => false,
        (
            AdminState::Maint,
            HealthState::Unknown | HealthState::Up | HealthState::Down | HealthState::Unchecked,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use halo_api::AdminState::{Drain, Maint, Ready};
    use halo_api::HealthState::{Down, Unchecked, Unknown, Up};

    use super::*;

    #[test]
    fn the_truth_table_is_as_documented() {
        // (admin, health, takes new work, is checked)
        let table = [
            (Ready, Unknown, false, true),
            (Ready, Up, true, true),
            (Ready, Down, false, true),
            (Ready, Unchecked, true, false),
            (Drain, Unknown, false, true),
            (Drain, Up, false, true),
            (Drain, Down, false, true),
            (Drain, Unchecked, false, false),
            (Maint, Unknown, false, false),
            (Maint, Up, false, false),
            (Maint, Down, false, false),
            (Maint, Unchecked, false, false),
        ];
        for (admin, health, work, checked) in table {
            assert_eq!(takes_work(admin, health), work, "{admin:?} {health:?} work");
            assert_eq!(
                is_checked(admin, health),
                checked,
                "{admin:?} {health:?} checked"
            );
        }
    }
}
