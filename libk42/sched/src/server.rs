//! The server's side of a call: the worker thread of the slot has been entered by assembly.

use crate::dispatcher::{hooks, page, slot_address};
use k42_abi::message::{CallWord, REGISTER_WORDS, SLOT_SIZE};
use k42_abi::{CommId, Error, Handle};

/// A call that has arrived, as the registers lay; then the reply. Assembly knows the order.
#[repr(C)]
pub struct RawIncoming {
    caller: u64,
    handle_status: u64,
    word: u64,
    words: [u64; REGISTER_WORDS],
}

impl RawIncoming {
    /// Who calls.
    pub fn caller(&self) -> CommId {
        CommId(self.caller)
    }
    /// The object that is called.
    pub fn handle(&self) -> Handle {
        Handle(self.handle_status)
    }
    /// Method, slot and length.
    pub fn word(&self) -> CallWord {
        CallWord(self.word)
    }
    /// Argument words.
    pub fn words(&self) -> [u64; REGISTER_WORDS] {
        self.words
    }
    /// The slot with the payload, which becomes the reply's.
    ///
    /// # Safety
    /// Once for each call, and not beyond its end.
    pub unsafe fn slot<'a>(&self) -> &'a mut [u8; SLOT_SIZE] {
        // SAFETY: the slot belongs to this worker until it replies. Workers do not change dispatcher.
        unsafe { &mut *slot_address(page(), self.word().slot()) }
    }
    /// Fills in the reply.
    pub fn set_reply(&mut self, status: i64, words: [u64; REGISTER_WORDS], length: usize) {
        let length = length.min(SLOT_SIZE) as u16;
        self.handle_status = status as u64;
        self.word = CallWord::new(0, self.word().slot() as u8, length).0;
        self.words = words;
    }
    /// Fills in a bare error.
    pub fn set_error(&mut self, error: Error) {
        self.set_reply(error.status(), [0; REGISTER_WORDS], 0);
    }
}

/// Serves a call; enabled, on the worker's stack.
#[unsafe(no_mangle)]
extern "C" fn k42_serve(incoming: &mut RawIncoming) {
    (hooks().serve)(incoming);
    // SAFETY: the running thread, whose stack this is.
    if unsafe { (*crate::threads::current_mut()).has_overflowed() } {
        crate::sys::log(b"a worker's stack has overflowed\n");
        crate::fatal::end();
    }
}
