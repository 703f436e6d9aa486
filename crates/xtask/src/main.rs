//! Project chores: generated documents, and the layer check.

mod docs;
mod layers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Project chores.
#[derive(Debug, Parser)]
#[command(name = "cargo run -p xtask --")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Write the generated documents.
    Docs {
        /// Write nothing, and fail when one is not as it would be written.
        #[arg(long)]
        check: bool,
    },
    /// Check who depends on whom, and that pure crates are pure.
    Layers,
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> anyhow::Result<()> {
    let root = root()?;
    match chore {
        Chore::Docs { check } => docs::run(&root, check),
        Chore::Layers => layers::run(&root),
    }
}

/// The workspace's directory.
fn root() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize()
        .with_context(|| format!("cannot find {}", root.display()))
}
