//! Which user the data plane runs as.

use std::io;

use nix::unistd::User;

use super::capability::Capability;
use crate::error::{Error, Result};

/// Conventional user and group of nobody, for images without `/etc/passwd`.
const NOBODY: u32 = 65534;

/// The user that a child runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// The parent's own, without its capabilities.
    Keep,
    /// Another user.
    Become {
        /// User.
        uid: u32,
        /// Its only group.
        gid: u32,
    },
}

impl Identity {
    /// The group that the child is to have.
    #[must_use]
    pub fn gid(self) -> u32 {
        match self {
            Self::Keep => nix::unistd::getegid().as_raw(),
            Self::Become { gid, .. } => gid,
        }
    }

    /// Becomes that user, keeping permitted capabilities. Only system calls, and those raw: libc's
    /// wrappers would change the other threads as well, which here are the parent's.
    pub(super) fn assume(self) -> io::Result<()> {
        let Self::Become { uid, gid } = self else {
            return Ok(());
        };
        nix::sys::prctl::set_keepcaps(true)?;
        // SAFETY: system calls with integers, and with a list of one that outlives the call.
        unsafe {
            check(libc::syscall(libc::SYS_setgroups, 1, &raw const gid))?;
            check(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
            check(libc::syscall(libc::SYS_setresuid, uid, uid, uid))
        }
    }
}

fn check(outcome: libc::c_long) -> io::Result<()> {
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Finds out how the data plane can run as `user` (a name, or a number), and a warning for the
/// operator when it cannot and runs as our own user instead, without capabilities.
///
/// That is so where there is no other user to become: when halod was not started by root, and in
/// a user namespace that does not map `user`. True root that lacks `CAP_SETUID` is an error.
pub fn resolve(user: &str) -> Result<(Identity, Option<String>)> {
    let (uid, gid) = look_up(user)?;
    let own = nix::unistd::geteuid();
    if uid == own.as_raw() {
        return Ok((Identity::Keep, None));
    }
    let keep = |why: &str| {
        let warning = format!(
            "the data plane runs as user {own}, not as {user}: {why}; it has no capabilities but NET_BIND_SERVICE"
        );
        Ok((Identity::Keep, Some(warning)))
    };
    if !is_mapped("/proc/self/uid_map", uid) || !is_mapped("/proc/self/gid_map", gid) {
        return keep("this user namespace does not map it");
    }
    if Capability::SetUid.in_force() && Capability::SetGid.in_force() {
        return Ok((Identity::Become { uid, gid }, None));
    }
    if own.is_root() {
        return Err(Error::Privilege {
            what: format!("run the data plane as {user}"),
            remedy: "halod needs CAP_SETUID and CAP_SETGID for it: add `cap_add: [SETUID, SETGID]`, \
                     or set [data_plane] user = \"root\" to do without",
        });
    }
    keep("halod was not started by root and lacks CAP_SETUID and CAP_SETGID")
}

fn look_up(user: &str) -> Result<(u32, u32)> {
    if let Ok(number) = user.parse::<u32>() {
        return Ok((number, number));
    }
    let known = User::from_name(user)
        .map_err(|source| Error::os(format!("look up the user {user:?}"), source))
        .or_else(|error| {
            if is_built_in(user) {
                Ok(None)
            } else {
                Err(error)
            }
        })?;
    match (known, user) {
        (Some(known), _) => Ok((known.uid.as_raw(), known.gid.as_raw())),
        (None, "root") => Ok((0, 0)),
        (None, "nobody") => Ok((NOBODY, NOBODY)),
        (None, _) => Err(Error::UnknownUser {
            name: user.to_owned(),
        }),
    }
}

fn is_built_in(user: &str) -> bool {
    matches!(user, "root" | "nobody")
}

/// Whether the map at `path` (user_namespaces(7)) has `id`. Without the file there is but one
/// namespace, which maps all.
fn is_mapped(path: &str, id: u32) -> bool {
    match std::fs::read_to_string(path) {
        Ok(map) => maps(&map, id),
        Err(_) => true,
    }
}

fn maps(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) =
            (fields.next(), fields.next(), fields.next())
        else {
            return false;
        };
        (first..first + count).contains(&u64::from(id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_with_one_user_maps_only_that() {
        let map = "         0       1000          1\n";
        assert!(maps(map, 0));
        assert!(!maps(map, 65534));
    }

    #[test]
    fn the_first_namespace_maps_everyone() {
        assert!(maps("         0          0 4294967295\n", 65534));
    }

    #[test]
    fn numbers_and_well_known_names_need_no_passwd_file() {
        assert_eq!(look_up("4711").unwrap(), (4711, 4711));
        assert_eq!(look_up("nobody").unwrap().0, NOBODY);
        assert!(matches!(
            look_up("no-such-user-here"),
            Err(Error::UnknownUser { .. })
        ));
    }
}
