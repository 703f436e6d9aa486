//! What people see.

pub(crate) mod events;
pub(crate) mod status;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod view;
pub(crate) mod vip;
pub(crate) mod why;

use std::io::{ErrorKind, Write};

pub(crate) use style::Style;

use crate::exit::Failure;

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::Failed(format!("cannot write the output: {error}"))),
    }
}
