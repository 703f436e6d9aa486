//! Completion scripts and man pages, made from the command line's definition.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Failure;
use crate::output;

pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hactl", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

pub(super) fn man(directory: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(Cli::command(), directory).map_err(|error| {
        Failure::Failed(format!("man pages into {}: {error}", directory.display()))
    })
}
