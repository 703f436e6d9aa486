//! How a command can fail, and the exit code that scripts see.

use std::process::ExitCode;

/// Why a command was not done. Each is a sentence with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It was tried and failed. Exit code 1.
    #[error("{0}")]
    Failed(String),
    /// It cannot be understood; clap ends with the same code. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Neither data plane nor agent can be reached. Exit code 3.
    #[error("{0}")]
    Unreachable(String),
    /// The node understood and refused; nothing changed. Exit code 4.
    #[error("{0}")]
    Refused(String),
    /// It took too long; it may still be done. Exit code 5.
    #[error("{0}")]
    TimedOut(String),
}

impl Failure {
    /// What scripts see.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Refused(_) => 4,
            Self::TimedOut(_) => 5,
        }
    }
}
