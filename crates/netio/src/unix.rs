//! The agent's own Unix socket, and the directory it shares with the data plane's.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::unistd::Gid;

use crate::error::{Error, Result};

/// Root and the data plane's group make files in it; each deletes only its own (sticky).
const DIRECTORY_MODE: u32 = 0o1770;
/// Whoever may steer the node: the owner and its group.
const SOCKET_MODE: u32 = 0o660;

/// Makes the directory of the node's sockets, where processes of the group `gid` may make theirs.
pub fn prepare_directory(directory: &Path, gid: u32) -> Result<()> {
    fs::create_dir_all(directory).map_err(|source| {
        Error::os(
            format!(
                "make the socket directory {} ([admin] socket_dir)",
                directory.display()
            ),
            source,
        )
    })?;
    give_to_group(directory, Gid::from_raw(gid))
        .and_then(|()| fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE)))
        .map_err(|source| {
            Error::os(
                format!(
                    "let group {gid} make sockets in {} ([admin] socket_dir; halod must own it)",
                    directory.display()
                ),
                source,
            )
        })
}

/// Listens at `path`. A socket file that nobody answers on is a left-over and replaced; one that
/// somebody answers on is an error.
pub fn listen(path: &Path) -> Result<UnixListener> {
    let failed = |source: io::Error| Error::os(format!("listen on {}", path.display()), source);
    clear_left_over(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

fn clear_left_over(path: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let in_the_way = |source: io::Error| Error::os(format!("replace {}", path.display()), source);
    if !metadata.file_type().is_socket() {
        return Err(in_the_way(io::Error::other("it is not a socket")));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Error::SocketInUse {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(in_the_way)
        }
        Err(error) => Err(in_the_way(error)),
    }
}

fn give_to_group(directory: &Path, group: Gid) -> io::Result<()> {
    let change = || nix::unistd::chown(directory, None, Some(group));
    if change().is_ok() {
        return Ok(());
    }
    // Without CAP_CHOWN (containers) an owner may still give a file to its own group, and
    // CAP_SETGID makes any group the file-system group of this thread for a moment.
    let own = nix::unistd::setfsgid(group);
    let outcome = change();
    nix::unistd::setfsgid(own);
    outcome.map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_listener_on_the_same_path_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        let _first = listen(&path).unwrap();
        assert!(matches!(listen(&path), Err(Error::SocketInUse { .. })));
    }

    #[test]
    fn a_left_over_socket_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        drop(listen(&path).unwrap());
        assert!(path.exists());
        let _again = listen(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, SOCKET_MODE);
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        fs::write(&path, "precious").unwrap();
        assert!(listen(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn the_directory_is_made_with_its_parents() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/halo");
        prepare_directory(&path, nix::unistd::getegid().as_raw()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, DIRECTORY_MODE);
    }
}
