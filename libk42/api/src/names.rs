//! The name server: which file system is mounted where.

use k42_ipc::{Caller, Handle, OutBuf, ProcessId, Result, interface};

/// Numbers of the name server's well-known mounts.
pub mod mount {
    /// The root file system.
    pub const ROOT: u32 = 0;
    /// Flag of a mount that is only listed: the file system above it serves its paths as its own.
    pub const PART_OF_PARENT: u32 = 2;
}

/// The name server's root object.
#[interface(id = 5)]
pub trait Names {
    /// The mount table. Each entry in `out`: u32 id, u32 id of the parent mount, u32 server (`ProcessId`), u32 flags
    /// (bit 0 read-only, [`mount::PART_OF_PARENT`]), then four strings, each a u16 length and bytes: mount point, type, source, options; all
    /// integers little-endian. Result: version of the table.
    #[method(1)]
    fn mounts(&self, caller: &Caller, out: &mut OutBuf<'_>) -> Result<u32>;
    /// mount(2): the file system that `server` offers at its root, at directory `point`, which the caller
    /// opened as `directory` on file server `on`. EPERM unless root; EBUSY.
    #[method(2)]
    fn mount(
        &self,
        caller: &Caller,
        server: ProcessId,
        kind: &str,
        source: &str,
        point: &str,
        on: ProcessId,
        directory: Handle,
        flags: u32,
    ) -> Result<u32>;
    /// umount2(2).
    #[method(3)]
    fn unmount(&self, caller: &Caller, point: &str, flags: u32) -> Result<()>;
}
