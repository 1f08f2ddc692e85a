//! What the process server tells every server that keeps something per client process. Only the
//! process server may call these; they are on the server's root object.

use k42_ipc::{Caller, ProcessId, Result, interface, wire_struct};

wire_struct! {
    /// Identity with which a process acts on files. Ids as Linux has them; supplementary groups
    /// follow in the `groups` argument as little-endian u32.
    pub struct Credentials {
        /// Effective user for everything but files.
        pub euid: u32,
        /// Effective group.
        pub egid: u32,
        /// Real user.
        pub ruid: u32,
        /// Real group.
        pub rgid: u32,
        /// User for file access.
        pub fsuid: u32,
        /// Group for file access.
        pub fsgid: u32,
    }
}

/// Births, deaths and changes of client processes.
#[interface(id = 1)]
pub trait Lifecycle {
    /// `process` exists now (it was not made by fork) with these credentials.
    #[method(1)]
    fn client_created(
        &self,
        caller: &Caller,
        process: ProcessId,
        credentials: Credentials,
        groups: &[u8],
    ) -> Result<()>;
    /// `child` was forked from `parent`: it has the same handles and credentials.
    #[method(2)]
    fn client_forked(&self, caller: &Caller, parent: ProcessId, child: ProcessId) -> Result<()>;
    /// `process` has ended: everything that it held is released.
    #[method(3)]
    fn client_ended(&self, caller: &Caller, process: ProcessId) -> Result<()>;
    /// `process` acts with other credentials from now on.
    #[method(4)]
    fn credentials_changed(
        &self,
        caller: &Caller,
        process: ProcessId,
        credentials: Credentials,
        groups: &[u8],
    ) -> Result<()>;
}
