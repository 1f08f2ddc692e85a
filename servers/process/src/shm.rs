//! Shared memory of System V: the interface `SharedMemory`.
//!
//! Ids, keys, owners and limits are here ([`table`]); a segment's pages and who has it attached are the memory server's,
//! which sees every region come and go. So births, execs and deaths need nothing of this module. A segment that has been
//! removed while attached ends over there with its last region; here its entry is cleared when somebody asks for it, or
//! when the table has no room. The table's lock is not held across calls.

mod table;

pub use table::{BYTES_MAX, SEGMENTS_MAX, Segment, Table, Wanted};

use crate::credentials::Identity;
use crate::linux::resource;
use crate::record::Record;
use crate::server::Server;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_abi::layout::{LIBRARY_BASE, PAGE_SIZE};
use k42_api::memory::{MapOptions, SegmentState};
use k42_api::process::KEEP_ID;
use k42_api::shm::flag::{SHM_DEST, SHM_EXEC, SHM_HUGETLB, SHM_RDONLY, SHM_REMAP};
use k42_api::shm::{SharedMemory, Status, Totals, which};
use k42_ipc::{Caller, Error, ProcessId, Result};

/// Reading, in each place of a mode.
const MAY_READ: u32 = 0o444;
/// Reading and writing.
const MAY_WRITE: u32 = 0o666;
/// Executing.
const MAY_EXECUTE: u32 = 0o111;

impl Server {
    fn who(&self, process: ProcessId) -> Result<Arc<Identity>> {
        let guard = self.objects.enter();
        Ok(self.record(&guard, process)?.identity())
    }

    fn seconds(&self, ticks: u64) -> u64 {
        if ticks == 0 {
            return 0;
        }
        let since_boot = ticks.saturating_sub(self.env.boot_ticks());
        self.env.boot_seconds() + self.env.nanoseconds(since_boot) / 1_000_000_000
    }

    /// Who has a segment. EINVAL, and it is cleared away, if it is over.
    fn state_of(&self, id: i32, segment: &Segment) -> Result<SegmentState> {
        match self.env.segment_state(segment.object) {
            Err(Error::EIDRM) => {
                self.clear(id, segment);
                Err(Error::EINVAL)
            }
            // Somebody else has cleared it away meanwhile.
            Err(Error::BAD_HANDLE) => Err(Error::EINVAL),
            state => state,
        }
    }

    fn clear(&self, id: i32, segment: &Segment) {
        let removed = self.segments.lock().remove(id, segment.object);
        if removed {
            self.env.release_segment(segment.object);
        }
    }

    /// Clears away what is over.
    fn sweep(&self) {
        let table = self.segments.lock();
        let discarded = |segment: &Segment| segment.mode & SHM_DEST != 0;
        let list: Vec<_> = table.all().filter(|(_, it)| discarded(it)).collect();
        drop(table);
        for (id, segment) in list {
            let _ = self.state_of(id, &segment);
        }
    }

    fn status_of(&self, id: i32, segment: &Segment) -> Result<Status> {
        let state = self.state_of(id, segment)?;
        Ok(Status {
            id,
            key: segment.key,
            uid: segment.uid,
            gid: segment.gid,
            cuid: segment.cuid,
            cgid: segment.cgid,
            mode: segment.mode,
            bytes: segment.bytes,
            attached_at: self.seconds(state.attach_ticks),
            detached_at: self.seconds(state.detach_ticks),
            changed_at: segment.changed_at,
            creator: segment.creator,
            last: state.last_pid as i32,
            attached: state.attached,
            resident: state.frames * PAGE_SIZE as u64,
        })
    }

    /// All segments, for /proc.
    pub(crate) fn all_segments(&self) -> Vec<Status> {
        let list: Vec<_> = self.segments.lock().all().collect();
        let status = |(id, segment)| self.status_of(id, &segment).ok();
        list.into_iter().filter_map(status).collect()
    }

    /// A segment that its owner, its creator or root wants to change. EINVAL, EPERM.
    fn own_segment(&self, caller: &Caller, id: i32) -> Result<Segment> {
        let who = self.who(caller.process)?;
        let segment = self.segments.lock().get(id)?;
        self.state_of(id, &segment)?;
        if segment.belongs_to(&who) || who.privileged() {
            Ok(segment)
        } else {
            Err(Error::EPERM)
        }
    }
}

impl SharedMemory for Server {
    fn get(&self, caller: &Caller, key: i32, bytes: u64, flags: u32) -> Result<i32> {
        let guard = self.objects.enter();
        let me = self.record(&guard, caller.process)?;
        let (who, pid) = (me.identity(), me.pid());
        let wanted = Wanted {
            key,
            bytes,
            flags,
            who: &who,
        };
        if let Some(id) = self.segments.lock().find(&wanted)? {
            return Ok(id);
        }
        if flags & SHM_HUGETLB != 0 {
            // There are none, as on a Linux that has none reserved.
            return Err(if who.privileged() {
                Error::ENOMEM
            } else {
                Error::EPERM
            });
        }
        let admitted = self.segments.lock().admit(&wanted);
        if admitted == Err(Error::ENOSPC) {
            self.sweep();
            self.segments.lock().admit(&wanted)?;
        } else {
            admitted?;
        }
        let name = format!("/SYSV{key:08x} (deleted)");
        let object = self.env.create_segment(bytes, name.as_bytes())?;
        let now = self.seconds(self.env.ticks().max(1));
        // Meanwhile another may have used the key, or the room.
        let mut table = self.segments.lock();
        let found = match table.find(&wanted) {
            Ok(None) => match table.insert(&wanted, object, pid, now) {
                Ok(id) => return Ok(id),
                Err(error) => Err(error),
            },
            Ok(Some(id)) => Ok(id),
            Err(error) => Err(error),
        };
        drop(table);
        self.env.release_segment(object);
        found
    }

    fn attach(&self, caller: &Caller, id: i32, address: u64, flags: u32) -> Result<u64> {
        let who = self.who(caller.process)?;
        let segment = self.segments.lock().get(id)?;
        let mut options = MapOptions::READ;
        let mut may = MapOptions::READ | MapOptions::EXECUTE;
        let mut mode = MAY_READ;
        if flags & SHM_RDONLY == 0 {
            options |= MapOptions::WRITE;
            may |= MapOptions::WRITE;
            mode = MAY_WRITE;
        }
        if flags & SHM_EXEC != 0 {
            options |= MapOptions::EXECUTE;
            mode |= MAY_EXECUTE;
        }
        segment.permit(&who, mode)?;
        if address != 0 {
            options |= MapOptions::FIXED;
            if flags & SHM_REMAP == 0 {
                options |= MapOptions::NO_REPLACE;
            }
            let end = address.checked_add(segment.bytes).ok_or(Error::EINVAL)?;
            if end > LIBRARY_BASE {
                return Err(Error::ENOMEM);
            }
        } else if flags & SHM_REMAP != 0 {
            return Err(Error::EINVAL);
        }
        let attached =
            self.env
                .attach_segment(segment.object, caller.process, address, options, may);
        attached.map_err(|error| match error {
            Error::EIDRM | Error::BAD_HANDLE => {
                self.clear(id, &segment);
                Error::EINVAL
            }
            Error::EEXIST => Error::EINVAL,
            error => error,
        })
    }

    fn status(&self, caller: &Caller, which: u32, id: i32) -> Result<Status> {
        let who = self.who(caller.process)?;
        let table = self.segments.lock();
        let id = match which {
            which::ID => id,
            which::PLACE | which::PLACE_ANY => table.at(id)?,
            _ => return Err(Error::EINVAL),
        };
        let segment = table.get(id)?;
        drop(table);
        let status = self.status_of(id, &segment)?;
        if which != which::PLACE_ANY {
            segment.permit(&who, MAY_READ)?;
        }
        Ok(status)
    }

    fn set(&self, caller: &Caller, id: i32, uid: u32, gid: u32, mode: u32) -> Result<()> {
        self.own_segment(caller, id)?;
        if uid == KEEP_ID || gid == KEEP_ID {
            return Err(Error::EINVAL);
        }
        let now = self.seconds(self.env.ticks().max(1));
        self.segments.lock().change(id, (uid, gid), mode, now)
    }

    fn remove(&self, caller: &Caller, id: i32) -> Result<()> {
        self.own_segment(caller, id)?;
        let segment = self.segments.lock().discard(id)?;
        match self.env.discard_segment(segment.object) {
            // Another removed it too, and it has been cleared away.
            Err(Error::BAD_HANDLE) => Err(Error::EINVAL),
            discarded => {
                let _ = self.state_of(id, &segment);
                discarded
            }
        }
    }

    fn lock(&self, caller: &Caller, id: i32, lock: bool) -> Result<()> {
        let guard = self.objects.enter();
        let me = self.record(&guard, caller.process)?;
        let (who, limits) = (me.identity(), me.limits());
        let segment = self.segments.lock().get(id)?;
        self.state_of(id, &segment)?;
        let limit = if who.privileged() {
            u64::MAX
        } else {
            limits.soft(resource::MEMLOCK)
        };
        if !who.privileged() && !segment.belongs_to(&who) || lock && limit == 0 {
            return Err(Error::EPERM);
        }
        let mut table = self.segments.lock();
        if lock {
            table.lock(id, who.ids.ruid, limit)
        } else {
            table.unlock(id)
        }
    }

    fn totals(&self, caller: &Caller, count: bool) -> Result<Totals> {
        self.who(caller.process)?;
        let resident = if count {
            self.all_segments().iter().map(|it| it.resident).sum()
        } else {
            0
        };
        let table = self.segments.lock();
        let (segments, pages, highest) = table.used();
        Ok(Totals {
            max: BYTES_MAX,
            segments_max: SEGMENTS_MAX as u64,
            pages_max: table.pages_max(),
            segments: segments as u64,
            highest: highest as u64,
            pages,
            resident: resident / PAGE_SIZE as u64,
        })
    }
}
