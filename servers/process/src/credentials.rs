//! User and group ids of a process, and the rules by which it may change them.
//!
//! A process is privileged if its effective user is root; K42 has no separate capabilities.

use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_api::lifecycle;
use k42_api::process::{Ids, KEEP_ID, id_call};
use k42_ipc::{Error, Result};

/// Linux's NGROUPS_MAX is larger; a message's payload is the tighter limit, as in the file servers.
pub const GROUPS_MAX: usize = 2000;

/// Who a process is. Immutable: a change makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Ids.
    pub ids: Ids,
    /// Supplementary groups, as they travel: little-endian u32.
    pub groups: Arc<[u8]>,
}

impl Identity {
    /// The superuser without supplementary groups.
    pub fn root() -> Self {
        let ids = Ids {
            ruid: 0,
            euid: 0,
            suid: 0,
            rgid: 0,
            egid: 0,
            sgid: 0,
            fsuid: 0,
            fsgid: 0,
        };
        Self {
            ids,
            groups: Arc::new([]),
        }
    }

    /// Whether it may do what root may.
    pub fn privileged(&self) -> bool {
        self.ids.euid == 0
    }

    /// Whether `gid` is its effective group or a supplementary one.
    pub fn is_in(&self, gid: u32) -> bool {
        self.ids.egid == gid
            || self
                .groups
                .chunks_exact(4)
                .any(|group| group == gid.to_le_bytes())
    }

    /// The part that file servers want to know.
    pub fn for_files(&self) -> lifecycle::Credentials {
        let Ids {
            ruid,
            euid,
            rgid,
            egid,
            fsuid,
            fsgid,
            ..
        } = self.ids;
        lifecycle::Credentials {
            euid,
            egid,
            ruid,
            rgid,
            fsuid,
            fsgid,
        }
    }

    /// Whether this identity may send a signal to `target` as far as ids are concerned.
    pub fn may_signal(&self, target: &Self) -> bool {
        let (a, b) = (&self.ids, &target.ids);
        self.privileged()
            || [a.euid, a.ruid]
                .iter()
                .any(|&uid| uid == b.suid || uid == b.ruid)
    }

    /// Whether this identity may see and change another process's limits.
    pub fn may_limit(&self, target: &Self) -> bool {
        let (a, b) = (&self.ids, &target.ids);
        self.privileged()
            || [b.ruid, b.euid, b.suid].iter().all(|&uid| uid == a.ruid)
                && [b.rgid, b.egid, b.sgid].iter().all(|&gid| gid == a.rgid)
    }

    /// setgroups(2).
    pub fn with_groups(&self, groups: &[u8]) -> Result<Self> {
        if !self.privileged() {
            return Err(Error::EPERM);
        }
        if !groups.len().is_multiple_of(4) || groups.len() > GROUPS_MAX * 4 {
            return Err(Error::EINVAL);
        }
        let mut list = Vec::new();
        list.try_reserve_exact(groups.len())
            .map_err(|_| Error::ENOMEM)?;
        list.extend_from_slice(groups);
        Ok(Self {
            ids: self.ids,
            groups: list.into(),
        })
    }

    /// The ids after executing a program whose set-id bits name these effective ids (`KEEP_ID` = none): the saved ids follow.
    pub fn executing(&self, uid: u32, gid: u32) -> Self {
        let pick = |new: u32, old: u32| if new == KEEP_ID { old } else { new };
        let (euid, egid) = (pick(uid, self.ids.euid), pick(gid, self.ids.egid));
        let ids = Ids {
            euid,
            suid: euid,
            fsuid: euid,
            egid,
            sgid: egid,
            fsgid: egid,
            ..self.ids
        };
        Self {
            ids,
            groups: self.groups.clone(),
        }
    }

    /// The ids after one of [`id_call`]'s calls with these arguments.
    pub fn with_ids(&self, which: u32, a: u32, b: u32, c: u32) -> Result<Self> {
        let privileged = self.privileged();
        let old = self.ids;
        let user = Set {
            real: old.ruid,
            effective: old.euid,
            saved: old.suid,
            file: old.fsuid,
        };
        let group = Set {
            real: old.rgid,
            effective: old.egid,
            saved: old.sgid,
            file: old.fsgid,
        };
        let mut ids = old;
        let set = |set: Set| match which {
            id_call::SETUID | id_call::SETGID => set.one(a, privileged),
            id_call::SETREUID | id_call::SETREGID => set.two(a, b, privileged),
            id_call::SETRESUID | id_call::SETRESGID => set.three([a, b, c], privileged),
            id_call::SETFSUID | id_call::SETFSGID => Ok(set.file(a, privileged)),
            _ => Err(Error::EINVAL),
        };
        match which {
            id_call::SETUID | id_call::SETREUID | id_call::SETRESUID | id_call::SETFSUID => {
                let new = set(user)?;
                (ids.ruid, ids.euid, ids.suid, ids.fsuid) =
                    (new.real, new.effective, new.saved, new.file);
            }
            _ => {
                let new = set(group)?;
                (ids.rgid, ids.egid, ids.sgid, ids.fsgid) =
                    (new.real, new.effective, new.saved, new.file);
            }
        }
        Ok(Self {
            ids,
            groups: self.groups.clone(),
        })
    }
}

/// The four ids of one kind; the rules are the same for users and groups.
#[derive(Clone, Copy)]
struct Set {
    real: u32,
    effective: u32,
    saved: u32,
    file: u32,
}

impl Set {
    fn holds(&self, id: u32) -> bool {
        [self.real, self.effective, self.saved].contains(&id)
    }

    fn one(self, id: u32, privileged: bool) -> Result<Self> {
        if id == KEEP_ID {
            Err(Error::EINVAL)
        } else if privileged {
            Ok(Self {
                real: id,
                effective: id,
                saved: id,
                file: id,
            })
        } else if id == self.real || id == self.saved {
            Ok(Self {
                effective: id,
                file: id,
                ..self
            })
        } else {
            Err(Error::EPERM)
        }
    }

    fn two(self, real: u32, effective: u32, privileged: bool) -> Result<Self> {
        let mut new = self;
        if real != KEEP_ID {
            if !privileged && real != self.real && real != self.effective {
                return Err(Error::EPERM);
            }
            new.real = real;
        }
        if effective != KEEP_ID {
            if !privileged && !self.holds(effective) {
                return Err(Error::EPERM);
            }
            new.effective = effective;
        }
        // The saved id follows when the process could otherwise get back to what it gave up.
        if real != KEEP_ID || effective != KEEP_ID && effective != self.real {
            new.saved = new.effective;
        }
        new.file = new.effective;
        Ok(new)
    }

    fn three(self, ids: [u32; 3], privileged: bool) -> Result<Self> {
        if !privileged && ids.iter().any(|&id| id != KEEP_ID && !self.holds(id)) {
            return Err(Error::EPERM);
        }
        let pick = |new: u32, old: u32| if new == KEEP_ID { old } else { new };
        let effective = pick(ids[1], self.effective);
        Ok(Self {
            real: pick(ids[0], self.real),
            effective,
            saved: pick(ids[2], self.saved),
            file: effective,
        })
    }

    /// Never an error: a refused change leaves everything, and the caller sees it by asking again.
    fn file(self, id: u32, privileged: bool) -> Self {
        if id != KEEP_ID && (privileged || self.holds(id) || id == self.file) {
            Self { file: id, ..self }
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(ruid: u32, euid: u32, suid: u32) -> Identity {
        let ids = Ids {
            ruid,
            euid,
            suid,
            fsuid: euid,
            rgid: 0,
            egid: 0,
            sgid: 0,
            fsgid: 0,
        };
        Identity {
            ids,
            groups: Arc::new([]),
        }
    }

    fn users(result: Result<Identity>) -> Result<[u32; 4]> {
        result.map(|Identity { ids, .. }| [ids.ruid, ids.euid, ids.suid, ids.fsuid])
    }

    #[test]
    fn setuid_of_root_and_of_others() {
        assert_eq!(
            users(identity(0, 0, 0).with_ids(id_call::SETUID, 5, 0, 0)),
            Ok([5, 5, 5, 5])
        );
        assert_eq!(
            users(identity(5, 6, 7).with_ids(id_call::SETUID, 7, 0, 0)),
            Ok([5, 7, 7, 7])
        );
        assert_eq!(
            users(identity(5, 6, 7).with_ids(id_call::SETUID, 8, 0, 0)),
            Err(Error::EPERM)
        );
        assert_eq!(
            users(identity(5, 6, 7).with_ids(id_call::SETUID, KEEP_ID, 0, 0)),
            Err(Error::EINVAL)
        );
    }

    #[test]
    fn exchange_of_real_and_effective() {
        // A set-user-id program gives its rights up for a while and takes them again.
        let swapped = identity(5, 6, 6).with_ids(id_call::SETREUID, 6, 5, 0);
        assert_eq!(users(swapped.clone()), Ok([6, 5, 5, 5]));
        assert_eq!(
            users(swapped.unwrap().with_ids(id_call::SETREUID, 5, 6, 0)),
            Ok([5, 6, 6, 6])
        );
        // Only the effective id, to the real one: the saved one stays.
        assert_eq!(
            users(identity(5, 6, 6).with_ids(id_call::SETREUID, KEEP_ID, 5, 0)),
            Ok([5, 5, 6, 5])
        );
        assert_eq!(
            users(identity(5, 5, 5).with_ids(id_call::SETREUID, 0, KEEP_ID, 0)),
            Err(Error::EPERM)
        );
    }

    #[test]
    fn a_program_gives_its_ids() {
        let new = identity(5, 5, 5).executing(0, KEEP_ID);
        assert_eq!(users(Ok(new)), Ok([5, 0, 0, 0]));
        let kept = identity(5, 6, 7).executing(KEEP_ID, 9);
        assert_eq!((kept.ids.egid, kept.ids.sgid), (9, 9));
        assert_eq!(users(Ok(kept)), Ok([5, 6, 6, 6]));
    }

    #[test]
    fn three_ids_and_file_ids() {
        assert_eq!(
            users(identity(5, 6, 7).with_ids(id_call::SETRESUID, 7, 5, 6)),
            Ok([7, 5, 6, 5])
        );
        assert_eq!(
            users(identity(5, 6, 7).with_ids(id_call::SETRESUID, KEEP_ID, 9, KEEP_ID)),
            Err(Error::EPERM)
        );
        assert_eq!(
            users(identity(0, 0, 0).with_ids(id_call::SETFSUID, 9, 0, 0)),
            Ok([0, 0, 0, 9])
        );
        assert_eq!(
            users(identity(5, 5, 5).with_ids(id_call::SETFSUID, 9, 0, 0)),
            Ok([5, 5, 5, 5])
        );
        assert_eq!(identity(0, 0, 0).with_ids(99, 0, 0, 0), Err(Error::EINVAL));
    }

    #[test]
    fn who_may_signal_whom() {
        assert!(identity(0, 0, 0).may_signal(&identity(5, 5, 5)));
        assert!(
            identity(5, 5, 5).may_signal(&identity(5, 0, 0)),
            "the real user of a set-id program"
        );
        assert!(!identity(5, 5, 5).may_signal(&identity(6, 5, 6)));
    }
}
