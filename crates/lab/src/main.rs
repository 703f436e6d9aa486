//! `halo-lab`: a Halo cluster in network namespaces on this machine.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("halo-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}
