//! Protected calls: registers and message slots.
//!
//! Each dispatcher owns a row of pinned *message slots* of [`SLOT_SIZE`] bytes, behind its page.
//! The first `client_slots` are for calls that its threads make: a thread owns one for the length
//! of a call, puts the request's payload in it and finds the reply's payload in it. The others are
//! for calls that arrive: the kernel picks a free one, copies the payload into it, and the server
//! leaves the reply there. The kernel copies exactly the length named; it writes a client's slot
//! only for a call that is outstanding on it, so replies cannot be forged.
//!
//! | register | CALL (caller) | CALL_IN (server) | RETURN (server) | RETURN_IN (caller) |
//! |---|---|---|---|---|
//! | r0 | call number | - | call number | - |
//! | r3 | target `CommId` | caller's true `CommId` | status | client slot |
//! | r4 | `Handle` | `Handle` | `CallWord` | status |
//! | r5 | `CallWord` | `CallWord` with the server's slot | - | `CallWord` with the length |
//! | r6-r10 | words | the same words | words | the same words |
//!
//! CALL and RETURN are made with `disabled` set. All other registers are undefined after them:
//! the stubs save what they need, and a server clears what it does not want seen. A server leaves r14-r31 as it found
//! them at CALL_IN: what the kernel put there, or let through from the caller, may come back to the caller and to nobody
//! else.

/// Size of one message slot in bytes.
pub const SLOT_SIZE: usize = 8192;
/// Most message slots that a dispatcher may have, of both kinds together.
pub const MAX_SLOTS: usize = 64;
/// Words that a call or a reply carries in registers.
pub const REGISTER_WORDS: usize = 5;

/// Method number, slot and payload length of a call or reply in one word.
/// Bits 0..16: payload length in bytes; 16..24: slot; 32..48: method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct CallWord(pub u64);

impl CallWord {
    /// Puts the word together.
    pub const fn new(method: u16, slot: u8, length: u16) -> Self {
        Self(length as u64 | (slot as u64) << 16 | (method as u64) << 32)
    }
    /// Payload length in bytes.
    pub const fn length(self) -> usize {
        (self.0 & 0xffff) as usize
    }
    /// Slot number within the dispatcher.
    pub const fn slot(self) -> usize {
        (self.0 >> 16 & 0xff) as usize
    }
    /// Method number.
    pub const fn method(self) -> u16 {
        (self.0 >> 32) as u16
    }
    /// The same word with another slot.
    pub const fn with_slot(self, slot: usize) -> Self {
        Self(self.0 & !0xff_0000 | (slot as u64 & 0xff) << 16)
    }
}

/// Method numbers that the kernel itself uses towards the memory server, on `Handle::ROOT`.
/// The kernel's calls have [`ProcessId::NONE`](crate::ProcessId::NONE) as the caller's process.
pub mod kernel_method {
    /// A page fault. Words: faulting process, dispatcher number, address,
    /// access (see [`fault_access`](super::fault_access)), `nip`. Reply status: zero = mapped, go
    /// on; positive = wait for that id; negative = refused (becomes a trap).
    pub const PAGE_FAULT: u16 = 0xff00;
}

/// Kinds (word 0) of the asynchronous messages that the kernel itself sends.
pub mod kernel_event {
    /// To the process server: process (word 1) is beyond help, end it as by SIGSEGV.
    pub const BROKEN: u64 = 6;
}

/// Access kinds of a page fault.
pub mod fault_access {
    /// A load.
    pub const READ: u64 = 0;
    /// A store.
    pub const WRITE: u64 = 1;
    /// An instruction fetch.
    pub const EXECUTE: u64 = 2;
    /// Flag: a translation was there and forbade the access.
    pub const PROTECTION: u64 = 4;
}

/// An asynchronous message as the receiver finds it in the ring of its dispatcher page.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct AsyncMessage {
    /// True `CommId` of the sender; process zero is the kernel.
    pub sender: u64,
    /// What the sender said.
    pub words: [u64; ASYNC_WORDS],
    /// Zero.
    pub reserved: u64,
}

/// Words in an asynchronous message (r4-r9 of SEND).
pub const ASYNC_WORDS: usize = 6;
/// Messages that a dispatcher's ring holds; when it is full the message is dropped, the receiver
/// gets the OVERFLOW soft interrupt and asks every server that could have had something to say.
/// A message is therefore only ever a hint that asking again is worth while.
pub const ASYNC_RING: usize = 16;

const _: () = assert!(size_of::<AsyncMessage>() == 64);
