//! The lab's directory: its files, and who it belongs to.
//!
//! `/tmp/halo-lab-UID/NAME/` holds `lab.json` (processes, so that `halo-lab exec` finds the
//! namespaces), `control.sock`, `halo.toml` and the logs. It goes when the lab ends; that of a
//! lab that was killed goes when the next one starts.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{LabError, proc};

/// What other processes may know of a lab: `lab.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabState {
    /// Its name.
    pub name: String,
    /// The process that it lives in.
    pub pid: u32,
    /// When that process started (clock ticks since boot), since numbers are used again.
    pub started: u64,
    /// For each host the process that holds its namespaces.
    pub holders: BTreeMap<String, u32>,
}

impl LabState {
    /// The state of a running lab.
    ///
    /// # Errors
    /// [`LabError::NotRunning`] when there is none.
    pub fn load(name: &str) -> Result<Self, LabError> {
        read(&base()?.join(name)).ok_or_else(|| {
            let names: Vec<String> = list().into_iter().map(|lab| lab.name).collect();
            LabError::NotRunning {
                name: name.into(),
                others: if names.is_empty() {
                    String::new()
                } else {
                    format!(", or name one of those that run: {}", names.join(", "))
                },
            }
        })
    }

    /// The lab's directory.
    ///
    /// # Errors
    /// When the directory of labs is not ours.
    pub fn directory(name: &str) -> Result<PathBuf, LabError> {
        Ok(base()?.join(name))
    }

    fn is_alive(&self) -> bool {
        proc::start_time(self.pid) == Some(self.started)
    }
}

/// The labs that run.
#[must_use]
pub fn list() -> Vec<LabState> {
    directories()
        .into_iter()
        .filter_map(|directory| read(&directory))
        .collect()
}

/// Removes the directories of this process's labs: for an end that drops nothing.
pub fn remove_directories() {
    for directory in directories() {
        let ours = read(&directory).is_some_and(|lab| lab.pid == std::process::id());
        if ours && let Err(error) = fs::remove_dir_all(&directory) {
            eprintln!("halo-lab: cannot remove {}: {error}", directory.display());
        }
    }
}

/// A lab's directory; removed when dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    state: LabState,
}

impl Directory {
    /// Makes the directory, after removing those of labs that are dead.
    pub(crate) fn create(name: &str) -> Result<Self, LabError> {
        sweep();
        let path = base()?.join(name);
        let pid = std::process::id();
        let state = LabState {
            name: name.into(),
            pid,
            started: proc::start_time(pid).unwrap_or_default(),
            holders: BTreeMap::new(),
        };
        match fs::DirBuilder::new().mode(0o755).create(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let pid = read(&path).map_or(0, |other| other.pid);
                return Err(LabError::NameTaken {
                    name: name.into(),
                    pid,
                });
            }
            Err(error) => return Err(LabError::io(format!("make {}", path.display()))(error)),
        }
        let directory = Self { path, state };
        directory.save()?;
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn add_holder(&mut self, host: &str, pid: u32) {
        self.state.holders.insert(host.into(), pid);
    }

    pub(crate) fn save(&self) -> Result<(), LabError> {
        let text = serde_json::to_string_pretty(&self.state).unwrap_or_default();
        // Renamed into place, so that a reader never sees half of it.
        let (new, file) = (self.path.join("lab.json.new"), self.path.join("lab.json"));
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &file))
            .map_err(LabError::io(format!("write {}", file.display())))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            eprintln!("halo-lab: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Not below `XDG_RUNTIME_DIR`: that is in `/run`, which is private to each host, and the
/// configuration is read there.
fn base() -> Result<PathBuf, LabError> {
    let uid = nix::unistd::geteuid().as_raw();
    let base = PathBuf::from(format!("/tmp/halo-lab-{}", outer_uid(uid)));
    let made = fs::DirBuilder::new().mode(0o755).create(&base);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(LabError::io(format!("make {}", base.display()))(error));
        }
        _ => {}
    }
    let data = fs::symlink_metadata(&base).map_err(LabError::io("look at the lab directory"))?;
    if !data.is_dir() || data.uid() != uid {
        return Err(LabError::Refused(format!(
            "{} belongs to someone else; remove it",
            base.display()
        )));
    }
    Ok(base)
}

/// Who this user is outside of the user namespace, in which everyone is root.
fn outer_uid(uid: u32) -> u32 {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let found = map.lines().find_map(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u32>);
        let (inner, outer, count) = (fields.next()?, fields.next()?, fields.next()?);
        let (inner, outer, count) = (inner.ok()?, outer.ok()?, count.ok()?);
        let offset = uid.checked_sub(inner)?;
        (offset < count).then_some(outer + offset)
    });
    found.unwrap_or(uid)
}

fn directories() -> Vec<PathBuf> {
    let Some(entries) = base().ok().and_then(|base| fs::read_dir(base).ok()) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect()
}

/// `None` when the lab is dead, or its directory is being made.
fn read(directory: &Path) -> Option<LabState> {
    let text = fs::read_to_string(directory.join("lab.json")).ok()?;
    let state: LabState = serde_json::from_str(&text).ok()?;
    state.is_alive().then_some(state)
}

/// Removes the directories of labs whose process is dead: it was killed and could not.
fn sweep() {
    for directory in directories() {
        let Ok(text) = fs::read_to_string(directory.join("lab.json")) else {
            continue; // being made, or being removed
        };
        let alive = serde_json::from_str(&text).is_ok_and(|state: LabState| state.is_alive());
        if !alive && let Err(error) = fs::remove_dir_all(&directory) {
            eprintln!("halo-lab: cannot remove {}: {error}", directory.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_while_its_lab_lives_and_free_afterwards() {
        let name = format!("test-state-{}", std::process::id());
        let first = Directory::create(&name).unwrap();
        assert!(list().iter().any(|lab| lab.name == name));
        assert!(matches!(
            Directory::create(&name),
            Err(LabError::NameTaken { pid, .. }) if pid == std::process::id()
        ));
        drop(first);
        assert!(matches!(
            LabState::load(&name),
            Err(LabError::NotRunning { .. })
        ));
    }

    #[test]
    fn what_a_dead_lab_left_is_removed() {
        let name = format!("test-stale-{}", std::process::id());
        let directory = Directory::create(&name).unwrap();
        let mut dead = directory.state.clone();
        dead.started += 1;
        let path = directory.path().to_owned();
        fs::write(path.join("lab.json"), serde_json::to_string(&dead).unwrap()).unwrap();
        sweep();
        assert!(!path.exists());
        std::mem::forget(directory); // there is nothing left to remove
    }
}
