//! TCP and HTTP health probes.
