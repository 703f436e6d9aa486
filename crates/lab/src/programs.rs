//! Finding programs: Halo's own beside this one, the system's in PATH.

use std::env;
use std::path::{Path, PathBuf};

use crate::LabError;

/// Where the programs of Halo are.
#[derive(Debug, Clone)]
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// `HALO_BIN_DIR`, or the directory of the running program. A test runs from `deps` below it.
    ///
    /// # Errors
    /// [`LabError::NotBuilt`] when halod, hactl or whoami is not there.
    pub fn find() -> Result<Self, LabError> {
        let directory = match env::var_os("HALO_BIN_DIR") {
            Some(directory) => PathBuf::from(directory),
            None => {
                let me = env::current_exe().map_err(LabError::io("find the running program"))?;
                let here = me.parent().unwrap_or(Path::new("/")).to_owned();
                match here.parent() {
                    Some(above) if here.ends_with("deps") => above.to_owned(),
                    _ => here,
                }
            }
        };
        for program in ["halod", "hactl", "whoami"] {
            if !directory.join(program).is_file() {
                return Err(LabError::NotBuilt { program, directory });
            }
        }
        Ok(Self { directory })
    }

    /// The path of one of them.
    #[must_use]
    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// `PATH` with them in front, and with the places of system programs behind.
    #[must_use]
    pub fn search_path(&self) -> String {
        let own = self.directory.display();
        let given = env::var("PATH").unwrap_or_default();
        format!("{own}:{given}:/usr/sbin:/usr/bin:/sbin:/bin")
    }
}

/// A program of the system.
///
/// # Errors
/// [`LabError::NotInstalled`], with the remedy.
pub fn find_tool(program: &str) -> Result<PathBuf, LabError> {
    let given = env::var("PATH").unwrap_or_default();
    given
        .split(':')
        .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"])
        .map(|directory| Path::new(directory).join(program))
        .find(|path| path.is_file())
        .ok_or_else(|| LabError::NotInstalled {
            program: program.into(),
        })
}
