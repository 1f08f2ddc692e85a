//! The table of segments: ids, keys, permissions, limits. It calls nobody.

use crate::credentials::Identity;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use k42_abi::layout::PAGE_SIZE;
use k42_api::shm::flag::{IPC_CREAT, IPC_EXCL, SHM_DEST, SHM_LOCKED};
use k42_ipc::{Error, Handle, Result};

/// Key of segments that only their id leads to.
pub const PRIVATE: i32 = 0;
/// Most segments (SHMMNI), as in Linux.
pub const SEGMENTS_MAX: usize = 4096;
/// Largest size that is not wrong in itself (SHMMAX), as in Linux.
pub const BYTES_MAX: u64 = u64::MAX - (1 << 24);
/// An id is the place in the table, and above these bits how often it was used before.
const PLACE_BITS: u32 = 15;
const SEQUENCES: u32 = 1 << 16;
/// Bits of a mode that are permissions.
const PERMISSIONS: u32 = 0o777;
const PAGE: u64 = PAGE_SIZE as u64;

/// A segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The memory server's handle.
    pub object: Handle,
    /// See `Status`.
    pub key: i32,
    /// Size as asked for.
    pub bytes: u64,
    /// Owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Creator.
    pub cuid: u32,
    /// Its group.
    pub cgid: u32,
    /// Permissions, SHM_DEST, SHM_LOCKED.
    pub mode: u32,
    /// Made, or changed by IPC_SET: seconds.
    pub changed_at: u64,
    /// Who made it.
    pub creator: i32,
    /// The user whose limit it counts against while it is locked.
    pub locker: u32,
}

impl Segment {
    /// EACCES unless `who` may do all that is in `wanted`, which has an access in any of its three places.
    pub fn permit(&self, who: &Identity, wanted: u32) -> Result<()> {
        let wanted = (wanted >> 6 | wanted >> 3 | wanted) & 7;
        let ids = &who.ids;
        let granted = if [self.uid, self.cuid].contains(&ids.euid) {
            self.mode >> 6
        } else if who.is_in(self.gid) || who.is_in(self.cgid) {
            self.mode >> 3
        } else {
            self.mode
        };
        if wanted & !granted == 0 || who.privileged() {
            Ok(())
        } else {
            Err(Error::EACCES)
        }
    }

    /// Whether `who` owns or made it.
    pub fn belongs_to(&self, who: &Identity) -> bool {
        [self.uid, self.cuid].contains(&who.ids.euid)
    }

    fn pages(&self) -> u64 {
        self.bytes.div_ceil(PAGE)
    }
}

/// What shmget(2) asks for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Key.
    pub key: i32,
    /// Size.
    pub bytes: u64,
    /// IPC_CREAT, IPC_EXCL, permissions.
    pub flags: u32,
    /// For whom.
    pub who: &'a Identity,
}

#[derive(Default)]
struct Slot {
    sequence: u32,
    segment: Option<Segment>,
}

/// All segments.
pub struct Table {
    slots: Vec<Slot>,
    keys: BTreeMap<i32, usize>,
    /// Segments that there are, and their pages.
    used: (usize, u64),
    memory_pages: u64,
}

impl Table {
    /// An empty table on a machine with so much memory.
    pub fn new(memory_bytes: u64) -> Self {
        Self {
            slots: Vec::new(),
            keys: BTreeMap::new(),
            used: (0, 0),
            memory_pages: memory_bytes / PAGE,
        }
    }

    /// Most pages of all segments together (SHMALL): half of memory.
    pub fn pages_max(&self) -> u64 {
        self.memory_pages / 2
    }

    /// How many segments there are, their pages, and the highest place in use.
    pub fn used(&self) -> (usize, u64, usize) {
        let highest = self.slots.iter().rposition(|slot| slot.segment.is_some());
        (self.used.0, self.used.1, highest.unwrap_or(0))
    }

    fn id(&self, place: usize) -> i32 {
        let sequence = self.slots.get(place).map_or(0, |slot| slot.sequence);
        (sequence << PLACE_BITS) as i32 | place as i32
    }

    fn place(&self, id: i32) -> Result<usize> {
        let place = (id & ((1 << PLACE_BITS) - 1)) as usize;
        let is_there = self
            .slots
            .get(place)
            .is_some_and(|slot| slot.segment.is_some());
        if id >= 0 && is_there && self.id(place) == id {
            Ok(place)
        } else {
            Err(Error::EINVAL)
        }
    }

    /// The segment with an id. EINVAL.
    pub fn get(&self, id: i32) -> Result<Segment> {
        let place = self.place(id)?;
        self.slots[place].segment.ok_or(Error::EINVAL)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: i32) -> Result<&mut Segment> {
        let place = self.place(id)?;
        self.slots[place].segment.as_mut().ok_or(Error::EINVAL)
    }

    /// The id of the segment at a place of the table. EINVAL.
    pub fn at(&self, place: i32) -> Result<i32> {
        let place = usize::try_from(place).map_err(|_| Error::EINVAL)?;
        match self.slots.get(place) {
            Some(Slot {
                segment: Some(_), ..
            }) => Ok(self.id(place)),
            _ => Err(Error::EINVAL),
        }
    }

    /// Ids and segments.
    pub fn all(&self) -> impl Iterator<Item = (i32, Segment)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(place, slot)| Some((self.id(place), slot.segment?)))
    }

    /// shmget(2) as far as it finds a segment; `None`: it is to be made.
    pub fn find(&self, wanted: &Wanted<'_>) -> Result<Option<i32>> {
        if wanted.key == PRIVATE {
            return Ok(None);
        }
        let Some(&place) = self.keys.get(&wanted.key) else {
            return if wanted.flags & IPC_CREAT != 0 {
                Ok(None)
            } else {
                Err(Error::ENOENT)
            };
        };
        if wanted.flags & IPC_CREAT != 0 && wanted.flags & IPC_EXCL != 0 {
            return Err(Error::EEXIST);
        }
        let id = self.id(place);
        let segment = self.get(id)?;
        if wanted.bytes > segment.bytes {
            return Err(Error::EINVAL);
        }
        segment.permit(wanted.who, wanted.flags)?;
        Ok(Some(id))
    }

    /// Whether there is room for what is wanted. EINVAL, ENOMEM; ENOSPC: the limits of the table, or of the user: nobody but
    /// root can have more than half of the ids or pages, so that one client cannot take them all.
    pub fn admit(&self, wanted: &Wanted<'_>) -> Result<()> {
        if wanted.bytes == 0 || wanted.bytes > BYTES_MAX {
            return Err(Error::EINVAL);
        }
        let pages = wanted.bytes.div_ceil(PAGE);
        if pages > self.memory_pages {
            return Err(Error::ENOMEM);
        }
        let (segments, all) = self.used;
        if segments >= SEGMENTS_MAX || all + pages > self.pages_max() {
            return Err(Error::ENOSPC);
        }
        if wanted.who.privileged() {
            return Ok(());
        }
        let user = wanted.who.ids.euid;
        let (mut own, mut own_pages) = (0, pages);
        for (_, segment) in self.all().filter(|(_, segment)| segment.cuid == user) {
            own += 1;
            own_pages += segment.pages();
        }
        if own >= SEGMENTS_MAX / 2 || own_pages > self.pages_max() / 2 {
            return Err(Error::ENOSPC);
        }
        Ok(())
    }

    /// A new segment whose memory is `object`, made by `creator` at `now`. What [`admit`](Self::admit) says, again.
    pub fn insert(
        &mut self,
        wanted: &Wanted<'_>,
        object: Handle,
        creator: i32,
        now: u64,
    ) -> Result<i32> {
        self.admit(wanted)?;
        let ids = &wanted.who.ids;
        let segment = Segment {
            object,
            key: wanted.key,
            bytes: wanted.bytes,
            uid: ids.euid,
            gid: ids.egid,
            cuid: ids.euid,
            cgid: ids.egid,
            mode: wanted.flags & PERMISSIONS,
            changed_at: now,
            creator,
            locker: 0,
        };
        let free = self.slots.iter().position(|slot| slot.segment.is_none());
        let place = match free {
            Some(place) => place,
            None => {
                self.slots.try_reserve(1).map_err(|_| Error::ENOMEM)?;
                self.slots.push(Slot::default());
                self.slots.len() - 1
            }
        };
        self.slots[place].segment = Some(segment);
        if wanted.key != PRIVATE {
            self.keys.insert(wanted.key, place);
        }
        self.used.0 += 1;
        self.used.1 += segment.pages();
        Ok(self.id(place))
    }

    /// Other permissions and another owner.
    pub fn change(&mut self, id: i32, owner: (u32, u32), mode: u32, now: u64) -> Result<()> {
        let segment = self.get_mut(id)?;
        (segment.uid, segment.gid) = owner;
        segment.mode = segment.mode & !PERMISSIONS | mode & PERMISSIONS;
        segment.changed_at = now;
        Ok(())
    }

    /// No key leads to it any longer, and it will be gone with its last attachment.
    pub fn discard(&mut self, id: i32) -> Result<Segment> {
        let segment = self.get_mut(id)?;
        let key = core::mem::replace(&mut segment.key, PRIVATE);
        segment.mode |= SHM_DEST;
        let segment = *segment;
        if key != PRIVATE {
            self.keys.remove(&key);
        }
        Ok(segment)
    }

    /// It is gone, if it still is the one whose memory was `object`; else nothing happens.
    pub fn remove(&mut self, id: i32, object: Handle) -> bool {
        if self.get(id).map(|segment| segment.object) != Ok(object) {
            return false;
        }
        let Ok(Segment { .. }) = self.discard(id) else {
            return false;
        };
        let Ok(place) = self.place(id) else {
            return false;
        };
        let slot = &mut self.slots[place];
        slot.sequence = (slot.sequence + 1) % SEQUENCES;
        if let Some(segment) = slot.segment.take() {
            self.used.0 -= 1;
            self.used.1 -= segment.pages();
        }
        true
    }

    /// SHM_LOCK for a user who may lock so many bytes. ENOMEM.
    pub fn lock(&mut self, id: i32, locker: u32, limit: u64) -> Result<()> {
        let segment = self.get(id)?;
        if segment.mode & SHM_LOCKED != 0 {
            return Ok(());
        }
        let locked = self
            .all()
            .filter(|(_, other)| other.mode & SHM_LOCKED != 0 && other.locker == locker)
            .map(|(_, other)| other.pages() * PAGE)
            .sum::<u64>();
        if segment.pages() * PAGE > limit.saturating_sub(locked) {
            return Err(Error::ENOMEM);
        }
        let segment = self.get_mut(id)?;
        segment.mode |= SHM_LOCKED;
        segment.locker = locker;
        Ok(())
    }

    /// SHM_UNLOCK.
    pub fn unlock(&mut self, id: i32) -> Result<()> {
        self.get_mut(id)?.mode &= !SHM_LOCKED;
        Ok(())
    }
}
