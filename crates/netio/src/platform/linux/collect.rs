//! Taking what has come, from every source.

use super::super::Input;
use super::Linux;
use crate::error::Result;

/// Most datagrams taken from one socket in one turn, so that a flood on one interface starves
/// neither the timers nor the other inputs.
const DATAGRAMS_A_TURN: usize = 64;

/// Most claims taken in one turn: one is news, more are the same.
const CLAIMS_A_TURN: usize = 16;

impl Linux {
    /// Takes what has come. Every source is non-blocking and asked each time: there are few, and
    /// a source that was forgotten is a failover that does not happen.
    pub(super) fn collect(&mut self, inputs: &mut Vec<Input>) -> Result<()> {
        // Read before the adverts and told after them: a new Active advertises before it announces,
        // and what the advert explains is no foreign claim.
        let claims = self.take_claims()?;
        for socket in self.vrrp.values() {
            for _ in 0..DATAGRAMS_A_TURN {
                match socket.receive()? {
                    Some(datagram) => inputs.push(Input::Datagram(datagram)),
                    None => break,
                }
            }
        }
        for ((interface, _), socket) in &self.answers {
            for _ in 0..DATAGRAMS_A_TURN {
                let Some(from) = socket.receive()? else {
                    break;
                };
                let interface = *interface;
                inputs.push(Input::KernelAnswer { interface, from });
            }
        }
        inputs.extend(claims);
        while let Some(event) = self.monitor.next_event()? {
            inputs.push(Input::Network(event));
        }
        while let Some(signal) = self.signals.next()? {
            inputs.push(Input::Signal(signal));
        }
        self.data_plane.collect(self.clock.now(), inputs)?;
        while let Some((id, outcome)) = self.checks.next() {
            inputs.push(Input::CheckEnded { id, outcome });
        }
        while let Some(input) = self.errands.next() {
            inputs.push(input);
        }
        self.clients.collect(inputs);
        Ok(())
    }

    fn take_claims(&self) -> Result<Vec<Input>> {
        let mut claims = Vec::new();
        for (interface, listener) in &self.claims {
            for _ in 0..CLAIMS_A_TURN {
                let Some(frame) = listener.receive()? else {
                    break;
                };
                claims.push(Input::Claim {
                    interface: *interface,
                    frame,
                });
            }
        }
        Ok(claims)
    }
}
