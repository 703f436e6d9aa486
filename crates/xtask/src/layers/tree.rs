//! The source files of a crate.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use syn::{Item, ItemMod};

/// A source file.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Reads one.
pub(super) fn read(path: &Path) -> anyhow::Result<Source> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Source {
        path: path.to_owned(),
        text,
    })
}

/// Every Rust file below `directory`: modules, tests, examples, build script.
pub(super) fn all_sources(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(all_sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The files of the module tree under `root` (a `lib.rs` or `main.rs`), without modules that only
/// tests have.
pub(super) fn modules(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let directory = root.parent().unwrap_or(root);
    module(root, directory, &mut files)?;
    Ok(files)
}

/// Adds `file`, whose inner modules are in `directory`.
fn module(file: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let source = read(file)?;
    let parsed = syn::parse_file(&source.text)
        .with_context(|| format!("cannot parse {}", file.display()))?;
    files.push(file.to_owned());
    inner(&parsed.items, directory, files)
}

fn inner(items: &[Item], directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for item in items {
        let Item::Mod(declared) = item else { continue };
        if is_test_only(&declared.attrs) {
            continue;
        }
        let below = directory.join(declared.ident.to_string());
        match &declared.content {
            Some((_, items)) => inner(items, &below, files)?,
            None => {
                let file = file_of(declared, directory)?;
                module(&file, &below, files)?;
            }
        }
    }
    Ok(())
}

fn file_of(declared: &ItemMod, directory: &Path) -> anyhow::Result<PathBuf> {
    let name = declared.ident.to_string();
    let candidates = [
        directory.join(format!("{name}.rs")),
        directory.join(&name).join("mod.rs"),
    ];
    match candidates.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("module {name} has no file in {}", directory.display()),
    }
}

/// Whether an item is there for tests alone.
pub(super) fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_tree_of_this_crate_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = modules(&root.join("main.rs")).unwrap();
        assert!(files.contains(&root.join("layers/tree.rs")));
        assert_eq!(files.len(), all_sources(&root).unwrap().len());
    }
}
