//! The server's side of a call: the slot's worker thread has been entered by assembly (`asm::calls`), and calls
//! `k42_serve`, which the runtime of servers defines.

use crate::threads::current_mut;
use k42_abi::message::SLOT_SIZE;

/// The slot of the call that the running worker serves.
///
/// # Safety
/// In `k42_serve`, once for each call, and not beyond its end.
#[inline]
pub unsafe fn served_slot<'a>() -> &'a mut [u8; SLOT_SIZE] {
    // SAFETY: a worker has the address of its slot as its argument, and the slot is its own until it replies.
    unsafe { &mut *((*current_mut()).argument as *mut [u8; SLOT_SIZE]) }
}
