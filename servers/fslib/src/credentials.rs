//! Who acts on files, and what the permission bits let him do.

use crate::linux::{access, mode};
use alloc::vec::Vec;
use k42_api::lifecycle::Credentials;
use k42_ipc::{Error, Result};

/// The identity of a process as file servers keep it. Immutable: a change makes a new record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Ids.
    pub ids: Credentials,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// One identity in use for one check: file-system ids, or for access(2) the real ones.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: &'a [u32],
}

/// Linux's NGROUPS_MAX is 65536; a call's payload is the tighter limit.
const GROUPS_MAX: usize = 2000;

impl Record {
    /// The superuser without supplementary groups: how servers act.
    pub const ROOT: Self = Self {
        ids: Credentials {
            euid: 0,
            egid: 0,
            ruid: 0,
            rgid: 0,
            fsuid: 0,
            fsgid: 0,
        },
        groups: Vec::new(),
    };

    /// From the wire: `groups` are little-endian u32.
    pub fn new(ids: Credentials, groups: &[u8]) -> Result<Self> {
        let (words, rest) = groups.as_chunks::<4>();
        if !rest.is_empty() || words.len() > GROUPS_MAX {
            return Err(Error::EINVAL);
        }
        let mut list = Vec::new();
        list.try_reserve_exact(words.len())
            .map_err(|_| Error::ENOMEM)?;
        list.extend(words.iter().map(|word| u32::from_le_bytes(*word)));
        Ok(Self { ids, groups: list })
    }

    /// The identity for ordinary file access.
    pub fn effective(&self) -> Access<'_> {
        Access {
            uid: self.ids.fsuid,
            gid: self.ids.fsgid,
            groups: &self.groups,
        }
    }

    /// The identity that access(2) asks about.
    pub fn real(&self) -> Access<'_> {
        Access {
            uid: self.ids.ruid,
            gid: self.ids.rgid,
            groups: &self.groups,
        }
    }
}

impl Access<'_> {
    /// The superuser.
    pub const ROOT: Access<'static> = Access {
        uid: 0,
        gid: 0,
        groups: &[],
    };

    /// Whether this is the superuser.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether this identity is a member of `gid`.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether this is the file's owner, or may act as such.
    pub fn owns(&self, uid: u32) -> bool {
        self.uid == uid || self.is_root()
    }

    /// Whether a file with this mode and owner may be used as `wanted` says (bits of [`access`]); EACCES if not.
    #[inline]
    pub fn check(&self, file_mode: u32, uid: u32, gid: u32, wanted: u32) -> Result<()> {
        if self.is_root() {
            let executable =
                file_mode & mode::ANY_EXECUTE != 0 || file_mode & mode::TYPE == mode::DIRECTORY;
            return if wanted & access::EXECUTE == 0 || executable {
                Ok(())
            } else {
                Err(Error::EACCES)
            };
        }
        // The first class that fits decides, even if a later one would allow more.
        let shift = if self.uid == uid {
            6
        } else if self.in_group(gid) {
            3
        } else {
            0
        };
        if wanted & !(file_mode >> shift) & 7 == 0 {
            Ok(())
        } else {
            Err(Error::EACCES)
        }
    }

    /// Whether an entry of a directory may be removed as far as the sticky bit is concerned; EPERM if not.
    pub fn check_sticky(
        &self,
        directory_mode: u32,
        directory_uid: u32,
        file_uid: u32,
    ) -> Result<()> {
        let free = directory_mode & mode::STICKY == 0;
        if free || self.owns(directory_uid) || self.owns(file_uid) {
            Ok(())
        } else {
            Err(Error::EPERM)
        }
    }
}

/// Permission bits that are left when somebody other than root writes to, or cuts, a file: set-user-id goes, and
/// set-group-id where it means that (with group execution).
pub fn without_set_id(file_mode: u32) -> u32 {
    let drop_group = if file_mode & mode::GROUP_EXECUTE != 0 {
        mode::SET_GID
    } else {
        0
    };
    file_mode & !(mode::SET_UID | drop_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(uid: u32, gid: u32, groups: &[u32]) -> Access<'_> {
        Access { uid, gid, groups }
    }

    #[test]
    fn first_fitting_class_decides() {
        let owner_locked_out = 0o100077;
        assert_eq!(
            who(5, 5, &[]).check(owner_locked_out, 5, 9, access::READ),
            Err(Error::EACCES)
        );
        assert_eq!(
            who(6, 9, &[]).check(owner_locked_out, 5, 9, access::READ),
            Ok(())
        );
        assert_eq!(
            who(6, 1, &[3, 9]).check(0o100007, 5, 9, access::READ),
            Err(Error::EACCES)
        );
        assert_eq!(who(6, 1, &[3]).check(0o100007, 5, 9, 7), Ok(()));
    }

    #[test]
    fn root_needs_one_execute_bit() {
        assert_eq!(
            Access::ROOT.check(0o100644, 5, 5, access::EXECUTE),
            Err(Error::EACCES)
        );
        assert_eq!(Access::ROOT.check(0o100645, 5, 5, access::EXECUTE), Ok(()));
        assert_eq!(Access::ROOT.check(0o040000, 5, 5, 7), Ok(()));
        assert_eq!(
            Access::ROOT.check(0o100000, 5, 5, access::READ | access::WRITE),
            Ok(())
        );
    }

    #[test]
    fn sticky() {
        assert_eq!(who(5, 5, &[]).check_sticky(0o1777, 0, 6), Err(Error::EPERM));
        assert_eq!(who(6, 5, &[]).check_sticky(0o1777, 0, 6), Ok(()));
        assert_eq!(who(5, 5, &[]).check_sticky(0o1777, 5, 6), Ok(()));
        assert_eq!(who(5, 5, &[]).check_sticky(0o777, 0, 6), Ok(()));
    }

    #[test]
    fn groups_from_the_wire() {
        let ids = Record::ROOT.ids;
        assert_eq!(
            Record::new(ids, &[1, 0, 0, 0, 2, 1, 0, 0]).unwrap().groups,
            [1, 258]
        );
        assert_eq!(Record::new(ids, &[1, 0, 0]), Err(Error::EINVAL));
    }
}
