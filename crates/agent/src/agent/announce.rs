//! Telling the network where a VIP is.

use halo_netio::Platform;
use tracing::debug;

use super::Agent;

impl<P: Platform> Agent<P> {
    /// Announces each address from the interface that it is on.
    pub(super) fn announce(&mut self, index: usize) {
        let vip = &mut self.vips[index];
        let Some(home) = vip.place.home.as_ref().map(|home| home.index) else {
            return;
        };
        for frame in vip.frames.announcements() {
            match self.platform.send_frame(home, frame) {
                Ok(()) => vip.gratuitous_arps_sent += 1,
                Err(problem) => debug!("{}: {problem}", vip.config.name),
            }
        }
    }
}
