//! How often adverts are sent, and how.

use std::fmt;
use std::time::Duration;

use halo_lab::{Lab, LabBuilder, LabError, default_config, user_section};

use super::pair::Fault;

/// Where the nodes of the lab keep their secret; `/run` is each host's own.
pub(super) const SECRET_FILE: &str = "/run/halo.secret";

/// The host that asks by ARP. Not the client: each answer would teach it the way to the node that
/// gave it, and the client must learn as clients do.
pub(super) const WATCHER: &str = "watcher";

/// How adverts travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Transport {
    /// To the other node.
    Unicast,
    /// To the group of all VRRP routers.
    Multicast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) advert_ms: u32,
    pub(super) transport: Transport,
}

impl Setting {
    /// How long a processor may stand still in a trial: a small part of what is measured.
    pub(super) fn tolerance(self, fault: Fault) -> Duration {
        const LEAST: Duration = Duration::from_millis(5);
        if fault.is_silent() {
            LEAST.max(Duration::from_millis(self.advert_ms.into()) / 10)
        } else {
            LEAST
        }
    }

    /// A lab for Halo and, if it takes part, for what it is compared with.
    pub(super) fn lab(self, only_halo: bool) -> Result<Lab, LabError> {
        let mut builder: LabBuilder = Lab::builder().other(WATCHER, 51);
        if !only_halo {
            builder = builder.other("ka1", 31).other("ka2", 32);
        }
        let lab = builder.start()?;
        lab.write_config(&self.config(&lab))?;
        Ok(lab)
    }

    /// The nodes' configuration.
    pub(super) fn config(self, lab: &Lab) -> String {
        let Self {
            advert_ms,
            transport,
        } = self;
        let transport = match transport {
            Transport::Unicast => "unicast",
            Transport::Multicast => "multicast",
        };
        default_config(lab.topology())
            .replacen(
                "name = \"lab\"",
                &format!("name = \"lab\"\nsecret_file = \"{SECRET_FILE}\""),
                1,
            )
            .replacen(
                "vrid = 51",
                &format!(
                    "vrid = 51\nadvert_interval = \"{advert_ms}ms\"\ntransport = \"{transport}\""
                ),
                1,
            )
            + user_section()
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Unicast => "unicast",
            Transport::Multicast => "multicast",
        };
        write!(f, "Adverts every {} ms, {transport}", self.advert_ms)
    }
}
