//! The daemon's own log: plain text on standard error.

use std::io::IsTerminal;

use halo_config::LogLevel;
use tracing_subscriber::EnvFilter;

/// The environment variable that overrides `[log] level`; takes `tracing` filter syntax.
pub(crate) const LEVEL_VARIABLE: &str = "HALO_LOG";

/// Starts logging at `level`, or as `HALO_LOG` says; `info` when neither says anything.
pub(crate) fn init(level: Option<LogLevel>) {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing_level(level).into())
        .with_env_var(LEVEL_VARIABLE)
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// The filter that [`init`] follows, for a child process that is to follow the same.
pub(crate) fn in_force(level: LogLevel) -> String {
    std::env::var(LEVEL_VARIABLE)
        .unwrap_or_else(|_| tracing_level(Some(level)).to_string().to_lowercase())
}

fn tracing_level(level: Option<LogLevel>) -> tracing::Level {
    match level {
        Some(LogLevel::Error) => tracing::Level::ERROR,
        Some(LogLevel::Warn) => tracing::Level::WARN,
        Some(LogLevel::Info) | None => tracing::Level::INFO,
        Some(LogLevel::Debug) => tracing::Level::DEBUG,
        Some(LogLevel::Trace) => tracing::Level::TRACE,
    }
}
