//! The memory server: address spaces, regions, page caches (FCMs).

use k42_ipc::{Caller, Handle, OutBuf, ProcessId, Result, interface, wire_struct};

bitflags::bitflags! {
    /// How to map.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct MapOptions: u32 {
        /// Readable.
        const READ = 1 << 0;
        /// Writable.
        const WRITE = 1 << 1;
        /// Executable.
        const EXECUTE = 1 << 2;
        /// Stores are seen by all who map the object; otherwise copy-on-write.
        const SHARED = 1 << 3;
        /// At exactly the address given, replacing what is there.
        const FIXED = 1 << 4;
        /// With FIXED: fail with EEXIST instead of replacing.
        const NO_REPLACE = 1 << 5;
        /// Grows downwards on faults just below it (stacks).
        const GROWS_DOWN = 1 << 6;
        /// Bring all pages in and map them now; fail with ENOMEM if that cannot be done.
        const EAGER = 1 << 7;
        /// In the library area: kept over exec, not shown to the program; copied eagerly at fork where
        /// it is small.
        const LIBRARY = 1 << 8;
        /// Not copied to the child at fork.
        const NO_FORK = 1 << 9;
        /// Does not count against the limits when never touched (MAP_NORESERVE).
        const NO_RESERVE = 1 << 10;
        /// mlock(2): counted against RLIMIT_MEMLOCK. Set by `Memory::lock` only.
        const LOCKED = 1 << 11;
    }
}

wire_struct! {
    /// What a process uses, in bytes and counts.
    pub struct SpaceUsage {
        /// Address space mapped.
        pub mapped: u64,
        /// Resident in frames, shared ones counted.
        pub resident: u64,
        /// Private frames.
        pub private: u64,
        /// Regions.
        pub regions: u64,
        /// Page faults answered.
        pub faults: u64,
        /// Size of the break area.
        pub heap: u64,
        /// Size of the stack region.
        pub stack: u64,
        /// Bytes of executable mappings of files.
        pub text: u64,
        /// Bytes locked in memory.
        pub locked: u64,
    }
}

wire_struct! {
    /// Memory of the machine, in bytes.
    pub struct MemoryTotals {
        /// What the memory server manages.
        pub total: u64,
        /// Free frames.
        pub free: u64,
        /// In page caches of files.
        pub cached: u64,
        /// Anonymous memory.
        pub anonymous: u64,
        /// Translation tables.
        pub tables: u64,
        /// Pinned for dispatchers and servers.
        pub pinned: u64,
        /// Shared anonymous memory and memory files.
        pub shared: u64,
        /// FCMs that exist.
        pub fcms: u64,
        /// Regions that exist.
        pub regions: u64,
        /// Address spaces that exist.
        pub spaces: u64,
    }
}

wire_struct! {
    /// Who has a segment of shared memory mapped, and since when.
    pub struct SegmentState {
        /// Regions that show it.
        pub attached: u64,
        /// Timebase when the last one came; zero for never.
        pub attach_ticks: u64,
        /// Timebase when the last one went; zero for never.
        pub detach_ticks: u64,
        /// Linux pid of who did the last of these, zero for nobody.
        pub last_pid: u32,
        /// Pages that it has.
        pub frames: u64,
    }
}

/// Limits that the memory server keeps (numbers of Linux's RLIMIT_*).
pub mod limit {
    /// RLIMIT_DATA.
    pub const DATA: u32 = 2;
    /// RLIMIT_STACK.
    pub const STACK: u32 = 3;
    /// RLIMIT_AS.
    pub const ADDRESS_SPACE: u32 = 9;
}

/// Bits of `how` in `Memory::lock`.
pub mod lock {
    /// Lock; otherwise what is locked is let go.
    pub const LOCK: u32 = 1;
    /// Bring pages in when they are touched only.
    pub const ON_FAULT: u32 = 2;
    /// All that the program has mapped, instead of the range.
    pub const ALL: u32 = 4;
    /// What it will map, too; without this bit, and with ALL, no longer.
    pub const FUTURE: u32 = 8;
}

/// The memory server's root object. Methods without a process argument act on the caller's own
/// address space.
#[interface(id = 2)]
pub trait Memory {
    /// Anonymous memory. `address` is a hint unless FIXED. Errors as mmap(2): EINVAL, ENOMEM, EEXIST,
    /// EPERM for the library area without LIBRARY.
    #[method(1)]
    fn map_anonymous(&self, caller: &Caller, address: u64, bytes: u64, options: u32)
    -> Result<u64>;
    /// An FCM (a file's page cache) that the caller holds a handle of, from `offset` (page-aligned).
    /// EACCES if the handle's rights do not allow the access.
    #[method(2)]
    fn map_object(
        &self,
        caller: &Caller,
        object: Handle,
        offset: u64,
        address: u64,
        bytes: u64,
        options: u32,
    ) -> Result<u64>;
    /// munmap(2).
    #[method(3)]
    fn unmap(&self, caller: &Caller, address: u64, bytes: u64) -> Result<()>;
    /// mprotect(2); `options`: READ, WRITE, EXECUTE.
    #[method(4)]
    fn protect(&self, caller: &Caller, address: u64, bytes: u64, options: u32) -> Result<()>;
    /// mremap(2); `flags` as Linux's MREMAP_*.
    #[method(5)]
    fn remap(
        &self,
        caller: &Caller,
        address: u64,
        old_bytes: u64,
        new_bytes: u64,
        flags: u32,
        new_address: u64,
    ) -> Result<u64>;
    /// brk(2) in the kernel's sense: the new break, or the old one if it cannot be had; 0 asks.
    #[method(6)]
    fn set_break(&self, caller: &Caller, address: u64) -> Result<u64>;
    /// madvise(2) with Linux's MADV_* numbers (DONTNEED drops pages, the others are hints).
    #[method(7)]
    fn advise(&self, caller: &Caller, address: u64, bytes: u64, advice: u32) -> Result<()>;
    /// Succeeds if all of the range is mapped (msync), ENOMEM otherwise; and, if `unlocked`, none of it locked, EBUSY.
    #[method(8)]
    fn check_range(&self, caller: &Caller, address: u64, bytes: u64, unlocked: bool) -> Result<()>;
    /// mlock(2), munlock(2), mlockall(2), munlockall(2): see [`lock`] for `how`. Nothing is ever paged out, so locking
    /// brings pages in, and counts. ENOMEM: not all of the range is mapped or can be brought in, or the program would
    /// have more than `limit` bytes locked. Mappings to come that would go beyond `limit` are EAGAIN.
    #[method(18)]
    fn lock(&self, caller: &Caller, address: u64, bytes: u64, how: u32, limit: u64) -> Result<()>;
    /// mincore(2): a byte per page.
    #[method(9)]
    fn resident(
        &self,
        caller: &Caller,
        address: u64,
        bytes: u64,
        out: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// Lines as in /proc/PID/maps of `process` (zero = the caller) for regions at or above `from`; the
    /// result is where to go on, zero at the end. Only the process server may ask for others.
    #[method(10)]
    fn describe(
        &self,
        caller: &Caller,
        process: ProcessId,
        from: u64,
        out: &mut OutBuf<'_>,
    ) -> Result<u64>;
    /// Removes every mapping of the program (not the library's), sets the break area to start at
    /// `break_start`: what exec does first.
    #[method(11)]
    fn clear_program(&self, caller: &Caller, break_start: u64) -> Result<()>;
    /// Sets a limit of the caller's space (see [`limit`]), bytes.
    #[method(12)]
    fn set_limit(&self, caller: &Caller, which: u32, bytes: u64) -> Result<()>;
    /// Another dispatcher for the caller on `cpu` with that many slots of each kind; it is started at once.
    /// Result: its number.
    #[method(13)]
    fn create_dispatcher(
        &self,
        caller: &Caller,
        cpu: u32,
        client_slots: u32,
        server_slots: u32,
    ) -> Result<u32>;

    /// futex(2): a thread of the caller is about to wait on the word at `address`, with `bits`; `token` names it. To be
    /// followed by a look at the word. False, and nothing has happened: the memory is the caller's own, where nobody
    /// else waits. When it is woken a FUTEX event with `token` comes. EFAULT, EAGAIN, ENOMEM.
    #[method(14)]
    fn futex_enter(&self, caller: &Caller, address: u64, bits: u32, token: u64) -> Result<bool>;
    /// The thread that waits as `token` does so no longer. False: it has been woken.
    #[method(15)]
    fn futex_leave(&self, caller: &Caller, token: u64) -> Result<bool>;
    /// Wakes up to `count` threads that wait on the word with one of `bits`. Result: 1 if processes may share the
    /// memory, else 0; how many.
    #[method(16)]
    fn futex_wake(&self, caller: &Caller, address: u64, count: u32, bits: u32) -> Result<[u64; 2]>;
    /// Wakes up to `count` threads that wait on `from`, and makes up to `most` others wait on `to`. Result: whose memory the
    /// two are: 0 the caller's own, 1 `from` may be shared, 2 only `to`; how many were woken (all of them if `to` is the
    /// caller's own), and how many moved.
    #[method(17)]
    fn futex_requeue(
        &self,
        caller: &Caller,
        from: u64,
        to: u64,
        count: u32,
        most: u32,
    ) -> Result<[u64; 3]>;

    /// A new FCM of `bytes`, all zero, for a file server. The handle can do everything. `name` as in `grant`.
    #[method(20)]
    fn create_object(&self, caller: &Caller, bytes: u64, name: &[u8]) -> Result<Handle>;
    /// A handle for `process` on the caller's FCM, for mapping only, with READ/WRITE/EXECUTE as given. `name` is what
    /// /proc/PID/maps shows of the FCM from now on, at most 4095 bytes; if it is empty the name stays.
    #[method(21)]
    fn grant(
        &self,
        caller: &Caller,
        object: Handle,
        process: ProcessId,
        options: u32,
        name: &[u8],
    ) -> Result<Handle>;
    /// Another length: pages beyond go everywhere at once, the rest of the last page is zeroed.
    #[method(22)]
    fn resize_object(&self, caller: &Caller, object: Handle, bytes: u64) -> Result<()>;
    /// Makes sure that frames are there for the range and, where the caller maps the object, that
    /// they are mapped, so that touching them cannot fail. ENOSPC if there is no memory.
    #[method(23)]
    fn populate_object(
        &self,
        caller: &Caller,
        object: Handle,
        offset: u64,
        bytes: u64,
    ) -> Result<()>;
    /// Drops frames wholly inside the range (hole punching).
    #[method(24)]
    fn punch_object(&self, caller: &Caller, object: Handle, offset: u64, bytes: u64) -> Result<()>;
    /// Frames resident in the FCM.
    #[method(25)]
    fn object_frames(&self, caller: &Caller, object: Handle) -> Result<u64>;
    /// Gives a handle up. The FCM goes when no handle and no region is left.
    #[method(26)]
    fn release(&self, caller: &Caller, object: Handle) -> Result<()>;

    /// A new process with an empty program, the library mapped, one dispatcher (number 0) on `cpu`, not
    /// started. Only the process server may call this and the next four.
    #[method(30)]
    fn create_space(&self, caller: &Caller, cpu: u32) -> Result<ProcessId>;
    /// A copy of `parent` (copy-on-write), with a copy of its dispatcher `vp` as dispatcher 0 on `cpu`. With
    /// `without_program` only the library's part is copied, for a child that begins with an exec.
    #[method(31)]
    fn fork_space(
        &self,
        caller: &Caller,
        parent: ProcessId,
        vp: u32,
        cpu: u32,
        without_program: bool,
    ) -> Result<ProcessId>;
    /// Starts dispatcher 0. `words` are the first words of its page's library area at START; the first is the Linux pid,
    /// which is also what `segment_state` calls the process by.
    #[method(32)]
    fn start_space(&self, caller: &Caller, process: ProcessId, words: [u64; 4]) -> Result<()>;
    /// Ends a process; all that it had comes back. Result: page faults answered for it, and the bytes of its private frames.
    #[method(33)]
    fn destroy_space(&self, caller: &Caller, process: ProcessId) -> Result<[u64; 2]>;
    /// What a process uses.
    #[method(34)]
    fn usage(&self, caller: &Caller, process: ProcessId) -> Result<SpaceUsage>;
    /// What the machine has.
    #[method(35)]
    fn totals(&self, caller: &Caller) -> Result<MemoryTotals>;
    /// A piece of the boot archive: member `name` from `offset`; result = length of the whole member.
    /// Servers only.
    #[method(36)]
    fn boot_member(
        &self,
        caller: &Caller,
        name: &str,
        offset: u64,
        out: &mut OutBuf<'_>,
    ) -> Result<u64>;
    /// Maps member `name` of the boot archive read-only into the caller (a server) at a place of the
    /// server's choosing. The mapping starts at a page boundary at or below the member. Result: address of
    /// the member's first byte and its length.
    #[method(37)]
    fn map_boot_member(&self, caller: &Caller, name: &str) -> Result<[u64; 2]>;
    /// Unmaps what `map_boot_member` gave and frees its frames where they hold nothing else.
    #[method(38)]
    fn release_boot_member(&self, caller: &Caller, name: &str) -> Result<()>;
    /// As `create_space`, with a copy of `parent`'s program beside the fresh library. For the process server only.
    #[method(39)]
    fn renew_space(&self, caller: &Caller, parent: ProcessId, cpu: u32) -> Result<ProcessId>;

    /// A segment of shared memory of System V: `bytes` of zeroes, called `name` in /proc/PID/maps. `release` gives it up.
    /// Only the process server may call this and the next three.
    #[method(40)]
    fn create_segment(&self, caller: &Caller, bytes: u64, name: &[u8]) -> Result<Handle>;
    /// Maps all of a segment into `process`: at `address` if FIXED is among `options`, else anywhere. What `may` allows,
    /// mprotect(2) can give later. EIDRM if it has been discarded and nobody has it; else as `map_object`.
    #[method(41)]
    fn attach_segment(
        &self,
        caller: &Caller,
        segment: Handle,
        process: ProcessId,
        address: u64,
        options: u32,
        may: u32,
    ) -> Result<u64>;
    /// Who has a segment. EIDRM if it has been discarded and nobody has it.
    #[method(42)]
    fn segment_state(&self, caller: &Caller, segment: Handle) -> Result<SegmentState>;
    /// The segment's memory goes as soon as nobody has it attached.
    #[method(43)]
    fn discard_segment(&self, caller: &Caller, segment: Handle) -> Result<()>;
    /// shmdt(2): unmaps what the caller has of the segment whose first byte is, or would be, at `address`. EINVAL if there
    /// is none.
    #[method(44)]
    fn detach_segment(&self, caller: &Caller, address: u64) -> Result<()>;
}
