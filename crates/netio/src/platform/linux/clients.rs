//! Clients of the agent's own Unix socket: a JSON object a line, both ways.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::poll::PollFlags;

use super::super::{ClientId, Input};
use crate::error::Result;
use crate::stream::{Limits, Stream};
use crate::waiting::Waiting;

/// Most clients at a time: operators and their scripts, not traffic. Others wait in the kernel's
/// queue until one leaves.
const MOST_CLIENTS: usize = 32;
/// A request is short; the answer may list every event that is kept (1,024 of a few hundred bytes).
const LIMITS: Limits = Limits {
    message: 16 * 1024,
    backlog: 4 * 1024 * 1024,
};

pub(super) struct Clients {
    path: PathBuf,
    listener: UnixListener,
    open: BTreeMap<ClientId, Stream>,
    last: u64,
}

impl Clients {
    pub(super) fn listen(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            listener: crate::unix::listen(path)?,
            open: BTreeMap::new(),
            last: 0,
        })
    }

    pub(super) fn wait_too(&self, waiting: &mut Waiting) {
        if self.open.len() < MOST_CLIENTS {
            waiting.read(self.listener.as_fd());
        }
        for stream in self.open.values() {
            let mut flags = PollFlags::POLLIN;
            flags.set(PollFlags::POLLOUT, stream.has_backlog());
            waiting.add(stream.as_fd(), flags);
        }
    }

    pub(super) fn collect(&mut self, inputs: &mut Vec<Input>) {
        self.accept();
        self.open.retain(|client, stream| {
            stream.flush();
            stream.receive();
            loop {
                match stream.take_line() {
                    Ok(Some(line)) => inputs.push(Input::Request {
                        client: *client,
                        line,
                    }),
                    Ok(None) => break !stream.is_closed(),
                    // A line over the limit: there is no sense in what follows.
                    Err(_) => break false,
                }
            }
        });
    }

    pub(super) fn reply(&mut self, client: ClientId, line: &str) {
        let Some(stream) = self.open.get_mut(&client) else {
            return;
        };
        if stream.send_line(line).is_err() {
            self.open.remove(&client);
        }
    }

    fn accept(&mut self) {
        while self.open.len() < MOST_CLIENTS {
            // Nobody there, or out of descriptors: the next turn tries again.
            let Ok((socket, _)) = self.listener.accept() else {
                return;
            };
            if let Ok(stream) = Stream::new(socket, LIMITS) {
                self.last += 1;
                self.open.insert(ClientId(self.last), stream);
            }
        }
    }
}

impl Drop for Clients {
    /// Takes the socket file away, so that nobody tries a dead socket; should that fail, the next
    /// start replaces it.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}
