//! What clients of the admin API ask of the agent.

use std::collections::HashMap;

use halo_api::{AgentReply, AgentRequest, FromDataPlane};
use tokio::sync::oneshot;

/// Requests that the agent has not answered yet. Who asks decides how long to wait.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<AgentReply>>,
}

impl Requests {
    /// The message that asks the agent.
    pub(super) fn ask(
        &mut self,
        request: AgentRequest,
        answer: oneshot::Sender<AgentReply>,
    ) -> FromDataPlane {
        // Those that gave up waiting.
        self.waiting.retain(|_, answer| !answer.is_closed());
        self.last += 1;
        self.waiting.insert(self.last, answer);
        FromDataPlane::Request {
            id: self.last,
            request,
        }
    }

    /// Passes the agent's answer on.
    pub(super) fn answered(&mut self, id: u64, reply: AgentReply) {
        let passed = self.waiting.remove(&id).map(|answer| answer.send(reply));
        if !matches!(passed, Some(Ok(()))) {
            tracing::debug!("the agent answered request {id}, for which nobody waits any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(message: &FromDataPlane) -> u64 {
        match message {
            FromDataPlane::Request { id, .. } => *id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_answer_finds_who_asked_whatever_the_order() {
        let mut requests = Requests::default();
        let (first, mut first_answer) = oneshot::channel();
        let (second, mut second_answer) = oneshot::channel();
        let first = id(&requests.ask(AgentRequest::Status, first));
        let second = id(&requests.ask(AgentRequest::Reload, second));
        let done = |message: &str| AgentReply::Done {
            message: message.into(),
        };
        requests.answered(second, done("second"));
        requests.answered(first, done("first"));
        requests.answered(99, done("nobody"));
        assert_eq!(first_answer.try_recv(), Ok(done("first")));
        assert_eq!(second_answer.try_recv(), Ok(done("second")));
    }

    #[test]
    fn who_gave_up_is_forgotten() {
        let mut requests = Requests::default();
        let (answer, gone) = oneshot::channel();
        requests.ask(AgentRequest::Status, answer);
        drop(gone);
        let (answer, _kept) = oneshot::channel();
        requests.ask(AgentRequest::Status, answer);
        assert_eq!(requests.waiting.len(), 1);
    }
}
