//! Bytes passed both ways until both sides have ended.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::fault::Fault;
use crate::stream::{Meter, Stream};
use crate::worker::{Phase, cut_off};

/// Buffer for each direction: holds a whole TLS record, and is what every open connection costs.
const BUFFER: usize = 16 * 1024;

/// One side of a relay: the stream, and bytes read from it already.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) stream: Stream,
    pub(crate) read_ahead: Bytes,
}

/// Passes bytes both ways; `meter` is the client's. When one side ends its half, the other is told so and may go on. Returns
/// when both have ended.
pub(crate) async fn relay(
    mut client: Side,
    mut server: Side,
    meter: &Meter,
    idle: Duration,
    phase: watch::Receiver<Phase>,
) -> Result<(), Fault> {
    let copy = async {
        server.stream.write_all(&client.read_ahead).await?;
        client.stream.write_all(&server.read_ahead).await?;
        copy_bidirectional_with_sizes(&mut client.stream, &mut server.stream, BUFFER, BUFFER).await
    };
    let mut copy = std::pin::pin!(copy);
    let mut cut_off = std::pin::pin!(cut_off(phase));
    let mut timer = std::pin::pin!(sleep_until(meter.last() + idle));
    loop {
        tokio::select! {
            copied = &mut copy => {
                return copied.map(drop).map_err(|error| {
                    if meter.has_failed() {
                        Fault::ClientGone
                    } else {
                        Fault::Truncated(error.to_string())
                    }
                });
            }
            () = &mut timer => {
                let deadline = meter.last() + idle;
                if deadline <= timer.deadline() {
                    return Err(Fault::Idle);
                }
                timer.as_mut().reset(deadline);
            }
            () = &mut cut_off => return Err(Fault::CutOff),
        }
    }
}
