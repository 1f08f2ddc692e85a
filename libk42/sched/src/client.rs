//! The client's side of a call.
//!
//! A call needs one of the dispatcher's client slots, for its payload and as its name towards the kernel. A
//! thread that has one is pinned to its dispatcher. None free: the thread waits until another gives its slot up.
//! A server that cannot take a call now (BUSY) is asked again after the RETRY soft interrupt.

use crate::asm;
use crate::dispatcher::{own, slot_address, word};
use crate::slots::CallBlock;
use crate::threads::{current_mut, enable};
use core::sync::atomic::Ordering;
use k42_abi::message::{CallWord, REGISTER_WORDS, SLOT_SIZE};
use k42_abi::{CommId, Error, Handle, ProcessId};

/// Takes a client slot, waiting while there is none; its number and its bytes.
pub fn take_slot() -> (u8, *mut [u8; SLOT_SIZE]) {
    loop {
        let page = asm::k42_disable();
        // SAFETY: disabled; the current thread runs, so it is in no queue.
        unsafe {
            let page = &*page;
            let own = own(page);
            let thread = current_mut();
            if let Some(slot) = own.slots.take() {
                (*thread).pinned += 1;
                enable(page);
                return (slot, slot_address(page, slot as usize));
            }
            own.slot_waiters.push(thread);
            asm::k42_switch_out(page);
        }
    }
}

/// Gives a client slot back.
pub fn give_slot(slot: u8) {
    let page = asm::k42_disable();
    // SAFETY: disabled; the thread had the slot, so it is still on the slot's dispatcher.
    unsafe {
        let page = &*page;
        let own = own(page);
        own.slots.give(slot);
        (*current_mut()).pinned -= 1;
        if let Some(waiter) = own.slot_waiters.pop() {
            own.make_ready(page, waiter);
        }
        enable(page);
    }
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
        };
        let page = asm::k42_disable();
        // SAFETY: disabled; the thread has the slot. The block outlives the call.
        unsafe {
            let page = &*page;
            (*current_mut()).saved = crate::thread::Saved::OnStack;
            page.library[word::CALLERS + word.slot()]
                .store(current_mut() as u64, Ordering::Relaxed);
            asm::k42_call(&mut block, page);
        }
        // SAFETY: the kernel's reply was written behind the compiler's back.
        let block = unsafe { (&raw const block).read_volatile() };
        let status = block.handle_status as i64;
        if block.failed != 0 && status == Error::BUSY.status() {
            continue;
        }
        if block.failed == 0 {
            *words = block.words;
        }
        return (status, CallWord(block.word));
    }
}

/// A call without payload.
pub fn call_registers(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: &mut [u64; REGISTER_WORDS],
) -> (i64, CallWord) {
    let (slot, _) = take_slot();
    let result = call(target, handle, CallWord::new(method, slot, 0), words);
    give_slot(slot);
    result
}
