//! The client's side of a call.
//!
//! A call needs one of the dispatcher's client slots, for its payload and as its name towards the kernel. A
//! thread that has one is pinned to its dispatcher. None free: the thread waits until another gives its slot up.
//! A server that cannot take a call now (BUSY) is asked again after the RETRY soft interrupt.

use crate::asm;
use crate::dispatcher::{Page, own, slot_address, word};
use crate::slots::CallBlock;
use crate::thread::Saved;
use crate::threads::{current_mut, enable};
use core::sync::atomic::Ordering;
use k42_abi::message::{CallWord, REGISTER_WORDS, SLOT_SIZE};
use k42_abi::{CommId, Error, Handle, ProcessId};

/// Disables and takes a client slot, waiting while there is none.
fn disable_with_slot() -> (&'static Page, u8) {
    loop {
        // SAFETY: the page lives as long as its dispatcher; disabled, and the running thread is in no queue.
        unsafe {
            let page = &*asm::k42_disable();
            let own = own(page);
            if let Some(slot) = own.slots.take() {
                return (page, slot);
            }
            own.waiting += 1;
            own.slot_waiters.push(current_mut());
            asm::k42_switch_out(page);
        }
    }
}

/// Takes a client slot, waiting while there is none; its number and its bytes.
pub fn take_slot() -> (u8, *mut [u8; SLOT_SIZE]) {
    let (page, slot) = disable_with_slot();
    // SAFETY: disabled.
    unsafe {
        (*current_mut()).pinned += 1;
        enable(page);
    }
    (slot, slot_address(page, slot as usize))
}

/// Gives a client slot back.
pub fn give_slot(slot: u8) {
    // SAFETY: disabled; the thread had the slot, so it is still on the slot's dispatcher.
    unsafe {
        let page = &*asm::k42_disable();
        own(page).give_slot(page, slot);
        (*current_mut()).pinned -= 1;
        enable(page);
    }
}

/// The call itself: disabled before, enabled after.
///
/// # Safety
/// Disabled; the slot named in the block is the thread's.
#[inline]
unsafe fn make(page: &Page, slot: usize, block: *mut CallBlock) {
    // SAFETY: the caller's promise. The block outlives the call.
    unsafe {
        let thread = current_mut();
        (*thread).saved = Saved::OnStack;
        page.library[word::CALLERS + slot].store(thread as u64, Ordering::Relaxed);
        asm::k42_call(block, page);
    }
}

/// Whether a call was not delivered because the server was busy: it is made again then.
fn was_busy(block: &CallBlock) -> bool {
    block.failed != 0 && block.handle_status as i64 == Error::BUSY.status()
}

/// Makes a call with a slot that the thread has (named in `word`); status, and the reply's word.
pub fn call(
    target: ProcessId,
    handle: Handle,
    word: CallWord,
    words: &mut [u64; REGISTER_WORDS],
) -> (i64, CallWord) {
    call_to(CommId::any(target), handle, word, words)
}

/// As [`call`], to a given dispatcher of the server.
pub fn call_to(
    target: CommId,
    handle: Handle,
    word: CallWord,
    words: &mut [u64; REGISTER_WORDS],
) -> (i64, CallWord) {
    loop {
        let mut block = CallBlock {
            target: target.0,
            handle_status: handle.0,
            word: word.0,
            words: *words,
            failed: 0,
            release: 0,
        };
        // SAFETY: disabled; the thread has the slot.
        unsafe { make(&*asm::k42_disable(), word.slot(), &raw mut block) };
        if !was_busy(&block) {
            return finish(&block, words);
        }
    }
}

fn finish(block: &CallBlock, words: &mut [u64; REGISTER_WORDS]) -> (i64, CallWord) {
    if block.failed == 0 {
        *words = block.words;
    }
    (block.handle_status as i64, CallWord(block.word))
}

/// A call without payload: takes a slot on the way out, and the reply's entry gives it back.
pub fn call_registers(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: &mut [u64; REGISTER_WORDS],
) -> (i64, CallWord) {
    loop {
        let (page, slot) = disable_with_slot();
        let mut block = CallBlock {
            target: CommId::any(target).0,
            handle_status: handle.0,
            word: CallWord::new(method, slot, 0).0,
            words: *words,
            failed: 0,
            release: 1,
        };
        // SAFETY: disabled; the slot was just taken.
        unsafe { make(page, slot as usize, &raw mut block) };
        if !was_busy(&block) {
            return finish(&block, words);
        }
    }
}
