//! A configuration as it was read: the text for the data plane, the meaning for the agent.

use std::io;
use std::path::Path;

use halo_auth::Keyring;
use halo_config::Config;

use crate::error::Error;

/// A valid configuration with its text.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it means on this node.
    pub config: Config,
    pub(crate) text: String,
    pub(crate) token: Option<String>,
    /// The cluster's keys, if it has a secret.
    pub(crate) keyring: Option<Keyring>,
}

impl Loaded {
    /// Whether nothing has changed in any of the files.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.text == other.text && self.token == other.token && self.keyring == other.keyring
    }

    /// Reads the file at `path` as the node `node`, by way of `read`, and the secret by way of
    /// `read_secret`, which looks at who else may read it.
    ///
    /// # Errors
    /// When it, or a file that it names, cannot be read or is wrong.
    pub fn read(
        path: &Path,
        node: &str,
        mut read: impl FnMut(&Path) -> io::Result<String>,
        read_secret: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<Self, Error> {
        let text = read(path).map_err(|source| Error::ReadConfig {
            path: path.to_owned(),
            source,
        })?;
        let config = halo_config::parse(&path.display().to_string(), &text, node)?;
        let token = config
            .admin
            .token_file
            .as_deref()
            .map(|file| read_token(file, &mut read))
            .transpose()?;
        let keyring = config
            .secret_file
            .as_deref()
            .map(|file| read_keyring(file, read_secret))
            .transpose()?;
        Ok(Self {
            config,
            text,
            token,
            keyring,
        })
    }
}

fn read_token(
    file: &Path,
    read: &mut impl FnMut(&Path) -> io::Result<String>,
) -> Result<String, Error> {
    let failed = |source| Error::ReadToken {
        path: file.to_owned(),
        source,
    };
    let token = read(file).map_err(failed)?.trim().to_owned();
    if token.is_empty() {
        return Err(failed(io::Error::other("it is empty")));
    }
    Ok(token)
}

fn read_keyring(
    file: &Path,
    read_secret: impl FnOnce(&Path) -> io::Result<String>,
) -> Result<Keyring, Error> {
    let failed = |source| Error::ReadSecret {
        path: file.to_owned(),
        source,
    };
    let text = read_secret(file).map_err(failed)?;
    Keyring::from_text(&text).map_err(|wrong| failed(io::Error::other(wrong)))
}
