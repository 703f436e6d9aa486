//! Time that goes on, and what is forgotten meanwhile.

use std::sync::Arc;

use halo_quorum::{Member, Message};

use super::{Cluster, Mutant, NOW, State, address};

impl Cluster {
    /// A tick goes by, for every clock.
    pub(super) fn pass(&self, state: &mut State) {
        for (index, node) in state.nodes.iter_mut().enumerate() {
            let by = self.tick(index);
            node.holds_until = node.holds_until.and_then(|until| until.checked_sub(by));
            if let Some(member) = &mut node.member {
                Arc::make_mut(member).rewind(by, *NOW);
            }
        }
    }

    /// Forgets what can have no effect any more: there are fewer states then. `touched` is the node that
    /// acted, or all.
    pub(super) fn settle(&self, state: &mut State, touched: Option<usize>) {
        let all = state.all_asked();
        // Whoever asks the last question is the last to ask for all.
        let touched = touched.filter(|_| all < self.bounds.all_questions);
        let mut changed = false;
        for index in (0..state.nodes.len()).filter(|index| touched.is_none_or(|one| one == *index))
        {
            let node = &mut state.nodes[index];
            node.holds_until = node.holds_until.filter(|until| *NOW < *until);
            if let Some(member) = &mut node.member {
                let asks_again = self.asks_again(all, index, member);
                Arc::make_mut(member).settle(*NOW, asks_again);
                changed = true;
            }
        }
        if state.crashes > 0 {
            state.latest = None;
            state.epochs_grew = true;
        }
        if changed {
            self.forget_answers(state, touched);
        }
    }

    /// An answer that changes nothing never will: the question that it names is settled, or its process
    /// is gone.
    fn forget_answers(&self, state: &mut State, touched: Option<usize>) {
        if self.mutant == Some(Mutant::SameIncarnation) {
            return;
        }
        let all = state.all_asked();
        let State { nodes, network, .. } = state;
        network.retain(|packet| {
            if touched.is_some_and(|node| node != packet.from && node != packet.to) {
                return true;
            }
            match packet.message() {
                Some(message @ (Message::Grant { .. } | Message::Refusal { .. })) => {
                    nodes[packet.to].member.as_ref().is_some_and(|member| {
                        let mut told = Member::clone(member);
                        told.handle_message(address(packet.from), &message, *NOW);
                        told.settle(*NOW, self.asks_again(all, packet.to, member));
                        told != **member
                    })
                }
                _ => true,
            }
        });
    }

    /// Whether the bounds let a node's process ask another question, of which `all` were asked.
    pub(super) fn asks_again(&self, all: u32, node: usize, member: &Member) -> bool {
        node < self.bounds.candidates
            && member.latest_ticket().number < self.bounds.questions
            && all < self.bounds.all_questions
    }
}
