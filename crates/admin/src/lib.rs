//! The admin API, metrics and health endpoints.
