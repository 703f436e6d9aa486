//! The Unix socket's file.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::AdminError;

/// Read and write for the data plane's user and group; root may always.
const MODE: u32 = 0o660;

/// A bound Unix socket that takes its file along when it is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
}

/// Listens at `path`, in place of the file that a killed process may have left there.
///
/// The socket is made under another name and moved into place, so that nobody ever sees it with
/// the wrong mode, nor no socket at all where there was one.
pub(crate) async fn listen(path: &Path) -> Result<(UnixListener, SocketFile), AdminError> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(AdminError::InUse { path: path.into() });
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    place(&draft, path).map_err(|source| AdminError::Socket {
        path: path.into(),
        source,
    })
}

fn place(draft: &Path, path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    match std::fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(draft)?;
    std::fs::set_permissions(draft, Permissions::from_mode(MODE))?;
    std::fs::rename(draft, path)?;
    let path = path.to_path_buf();
    Ok((listener, SocketFile { path }))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!("{}: {error}", self.path.display());
        }
    }
}
