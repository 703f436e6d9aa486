//! Acting on a lab from another process: one JSON request a line over `control.sock`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Lab, LabError, LabState};

/// `terminate` waits for the drain, everything else is at once.
const TERMINATE: Duration = Duration::from_secs(20);

/// What can be done to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlRequest {
    /// SIGKILL both processes.
    Kill,
    /// SIGKILL the agent alone.
    KillAgent,
    /// SIGKILL the data plane alone.
    KillDataPlane,
    /// SIGSTOP both processes.
    Freeze,
    /// SIGCONT both processes.
    Thaw,
    /// SIGTERM, and wait.
    Stop,
    /// Start halod.
    Start,
    /// Drop all its frames at the switch.
    Cut,
    /// Pass its frames again.
    Heal,
    /// Pull its cable.
    LinkDown,
    /// Plug its cable in.
    LinkUp,
}

/// The lab's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlReply {
    /// It is done.
    Done,
    /// It is not; why.
    Failed(String),
}

#[derive(Serialize, Deserialize)]
struct Line {
    request: ControlRequest,
    node: String,
}

/// Takes requests for the rest of the process's life.
///
/// # Errors
/// When the socket cannot be made.
pub fn serve(lab: &Arc<Lab>) -> Result<(), LabError> {
    let path = lab.directory().join("control.sock");
    let listener =
        UnixListener::bind(&path).map_err(LabError::io(format!("listen on {}", path.display())))?;
    // Not an owner: the lab must be able to end while this thread waits.
    let lab = Arc::downgrade(lab);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some(lab) = lab.upgrade() else { return };
            if let Err(error) = answer(&lab, stream) {
                eprintln!("halo-lab: control socket: {error}");
            }
        }
    });
    Ok(())
}

fn answer(lab: &Lab, mut stream: UnixStream) -> std::io::Result<()> {
    let mut text = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut text)?;
    let Line { request, node } = serde_json::from_str(&text)?;
    let reply = match act(lab, request, &node) {
        Ok(()) => ControlReply::Done,
        Err(error) => ControlReply::Failed(error.to_string()),
    };
    stream.write_all((serde_json::to_string(&reply)? + "\n").as_bytes())
}

fn act(lab: &Lab, request: ControlRequest, name: &str) -> Result<(), LabError> {
    match request {
        ControlRequest::Cut => return lab.cut(name),
        ControlRequest::Heal => return lab.heal(name),
        ControlRequest::LinkDown => return lab.link_down(name),
        ControlRequest::LinkUp => return lab.link_up(name),
        _ => {}
    }
    let node = lab.node(name)?;
    match request {
        ControlRequest::Kill => node.kill(),
        ControlRequest::KillAgent => node.kill_agent(),
        ControlRequest::KillDataPlane => node.kill_data_plane(),
        ControlRequest::Freeze => node.freeze(),
        ControlRequest::Thaw => node.thaw(),
        ControlRequest::Stop => node.terminate(TERMINATE).map(drop),
        ControlRequest::Start => node.start_halod(),
        ControlRequest::Cut
        | ControlRequest::Heal
        | ControlRequest::LinkDown
        | ControlRequest::LinkUp => Ok(()),
    }
}

/// Asks a running lab.
///
/// # Errors
/// When no lab of this name runs, or it refuses.
pub fn request(name: &str, request: ControlRequest, node: &str) -> Result<(), LabError> {
    LabState::load(name)?;
    let path = LabState::directory(name)?.join("control.sock");
    let ask = || -> std::io::Result<ControlReply> {
        let mut stream = UnixStream::connect(&path)?;
        let line = Line {
            request,
            node: node.into(),
        };
        stream.write_all((serde_json::to_string(&line)? + "\n").as_bytes())?;
        let mut text = String::new();
        BufReader::new(stream).read_line(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    };
    match ask().map_err(LabError::io(format!("ask the lab {name:?}")))? {
        ControlReply::Done => Ok(()),
        ControlReply::Failed(why) => Err(LabError::Refused(why)),
    }
}
