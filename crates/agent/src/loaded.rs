//! A configuration as it was read: the text for the data plane, the meaning for the agent.

use std::io;
use std::path::Path;

use halo_config::Config;

use crate::error::Error;

/// A valid configuration with its text.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it means on this node.
    pub config: Config,
    pub(crate) text: String,
    pub(crate) token: Option<String>,
}

impl Loaded {
    /// Reads the file at `path` as the node `node`, by way of `read`.
    ///
    /// # Errors
    /// When it, or the token file that it names, cannot be read or is wrong.
    pub fn read(
        path: &Path,
        node: &str,
        mut read: impl FnMut(&Path) -> io::Result<String>,
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
        Ok(Self {
            config,
            text,
            token,
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
