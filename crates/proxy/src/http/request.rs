//! A request: checked, routed, passed on, answered.

use halo_http1::{Method, RequestHead};

use super::client::Client;
use super::forward::{Forwarded, forward};
use super::job::Job;
use super::serve::After;
use super::tunnel::Tunnel;
use super::{answer, story};
use crate::fault::Fault;
use crate::snapshot::{ListenerEntry, Target};

/// Answers a request, whatever happens.
pub(super) async fn answer(client: &mut Client, job: &mut Job) -> After {
    job.story.begin(client);
    let outcome = match route(client, job) {
        Ok(target) => forward(client, job, target).await,
        Err(fault) => Err(fault),
    };
    let after = match outcome {
        Ok(Forwarded::Response { keep_alive: true }) => After::Next,
        Ok(Forwarded::Response { keep_alive: false }) => After::Close {
            unread: !job.upload_is_done() || !job.from_client.is_empty(),
        },
        Ok(Forwarded::Switched(server)) => {
            // The story goes on; it ends with the tunnel.
            let story = std::mem::take(&mut job.story);
            return After::Tunnel(Box::new(Tunnel { server, story }));
        }
        Err(fault) => refuse(client, job, fault).await,
    };
    story::end(&client.connection, job);
    after
}

/// Answers what came to nothing before it was a request.
pub(super) async fn refuse_before(client: &mut Client, job: &mut Job, fault: Fault) -> After {
    job.story.begin(client);
    let after = refuse(client, job, fault).await;
    story::end(&client.connection, job);
    after
}

/// Our own answer to a request that failed, unless its response has begun, or nobody is there to
/// read one.
async fn refuse(client: &mut Client, job: &mut Job, fault: Fault) -> After {
    let silent = job.progress.response_began() || job.to_client.is_cut() || !fault.is_answered();
    let after = if silent {
        After::Close { unread: false }
    } else {
        answer::send(client, job, &fault).await
    };
    job.story.fault = Some(fault);
    after
}

/// Refuses what this proxy does not pass on, and finds where the rest goes.
fn route(client: &Client, job: &Job) -> Result<Target, Fault> {
    let head = job.requests.head();
    // RFC 9110 section 9.3.8: TRACE would show a client the fields that this proxy adds.
    if head.method() == Method::Trace {
        return Err(Fault::MethodRefused);
    }
    let target = lookup(&client.last.1, head, job.from_client.held()).ok_or(Fault::NoRoute)?;
    if head.offers_websocket() && !target.websocket {
        return Err(Fault::WebSocketRefused);
    }
    Ok(target)
}

fn lookup(listener: &ListenerEntry, head: &RequestHead, buf: &[u8]) -> Option<Target> {
    // Both are ASCII in a head that was accepted.
    let host = head.host(buf).and_then(|host| str::from_utf8(host).ok());
    let path = match head.path(buf) {
        // RFC 9112 section 3.2.1: what an absolute target without a path asks for.
        [] => "/",
        path => str::from_utf8(path).ok()?,
    };
    listener
        .routes
        .lookup(host, path)
        .copied()
        .or(listener.default)
}
