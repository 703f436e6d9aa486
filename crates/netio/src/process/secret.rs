//! Secrets: read from files that are kept as such, and drawn at random.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Nobody needs a longer one; whoever names a device file by mistake gets an error instead of a hang.
const LONGEST: u64 = 64 * 1024;
/// Everyone's bits, and the group's to write.
const TOO_OPEN: u32 = 0o027;

/// Reads a text file that only its owner, and perhaps its group, may read, and only its owner write.
///
/// # Errors
/// When it cannot be read, or others may.
pub fn read_secret(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mode = found.mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "its mode {mode:04o} lets others read or write it; run: chmod 600 {}",
                path.display()
            ),
        ));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// 32 random bytes, for whoever must not be foreseen.
pub fn random_seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut seed))
        .map_err(|source| Error::os("draw random bytes", source))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_or_change_is_refused_with_the_remedy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "secret").unwrap();
        for (mode, good) in [
            (0o600, true),
            (0o400, true),
            (0o640, true),
            (0o644, false),
            (0o620, false),
            (0o666, false),
        ] {
            set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
            let read = read_secret(file.path());
            assert_eq!(read.is_ok(), good, "{mode:o}: {read:?}");
            if let Err(error) = read {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
        assert!(read_secret(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn no_two_seeds_are_alike() {
        assert_ne!(random_seed().unwrap(), random_seed().unwrap());
    }
}
