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

/// Which modules of a crate count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modules {
    All,
    /// Without those that only tests have.
    Shipped,
}

/// The files of the module tree under `root` (a `lib.rs` or `main.rs`).
pub(super) fn modules(root: &Path, which: Modules) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let directory = root.parent().unwrap_or(root);
    which.add(root, directory, &mut files)?;
    Ok(files)
}

/// The files in a crate's `src` that no `mod` leads to: they are never compiled, whatever they say.
pub(super) fn orphans(crate_directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let src = crate_directory.join("src");
    if !src.is_dir() {
        return Ok(Vec::new());
    }
    let mut reached = Vec::new();
    for root in ["lib.rs", "main.rs"].map(|name| src.join(name)) {
        if root.is_file() {
            reached.extend(modules(&root, Modules::All)?);
        }
    }
    let mut files = all_sources(&src)?;
    files.retain(|file| !reached.contains(file));
    Ok(files)
}

impl Modules {
    /// Adds `file`, whose inner modules are in `directory`.
    fn add(self, file: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
        let source = read(file)?;
        let parsed = syn::parse_file(&source.text)
            .with_context(|| format!("cannot parse {}", file.display()))?;
        files.push(file.to_owned());
        self.add_inner(&parsed.items, directory, files)
    }

    fn add_inner(
        self,
        items: &[Item],
        directory: &Path,
        files: &mut Vec<PathBuf>,
    ) -> anyhow::Result<()> {
        for item in items {
            let Item::Mod(declared) = item else { continue };
            if self == Self::Shipped && is_test_only(&declared.attrs) {
                continue;
            }
            let below = directory.join(declared.ident.to_string());
            match &declared.content {
                Some((_, items)) => self.add_inner(items, &below, files)?,
                None => self.add(&file_of(declared, directory)?, &below, files)?,
            }
        }
        Ok(())
    }
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
        let files = modules(&root.join("main.rs"), Modules::Shipped).unwrap();
        assert!(files.contains(&root.join("layers/tree.rs")));
        assert_eq!(files.len(), all_sources(&root).unwrap().len());
    }

    #[test]
    fn a_file_that_no_module_leads_to_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let src = directory.path().join("src");
        fs::create_dir_all(src.join("a")).unwrap();
        for (name, text) in [
            ("lib.rs", "mod a; #[cfg(test)] mod tests;"),
            ("a.rs", "mod b;"),
            ("a/b.rs", ""),
            ("a/c.rs", ""),
            ("tests.rs", ""),
        ] {
            fs::write(src.join(name), text).unwrap();
        }
        assert_eq!(orphans(directory.path()).unwrap(), [src.join("a/c.rs")]);
    }
}
