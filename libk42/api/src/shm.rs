//! Shared memory of System V: on the process server's root object, which keeps ids, keys and permissions. A segment's
//! memory is the memory server's ([`crate::memory::Memory::create_segment`]), which also knows who has it attached:
//! shmdt(2) goes there.

use k42_ipc::{Caller, Result, interface, wire_struct};

/// Bits of `flags` in [`SharedMemory`], with Linux's values.
pub mod flag {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const IPC_CREAT: u32 = 0o1000;
    pub const IPC_EXCL: u32 = 0o2000;
    pub const SHM_HUGETLB: u32 = 0o4000;
    pub const SHM_RDONLY: u32 = 0o10000;
    pub const SHM_RND: u32 = 0o20000;
    pub const SHM_REMAP: u32 = 0o40000;
    pub const SHM_EXEC: u32 = 0o100000;
    /// Of a mode: to be destroyed.
    pub const SHM_DEST: u32 = 0o1000;
    /// Of a mode: locked in memory.
    pub const SHM_LOCKED: u32 = 0o2000;
}

/// What `status` is asked about.
pub mod which {
    /// The segment with this id (IPC_STAT).
    pub const ID: u32 = 0;
    /// The segment in this place of the table (SHM_STAT).
    pub const PLACE: u32 = 1;
    /// The same, whoever may read it (SHM_STAT_ANY).
    pub const PLACE_ANY: u32 = 2;
}

wire_struct! {
    /// `struct shmid_ds`. Times in seconds since 1970, zero for never.
    pub struct Status {
        /// Id.
        pub id: i32,
        /// Key; zero for a private segment, and for one to be destroyed.
        pub key: i32,
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
        /// Size as asked for.
        pub bytes: u64,
        /// Last attached.
        pub attached_at: u64,
        /// Last detached.
        pub detached_at: u64,
        /// Made, or changed by IPC_SET.
        pub changed_at: u64,
        /// Who made it.
        pub creator: i32,
        /// Who attached or detached last.
        pub last: i32,
        /// Attachments.
        pub attached: u64,
        /// Bytes that it has in memory.
        pub resident: u64,
    }
}

wire_struct! {
    /// Limits, and what there is.
    pub struct Totals {
        /// Largest segment, bytes.
        pub max: u64,
        /// Most segments.
        pub segments_max: u64,
        /// Most pages of all of them.
        pub pages_max: u64,
        /// Segments.
        pub segments: u64,
        /// The highest place of the table in use; zero if there is none.
        pub highest: u64,
        /// Pages that they would have if all were touched.
        pub pages: u64,
        /// Pages that they have.
        pub resident: u64,
    }
}

/// The calls, for the calling process.
#[interface(id = 10)]
pub trait SharedMemory {
    /// shmget(2).
    #[method(1)]
    fn get(&self, caller: &Caller, key: i32, bytes: u64, flags: u32) -> Result<i32>;
    /// shmat(2) at `address`, zero for anywhere.
    #[method(2)]
    fn attach(&self, caller: &Caller, id: i32, address: u64, flags: u32) -> Result<u64>;
    /// shmctl(2) with IPC_STAT, SHM_STAT, SHM_STAT_ANY: see [`which`].
    #[method(3)]
    fn status(&self, caller: &Caller, which: u32, id: i32) -> Result<Status>;
    /// IPC_SET.
    #[method(4)]
    fn set(&self, caller: &Caller, id: i32, uid: u32, gid: u32, mode: u32) -> Result<()>;
    /// IPC_RMID.
    #[method(5)]
    fn remove(&self, caller: &Caller, id: i32) -> Result<()>;
    /// SHM_LOCK and SHM_UNLOCK.
    #[method(6)]
    fn lock(&self, caller: &Caller, id: i32, lock: bool) -> Result<()>;
    /// IPC_INFO, and with `count` SHM_INFO: else the last three are not counted anew.
    #[method(7)]
    fn totals(&self, caller: &Caller, count: bool) -> Result<Totals>;
}
