//! What holds for any text that may be a message between agent, data plane and `hactl`. A fuzz target
//! (`.ci/fuzz`); runs over the corpus and its small changes with the crate's own tests.

use std::fmt::Debug;

use halo_api::{AgentReply, AgentRequest, FromDataPlane, NodeCommand, ServerCommand, ToDataPlane};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is read as a message of one of the sockets is written as one that is read as the same.
pub fn messages(data: &[u8]) {
    survives::<FromDataPlane>(data);
    survives::<ToDataPlane>(data);
    survives::<AgentRequest>(data);
    survives::<AgentReply>(data);
    survives::<NodeCommand>(data);
    survives::<ServerCommand>(data);
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(data) else {
        return;
    };
    let text = serde_json::to_string(&message).expect("a message is JSON");
    // `agent.sock` has one a line.
    assert!(!text.contains('\n'), "{text}");
    let again = serde_json::from_str::<T>(&text).expect("it was written so");
    assert_eq!(again, message);
}
