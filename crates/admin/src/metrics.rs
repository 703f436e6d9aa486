//! Prometheus metrics.
//!
//! Names start with `halo_`; counters end in `_total`; units are seconds and bytes.

mod page;
mod traffic;
mod vips;

use halo_api::{DataPlaneStatus, TimerLateness, UnixMillis};

use crate::Sample;
use page::{Kind, Page};

/// Every metric, in the text format 0.0.4.
pub(crate) fn render(sample: &Sample) -> String {
    let mut page = Page::default();
    node(&mut page, sample);
    vips::write(&mut page, &sample.status.agent);
    if let Some(data_plane) = &sample.status.data_plane {
        traffic::write(&mut page, data_plane, sample);
    }
    page.finish()
}

fn node(page: &mut Page, sample: &Sample) {
    let agent = &sample.status.agent;
    let data_plane = sample.status.data_plane.as_ref();
    page.family("halo_build_info", Kind::Gauge, "Version of Halo; always 1.")
        .sample(&[("version", &agent.version)], 1);
    page.family(
        "halo_node_info",
        Kind::Gauge,
        "Names of cluster and node; always 1.",
    )
    .sample(&[("cluster", &agent.cluster), ("node", &agent.node)], 1);
    let mut started = page.family(
        "halo_process_start_time_seconds",
        Kind::Gauge,
        "When each of the node's two processes started, since the Unix epoch.",
    );
    started.seconds(&[("process", "agent")], seconds(agent.started));
    if let Some(data_plane) = data_plane {
        started.seconds(&[("process", "data_plane")], seconds(data_plane.started));
    }
    let mut generation = page.family(
        "halo_config_generation",
        Kind::Gauge,
        "Generation of the configuration in use: 1 at start, one more with each reload.",
    );
    generation.sample(&[("process", "agent")], agent.config_generation);
    if let Some(data_plane) = data_plane {
        generation.sample(&[("process", "data_plane")], data_plane.config_generation);
    }
    page.family(
        "halo_data_plane_restarts_total",
        Kind::Counter,
        "How often the agent started the data plane again.",
    )
    .sample(&[], agent.data_plane.restarts);
    page.family(
        "halo_warnings",
        Kind::Gauge,
        "Warnings that `hactl status` shows.",
    )
    .sample(&[], agent.warnings.len() as u64);
    lateness(page, &agent.timers);
    workers(page, data_plane, sample.access_log_dropped);
}

fn lateness(page: &mut Page, timers: &TimerLateness) {
    let mut at_most = 0;
    let buckets: Vec<(String, u64)> = timers
        .buckets
        .iter()
        .map(|bucket| {
            at_most += bucket.timers;
            (micros(bucket.at_most_us), at_most)
        })
        .collect();
    page.family(
        "halo_agent_timer_lateness_seconds",
        Kind::Histogram,
        "How late timers of the failover agent fired, heartbeats among them.",
    )
    .histogram(&buckets, micros(timers.total_us), timers.fired);
    page.family(
        "halo_agent_timer_lateness_worst_seconds",
        Kind::Gauge,
        "The latest of them since the agent's start.",
    )
    .seconds(&[], micros(timers.worst_us));
}

fn workers(page: &mut Page, data_plane: Option<&DataPlaneStatus>, dropped: u64) {
    if let Some(data_plane) = data_plane {
        page.family("halo_data_plane_workers", Kind::Gauge, "Worker threads.")
            .sample(&[], data_plane.workers as u64);
        let mut each = page.family(
            "halo_worker_connections",
            Kind::Gauge,
            "Client connections that a worker thread has; udp: sessions.",
        );
        for (worker, &connections) in data_plane.worker_connections.iter().enumerate() {
            each.sample(&[("worker", &worker.to_string())], connections);
        }
    }
    page.family(
        "halo_access_log_dropped_total",
        Kind::Counter,
        "Access-log lines thrown away because their writer was too slow.",
    )
    .sample(&[], dropped);
}

/// Milliseconds as seconds, without the rounding of a float.
fn seconds(millis: UnixMillis) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Microseconds as seconds, likewise.
fn micros(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
#[path = "metrics/tests.rs"]
mod tests;
