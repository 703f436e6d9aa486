//! `layers`: who may depend on whom, and what pure crates may name.
//!
//! ```text
//! dev        simulator, lab, tests     may use everything below, and each other
//! programs   halod, hactl, whoami      may use I/O and pure crates
//! I/O        netio, proxy, agent, ...  may use pure crates and netio, not each other
//! pure       vrrp, health, config, ... may use pure crates: no sockets, files, threads, clocks
//! ```

mod graph;
mod rules;
mod source;
mod tree;

use std::path::Path;

use anyhow::{Context, bail};
use cargo_metadata::MetadataCommand;

use graph::Crate;
use rules::Layer;
use tree::Modules;

/// Checks the workspace in `root`.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let crates = workspace(root)?;
    let mut broken = graph::check(&crates);
    let mut files = 0;
    for one in &crates {
        for file in tree::all_sources(&one.directory)? {
            files += 1;
            if one.name != rules::UNSAFE_ALLOWED {
                broken.extend(source::unsafe_code(&tree::read(&file)?));
            }
        }
        broken.extend(
            tree::orphans(&one.directory)?
                .iter()
                .map(|file| format!("{}: no `mod` leads to it", file.display())),
        );
        if rules::layer(&one.name) == Some(Layer::Pure) {
            let root = one.directory.join("src/lib.rs");
            for file in tree::modules(&root, Modules::Shipped)? {
                broken.extend(source::impure(&tree::read(&file)?));
            }
        }
    }
    if !broken.is_empty() {
        let prefix = format!("{}/", root.display());
        let lines: Vec<String> = broken
            .iter()
            .map(|line| line.replace(&prefix, ""))
            .collect();
        bail!(
            "{}\n{} breaches of the layers",
            lines.join("\n"),
            lines.len()
        );
    }
    println!(
        "layers: {} crates and {files} source files are as they should be",
        crates.len()
    );
    Ok(())
}

/// The workspace's crates.
fn workspace(root: &Path) -> anyhow::Result<Vec<Crate>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata.packages.iter().map(Crate::from).collect())
}
