//! What a client connection is doing, and until when it may.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use halo_config::ListenerTimeouts;
use tokio::time::Instant;

use super::body::Upload;
use super::tunnel::Tunnel;
use crate::fault::Fault;
use crate::stream::Meter;
use crate::worker::{Configuration, Connection, Worker};

/// How long an idle connection is left open when it is to finish: a request that is already on its
/// way is still answered, with `Connection: close`.
const GRACE: Duration = Duration::from_secs(1);

/// The state of a client connection, shared by its driver and its requests.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) meter: Rc<Meter>,
    timeouts: ListenerTimeouts,
    /// The configuration that the last request went by.
    last: RefCell<Configuration>,
    stage: RefCell<Stage>,
    /// Set when the connection is to finish: since when, and when it is cut off.
    draining: Cell<Option<(Instant, Instant)>>,
    /// Why the driver ended the connection, for the request that it ended with.
    ended: RefCell<Option<Fault>>,
    /// What the connection becomes after a 101.
    tunnel: RefCell<Option<Tunnel>>,
    /// Whether a request body was left unread.
    unread: Cell<bool>,
}

#[derive(Debug)]
enum Stage {
    /// Between requests, or in the header section of one.
    Waiting { since: Instant },
    /// In a request.
    Busy {
        upload: Rc<Upload>,
        /// When the response began.
        responded: Option<Instant>,
    },
}

/// What happens at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The connection waited long enough for a request.
    Close,
    /// A header section took too long.
    Header,
    /// Nothing moved in the middle of a request.
    Idle,
    /// The drain timeout is over.
    CutOff,
}

impl Client {
    pub(super) fn new(meter: Rc<Meter>, connection: &Connection) -> Self {
        let listener = connection.listener.clone();
        Self {
            meter,
            timeouts: listener.config.timeouts,
            last: RefCell::new((connection.view.clone(), listener)),
            stage: RefCell::new(Stage::Waiting {
                since: Instant::now(),
            }),
            draining: Cell::new(None),
            ended: RefCell::new(None),
            tunnel: RefCell::new(None),
            unread: Cell::new(false),
        }
    }

    /// The configuration that a request goes by: the one in force, or if the listener is gone from it,
    /// the last that had it.
    pub(super) fn configuration(&self, worker: &Worker) -> Configuration {
        let now = worker.view();
        let mut last = self.last.borrow_mut();
        if !Rc::ptr_eq(&now, &last.0)
            && let Some(listener) = now.snapshot.listener(&last.1.config.name)
        {
            let listener = listener.clone();
            *last = (now, listener);
        }
        last.clone()
    }

    /// A request's header section is complete.
    pub(super) fn request_began(&self, upload: Rc<Upload>) {
        *self.stage.borrow_mut() = Stage::Busy {
            upload,
            responded: None,
        };
    }

    /// The head of its response is there.
    pub(super) fn response_began(&self) {
        if let Stage::Busy { responded, .. } = &mut *self.stage.borrow_mut() {
            *responded = Some(Instant::now());
        }
    }

    /// Its response is complete, or will never be.
    pub(super) fn request_ended(&self) {
        let before = self.stage.replace(Stage::Waiting {
            since: Instant::now(),
        });
        if let Stage::Busy { upload, .. } = before
            && upload.done_at().is_none()
        {
            self.unread.set(true);
        }
        self.meter.expect_first_byte();
    }

    /// Whether a request body was left unread: the client may still be sending it.
    pub(super) fn left_unread(&self) -> bool {
        self.unread.get()
    }

    pub(super) fn start_draining(&self, since: Instant, until: Instant) {
        self.draining.set(Some((since, until)));
    }

    /// Whether responses are to say `Connection: close`.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.get().is_some()
    }

    /// The next deadline, and what happens then. It can only move to an earlier time by an event
    /// that the driver sees.
    pub(super) fn deadline(&self) -> (Instant, Due) {
        let due = self.stage_deadline();
        match self.draining.get() {
            Some((_, until)) if until < due.0 => (until, Due::CutOff),
            _ => due,
        }
    }

    fn stage_deadline(&self) -> (Instant, Due) {
        let ListenerTimeouts {
            header,
            idle,
            keep_alive,
        } = self.timeouts;
        match &*self.stage.borrow() {
            Stage::Waiting { since } => match (self.meter.first_byte(), self.draining.get()) {
                (Some(first), _) => (first + header, Due::Header),
                (None, Some((began, _))) => (began + GRACE, Due::Close),
                (None, None) => (*since + keep_alive, Due::Close),
            },
            Stage::Busy { upload, responded } => {
                let moved = self.meter.last();
                match responded {
                    Some(at) => (moved.max(*at) + idle, Due::Idle),
                    // While the server thinks, its own timeout counts.
                    None if upload.done_at().is_some() => (Instant::now() + idle, Due::Idle),
                    None => (moved + idle, Due::Idle),
                }
            }
        }
    }

    /// Notes why the driver ends the connection.
    pub(super) fn end(&self, why: Fault) {
        *self.ended.borrow_mut() = Some(why);
    }

    /// Why a request did not come to its end: what the driver noted, or else the client's leaving.
    pub(super) fn why_ended(&self) -> Fault {
        self.ended.take().unwrap_or(Fault::ClientGone)
    }

    pub(super) fn set_tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.borrow_mut() = Some(tunnel);
    }

    pub(super) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.take()
    }
}
