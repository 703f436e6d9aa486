//! Tables that the file leaves out.

use super::{
    access_log, cluster_name, connect_timeout, drain_timeout, first_byte_timeout, header_timeout,
    idle_timeout, keep_alive_timeout, log_level, pin, pool_idle_timeout, queue_timeout, quorum,
    response_timeout, signatures, socket_dir, user,
};
use crate::raw::{Admin, Cluster, DataPlane, ListenerTimeouts, Log, PoolTimeouts};

impl Default for Cluster {
    fn default() -> Self {
        Self {
            name: cluster_name(),
            secret_file: None,
            signatures: signatures(),
            quorum: quorum(),
        }
    }
}

impl Default for ListenerTimeouts {
    fn default() -> Self {
        Self {
            first_byte: first_byte_timeout(),
            header: header_timeout(),
            idle: idle_timeout(),
            keep_alive: keep_alive_timeout(),
        }
    }
}

impl Default for PoolTimeouts {
    fn default() -> Self {
        Self {
            connect: connect_timeout(),
            queue: queue_timeout(),
            response: response_timeout(),
            idle: pool_idle_timeout(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            socket_dir: socket_dir(),
            listen: None,
            token_file: None,
        }
    }
}

impl Default for DataPlane {
    fn default() -> Self {
        Self {
            workers: None,
            pin: pin(),
            cores: None,
            user: user(),
            drain_timeout: drain_timeout(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: log_level(),
            access: access_log(),
        }
    }
}
