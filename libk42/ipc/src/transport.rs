//! How a call gets to the server: by the kernel, or, under test on the host, by a function call.
//!
//! On K42 that is the user-level scheduler (`k42-sched`), in a server as in the Linux library. On the host
//! it is the `Transport` that the test has installed, see `install` and `Loopback`.

use crate::{Handle, ProcessId};
use k42_abi::message::{CallWord, REGISTER_WORDS, SLOT_SIZE};

/// A client message slot that this thread owns; given back when dropped.
pub struct Slot {
    index: u8,
    bytes: *mut [u8; SLOT_SIZE],
}

impl Slot {
    /// Takes a free slot of this dispatcher; waits while there is none. The thread stays on its
    /// dispatcher as long as it has the slot.
    #[inline]
    pub fn take() -> Self {
        let (index, bytes) = imp::take_slot();
        Self { index, bytes }
    }
    /// Number of the slot.
    #[inline]
    pub fn index(&self) -> u8 {
        self.index
    }
    /// The payload.
    #[inline]
    pub fn bytes(&self) -> &[u8; SLOT_SIZE] {
        // SAFETY: the slot is ours until drop, and the kernel writes it only during a call, which
        // borrows it exclusively.
        unsafe { &*self.bytes }
    }
    /// The payload, to be filled.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8; SLOT_SIZE] {
        // SAFETY: as in `bytes`.
        unsafe { &mut *self.bytes }
    }
}

impl Drop for Slot {
    #[inline]
    fn drop(&mut self) {
        imp::give_slot(self.index, self.bytes);
    }
}

/// What comes back: status, the reply's word with the length of its payload (zero beside an error of the
/// transport's own), and the words.
pub type Answer = (i64, CallWord, [u64; REGISTER_WORDS]);

impl Slot {
    /// One call; the slot named in `word` is this one.
    #[inline(always)]
    pub fn call(
        &mut self,
        target: ProcessId,
        handle: Handle,
        word: CallWord,
        words: [u64; REGISTER_WORDS],
    ) -> Answer {
        imp::call(self.bytes, target, handle, word, words)
    }

    /// As [`call`](Self::call), when nothing of the reply's payload is wanted.
    #[inline(always)]
    pub fn call_last(
        self,
        target: ProcessId,
        handle: Handle,
        word: CallWord,
        words: [u64; REGISTER_WORDS],
    ) -> Answer {
        // The transport gives the slot back.
        let slot = core::mem::ManuallyDrop::new(self);
        imp::call_last(slot.index, slot.bytes, target, handle, word, words)
    }
}

/// One call without payload; takes and gives back a slot by itself.
#[inline(always)]
pub fn call_registers(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: [u64; REGISTER_WORDS],
) -> Answer {
    imp::call_registers(target, handle, method, words)
}

#[cfg(target_os = "none")]
mod imp {
    //! The scheduler's functions.
    use super::{Answer, CallWord, Handle, ProcessId, REGISTER_WORDS, SLOT_SIZE};
    pub(super) use k42_sched::client::{call_registers, take_slot};

    pub(super) fn give_slot(index: u8, _: *mut [u8; SLOT_SIZE]) {
        k42_sched::client::give_slot(index);
    }
    #[inline(always)]
    pub(super) fn call(
        _: *mut [u8; SLOT_SIZE],
        target: ProcessId,
        handle: Handle,
        word: CallWord,
        words: [u64; REGISTER_WORDS],
    ) -> Answer {
        k42_sched::client::call(target, handle, word, words)
    }
    #[inline(always)]
    pub(super) fn call_last(
        _: u8,
        _: *mut [u8; SLOT_SIZE],
        target: ProcessId,
        handle: Handle,
        word: CallWord,
        words: [u64; REGISTER_WORDS],
    ) -> Answer {
        k42_sched::client::call_last(target, handle, word, words)
    }
}

#[cfg(not(target_os = "none"))]
pub use imp::{Loopback, Transport, install};

#[cfg(not(target_os = "none"))]
mod imp {
    //! The host's substitute: a transport that a test installs.
    use super::{Answer, CallWord, Handle, ProcessId, REGISTER_WORDS, SLOT_SIZE};
    use crate::{Caller, Error, Incoming, Reply};
    use alloc::boxed::Box;
    use alloc::collections::BTreeMap;
    use alloc::sync::Arc;
    use std::sync::{Mutex, RwLock};

    /// What carries calls under test.
    pub trait Transport: Send + Sync {
        /// Makes one call. `slot` holds the request's payload, then the reply's.
        fn call(
            &self,
            target: ProcessId,
            handle: Handle,
            word: CallWord,
            words: &mut [u64; REGISTER_WORDS],
            slot: &mut [u8; SLOT_SIZE],
        ) -> (i64, CallWord);
    }

    static INSTALLED: RwLock<Option<Arc<dyn Transport>>> = RwLock::new(None);

    /// Makes `transport` carry all calls of this test program from now on.
    pub fn install(transport: Arc<dyn Transport>) {
        if let Ok(mut installed) = INSTALLED.write() {
            *installed = Some(transport);
        }
    }

    type Service = Arc<dyn Fn(&mut Incoming<'_>) -> Reply + Send + Sync>;

    /// A transport inside the test's own process: servers are functions, found by their `ProcessId`.
    /// The payload is copied to a slot of the "server" and back, as the kernel does it.
    pub struct Loopback {
        client: ProcessId,
        servers: Mutex<BTreeMap<u32, Service>>,
    }

    impl Loopback {
        /// A loopback on which calls come from `client`.
        pub fn new(client: ProcessId) -> Self {
            Self {
                client,
                servers: Mutex::new(BTreeMap::new()),
            }
        }
        /// Calls to `process` go to `service` from now on.
        pub fn serve(
            &self,
            process: ProcessId,
            service: impl Fn(&mut Incoming<'_>) -> Reply + Send + Sync + 'static,
        ) {
            if let Ok(mut servers) = self.servers.lock() {
                servers.insert(process.0, Arc::new(service));
            }
        }
    }

    impl Transport for Loopback {
        fn call(
            &self,
            target: ProcessId,
            handle: Handle,
            word: CallWord,
            words: &mut [u64; REGISTER_WORDS],
            slot: &mut [u8; SLOT_SIZE],
        ) -> (i64, CallWord) {
            let service = self
                .servers
                .lock()
                .ok()
                .and_then(|servers| servers.get(&target.0).cloned());
            let Some(service) = service else {
                return (Error::DEAD.status(), CallWord(0));
            };
            let mut server_slot = Box::new([0; SLOT_SIZE]);
            let length = word.length().min(SLOT_SIZE);
            server_slot[..length].copy_from_slice(&slot[..length]);
            let caller = Caller {
                process: self.client,
                vp: 0,
                handle,
                rights: u32::MAX,
            };
            let mut incoming = Incoming {
                caller,
                method: word.method(),
                words,
                slot: &mut server_slot[..],
                length,
            };
            let reply = service(&mut incoming);
            let length = reply.length().min(SLOT_SIZE);
            slot[..length].copy_from_slice(&server_slot[..length]);
            (
                reply.status(),
                CallWord::new(0, word.slot() as u8, length as u16),
            )
        }
    }

    pub(super) fn take_slot() -> (u8, *mut [u8; SLOT_SIZE]) {
        (0, Box::into_raw(Box::new([0; SLOT_SIZE])))
    }
    pub(super) fn give_slot(_: u8, bytes: *mut [u8; SLOT_SIZE]) {
        // SAFETY: made by `take_slot`, given back once.
        drop(unsafe { Box::from_raw(bytes) });
    }
    pub(super) fn call(
        slot: *mut [u8; SLOT_SIZE],
        target: ProcessId,
        handle: Handle,
        word: CallWord,
        mut words: [u64; REGISTER_WORDS],
    ) -> Answer {
        let transport = INSTALLED
            .read()
            .ok()
            .and_then(|installed| installed.clone());
        let Some(transport) = transport else {
            return (Error::NO_DISPATCHER.status(), CallWord(0), words);
        };
        // SAFETY: the caller owns the slot (it holds the `Slot`).
        let slot = unsafe { &mut *slot };
        let (status, word) = transport.call(target, handle, word, &mut words, slot);
        (status, word, words)
    }
    pub(super) fn call_last(
        index: u8,
        slot: *mut [u8; SLOT_SIZE],
        target: ProcessId,
        handle: Handle,
        word: CallWord,
        words: [u64; REGISTER_WORDS],
    ) -> Answer {
        let answer = call(slot, target, handle, word, words);
        give_slot(index, slot);
        answer
    }
    pub(super) fn call_registers(
        target: ProcessId,
        handle: Handle,
        method: u16,
        words: [u64; REGISTER_WORDS],
    ) -> Answer {
        let (index, slot) = take_slot();
        let word = CallWord::new(method, index, 0);
        call_last(index, slot, target, handle, word, words)
    }
}
