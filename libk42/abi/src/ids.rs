//! Identifiers of processes, dispatchers and exported objects.

/// A K42 process (an address space and its dispatchers): low 16 bits the index in the kernel's
/// process table (also the hardware PID), high 16 bits a generation. Zero names no process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(transparent)]
pub struct ProcessId(pub u32);

impl ProcessId {
    /// No process; also how the kernel names itself as the sender of a message.
    pub const NONE: Self = Self(0);
    /// The memory server, started by the kernel.
    pub const MEMORY: Self = Self(1);
    /// The process server.
    pub const PROCESS: Self = Self(2);
    /// The name server.
    pub const NAME: Self = Self(3);
    /// The file server of the root file system.
    pub const KFS: Self = Self(4);
    /// The console and terminal server.
    pub const CONSOLE: Self = Self(5);
    /// Processes with an index below this are servers that the boot archive starts, in the order
    /// of the constants above.
    pub const FIRST_DYNAMIC_INDEX: u32 = 16;

    /// Index in the process table.
    pub const fn index(self) -> usize {
        (self.0 & 0xffff) as usize
    }
    /// Generation of that index.
    pub const fn generation(self) -> u16 {
        (self.0 >> 16) as u16
    }
    /// Puts an identifier together.
    pub const fn new(index: u16, generation: u16) -> Self {
        Self(index as u32 | (generation as u32) << 16)
    }
}

/// Address of a dispatcher: process in the high half, dispatcher (virtual processor) number in
/// the low half. [`CommId::ANY`] as the number means "the one on the caller's CPU".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct CommId(pub u64);

impl CommId {
    /// Dispatcher number that stands for "whichever runs on this CPU".
    pub const ANY: u32 = u32::MAX;

    /// The dispatcher of `process` with number `vp`.
    pub const fn new(process: ProcessId, vp: u32) -> Self {
        Self((process.0 as u64) << 32 | vp as u64)
    }
    /// The dispatcher of `process` on the caller's CPU.
    pub const fn any(process: ProcessId) -> Self {
        Self::new(process, Self::ANY)
    }
    /// The process part.
    pub const fn process(self) -> ProcessId {
        ProcessId((self.0 >> 32) as u32)
    }
    /// The dispatcher number.
    pub const fn vp(self) -> u32 {
        self.0 as u32
    }
}

/// An object exported by a server: slot in the server's handle table (low 32 bits) and the
/// sequence number of that slot (high 32 bits). Knowing a handle is not authority: the table says
/// which process may use it, and how. Handle zero is the server's own root object, open to all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct Handle(pub u64);

impl Handle {
    /// The server's root object.
    pub const ROOT: Self = Self(0);

    /// Puts a handle together.
    pub const fn new(slot: u32, sequence: u32) -> Self {
        Self(slot as u64 | (sequence as u64) << 32)
    }
    /// Slot in the server's table.
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }
    /// Sequence number of the slot.
    pub const fn sequence(self) -> u32 {
        (self.0 >> 32) as u32
    }
}
