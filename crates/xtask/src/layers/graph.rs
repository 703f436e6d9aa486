//! Who depends on whom.

use std::path::PathBuf;

use cargo_metadata::{DependencyKind, Package};

use super::rules::{Layer, NETIO, is_impure_library, layer};

/// A crate of the workspace.
#[derive(Debug)]
pub(super) struct Crate {
    pub(super) name: String,
    /// Where its manifest is.
    pub(super) directory: PathBuf,
    /// What it depends on, except for its tests.
    pub(super) dependencies: Vec<String>,
}

impl From<&Package> for Crate {
    fn from(package: &Package) -> Self {
        let manifest = package.manifest_path.as_std_path();
        Self {
            name: package.name.to_string(),
            directory: manifest.parent().unwrap_or(manifest).to_owned(),
            dependencies: package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind != DependencyKind::Development)
                .map(|dependency| dependency.name.clone())
                .collect(),
        }
    }
}

/// Every dependency that the layers do not allow.
pub(super) fn check(crates: &[Crate]) -> Vec<String> {
    let mut broken = Vec::new();
    for one in crates {
        let Some(own) = layer(&one.name) else {
            broken.push(format!(
                "{}: has no layer; name it in crates/xtask/src/layers/rules.rs",
                one.name
            ));
            continue;
        };
        for dependency in &one.dependencies {
            let inside = crates.iter().any(|other| other.name == *dependency);
            let reason = match layer(dependency).filter(|_| inside) {
                Some(theirs) => may_not_use(own, theirs, dependency),
                None if own == Layer::Pure && is_impure_library(dependency) => {
                    Some("pure crates do no I/O, keep no time and roll no dice")
                }
                None => None,
            };
            if let Some(reason) = reason {
                broken.push(format!(
                    "{}: may not depend on {dependency}: {reason}",
                    one.name
                ));
            }
        }
    }
    broken
}

/// Why a crate of the layer `own` may not use `name`, of the layer `theirs`.
fn may_not_use(own: Layer, theirs: Layer, name: &str) -> Option<&'static str> {
    match (own, theirs) {
        (Layer::Pure, Layer::Pure) | (Layer::Dev, _) => None,
        (Layer::Io, Layer::Io) if name == NETIO => None,
        (Layer::Io, Layer::Io) => {
            Some("I/O crates use netio alone of their layer; a program composes them")
        }
        (Layer::Program, Layer::Program) => Some("programs do not use each other"),
        (_, _) if theirs < own => None,
        (_, _) => Some("dependencies point downward: dev, programs, I/O, pure"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(crates: &[(&str, &[&str])]) -> Vec<String> {
        let crates: Vec<Crate> = crates
            .iter()
            .map(|(name, dependencies)| Crate {
                name: (*name).to_owned(),
                directory: PathBuf::new(),
                dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
            })
            .collect();
        check(&crates)
    }

    #[test]
    fn downward_is_allowed() {
        let crates: &[(&str, &[&str])] = &[
            ("halo-packet", &["pnet", "thiserror"]),
            ("halo-vrrp", &["halo-packet"]),
            ("halo-netio", &["halo-packet", "libc"]),
            ("halo-agent", &["halo-vrrp", "halo-netio"]),
            ("halod", &["halo-agent", "tokio"]),
            ("halo-lab", &["halo-netio", "halod"]),
            ("halo-e2e", &["halo-lab"]),
        ];
        assert_eq!(broken(crates), [""; 0]);
    }

    #[test]
    fn upward_and_sideways_are_not() {
        let crates: &[(&str, &[&str])] = &[
            ("halo-vrrp", &["halo-netio"]),
            ("halo-netio", &[]),
            ("halo-agent", &["halo-proxy"]),
            ("halo-proxy", &["halod"]),
            ("halod", &["hactl"]),
            ("hactl", &[]),
        ];
        assert_eq!(
            broken(crates),
            [
                "halo-vrrp: may not depend on halo-netio: dependencies point downward: dev, \
                 programs, I/O, pure",
                "halo-agent: may not depend on halo-proxy: I/O crates use netio alone of their \
                 layer; a program composes them",
                "halo-proxy: may not depend on halod: dependencies point downward: dev, programs, \
                 I/O, pure",
                "halod: may not depend on hactl: programs do not use each other",
            ]
        );
    }

    #[test]
    fn pure_crates_use_no_library_that_does_io() {
        let broken = broken(&[(
            "halo-health",
            &["tokio-util", "netlink-sys", "rand", "serde"],
        )]);
        assert_eq!(broken.len(), 3, "{broken:?}");
    }

    #[test]
    fn a_new_crate_must_be_given_a_layer() {
        assert_eq!(
            broken(&[("halo-dns", &[])]),
            ["halo-dns: has no layer; name it in crates/xtask/src/layers/rules.rs"]
        );
    }
}
