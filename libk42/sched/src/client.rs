//! The client's side of a call.
//!
//! A call needs one of the dispatcher's client slots, for its payload and as its name towards the kernel. A
//! thread that has one is pinned to its dispatcher. None free: the thread waits until another gives its slot up.
//! A server that cannot take a call now (BUSY) is asked again after the RETRY soft interrupt.
//!
//! Arguments and results stay in registers all the way (`asm::calls`), so the functions that make a call are inline.

use crate::asm;
use crate::dispatcher::{Page, own, slot_address};
use crate::threads::{current_mut, enable};
use k42_abi::message::{CallWord, REGISTER_WORDS, SLOT_SIZE};
use k42_abi::{CommId, Handle, ProcessId};

/// What comes back: the status, the reply's word with the length of its payload, and the words. If the call
/// failed, the payload has no length, and the words are whatever was in the registers.
pub type Answer = (i64, CallWord, [u64; REGISTER_WORDS]);

/// Goes through one of the entries `k42_call_...`.
macro_rules! call {
    ($entry:literal, $target:expr, $handle:expr, $word:expr, $words:expr) => {{
        let [a, b, c, d, e]: [u64; REGISTER_WORDS] = $words;
        let (status, word): (i64, u64);
        let (a_out, b_out, c_out, d_out, e_out);
        // SAFETY: the entry saves what a function saves, and what it may change is declared. Memory is changed as by any
        // function: the slot, if the caller has one, and whatever other threads do meanwhile.
        unsafe {
            core::arch::asm!(
                concat!("bl ", $entry),
                inout("r3") CommId::any($target).0 => _,
                inout("r4") $handle.0 => status,
                inout("r5") $word.0 => word,
                inout("r6") a => a_out,
                inout("r7") b => b_out,
                inout("r8") c => c_out,
                inout("r9") d => d_out,
                inout("r10") e => e_out,
                out("r0") _, out("r11") _, out("r12") _, out("ctr") _, out("xer") _, out("lr") _,
                out("cr0") _, out("cr1") _, out("cr5") _, out("cr6") _, out("cr7") _,
            );
        }
        (status, CallWord(word), [a_out, b_out, c_out, d_out, e_out])
    }};
}

/// A call without payload, neither there nor back; the slot that it needs is taken on the way out and given back by the
/// reply.
#[inline(always)]
pub fn call_registers(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: [u64; REGISTER_WORDS],
) -> Answer {
    call!(
        "k42_call_registers",
        target,
        handle,
        CallWord::new(method, 0, 0),
        words
    )
}

/// A call with a slot that the thread has (named in `word`) and keeps.
#[inline(always)]
pub fn call(
    target: ProcessId,
    handle: Handle,
    word: CallWord,
    words: [u64; REGISTER_WORDS],
) -> Answer {
    call!("k42_call_kept", target, handle, word, words)
}

/// A call with a slot that the thread has, and that it has no more afterwards: for a reply without payload.
#[inline(always)]
pub fn call_last(
    target: ProcessId,
    handle: Handle,
    word: CallWord,
    words: [u64; REGISTER_WORDS],
) -> Answer {
    call!("k42_call_last", target, handle, word, words)
}

/// Takes a client slot, waiting while there is none; its number and its bytes.
pub fn take_slot() -> (u8, *mut [u8; SLOT_SIZE]) {
    loop {
        // SAFETY: the page lives as long as its dispatcher; disabled, and the running thread is in no queue.
        unsafe {
            let page: &Page = &*asm::k42_disable();
            let thread = current_mut();
            if let Some(slot) = crate::slots::take(page) {
                (*thread).pinned += 1;
                enable(page);
                return (slot, slot_address(page, slot as usize));
            }
            own(page).slot_waiters.push(thread);
            asm::k42_switch_out(page);
        }
    }
}

/// Gives a client slot back.
pub fn give_slot(slot: u8) {
    // SAFETY: disabled; the thread had the slot, so it is still on the slot's dispatcher.
    unsafe {
        let page: &Page = &*asm::k42_disable();
        own(page).give_slot(page, slot);
        (*current_mut()).pinned -= 1;
        enable(page);
    }
}
