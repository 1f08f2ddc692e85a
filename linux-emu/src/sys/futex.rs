//! futex(2).
//!
//! Who waits on memory of the process's own is in the library's table ([`crate::futex`]). Who waits on memory that
//! processes share is in the memory server's, which finds them by the memory and not by its address. In both cases a thread enters
//! itself first and looks at the word then, so that no wake-up is lost.

use crate::arch::user_copy::{exchange_word, load_word};
use crate::error::{RESTART, RESTART_BLOCK};
use crate::futex::{self, WakeOp};
use crate::port;
use crate::process::{MEMORY, PROCESS};
use crate::table::{Addr, Flags, Int};
use crate::thread::{Restart, Thread};
use crate::user::User;
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};

const FUTEX_WAIT: i32 = 0;
const FUTEX_WAKE: i32 = 1;
const FUTEX_REQUEUE: i32 = 3;
const FUTEX_CMP_REQUEUE: i32 = 4;
const FUTEX_WAKE_OP: i32 = 5;
const FUTEX_WAIT_BITSET: i32 = 9;
const FUTEX_WAKE_BITSET: i32 = 10;
const FUTEX_CLOCK_REALTIME: i32 = 256;
const FUTEX_PRIVATE: i32 = 128;

fn load(address: u64) -> Result<u32> {
    User(address).check(4)?;
    load_word(address).ok_or(Error::EFAULT)
}

/// futex(2).
pub fn futex(
    thread: &Thread,
    address: Addr,
    operation: Int,
    value: Flags,
    timeout: Addr,
    second: Addr,
    third: Flags,
) -> Result<u64> {
    let (address, command) = (
        address.0,
        operation.0 & !(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME),
    );
    if address % 4 != 0 {
        return Err(Error::EINVAL);
    }
    User(address).check(4)?;
    let count = (value.0 as i32).max(0) as usize;
    let shared = operation.0 & FUTEX_PRIVATE == 0;
    match command {
        FUTEX_WAIT | FUTEX_WAIT_BITSET => {
            let bits = if command == FUTEX_WAIT {
                u32::MAX
            } else {
                third.0
            };
            if bits == 0 {
                return Err(Error::EINVAL);
            }
            let deadline = if timeout.0 == 0 {
                None
            } else {
                let ns = super::time::get_timespec(User(timeout.0))?;
                Some(match (command, operation.0 & FUTEX_CLOCK_REALTIME) {
                    (FUTEX_WAIT, _) => port::after_ns(ns),
                    (_, 0) => port::at_monotonic_ns(ns),
                    _ => port::at_monotonic_ns(
                        ns.saturating_sub(
                            port::kernel_info()
                                .boot_seconds
                                .saturating_mul(1_000_000_000),
                        ),
                    ),
                })
            };
            wait(thread, address, value.0, bits, deadline, shared)
        }
        FUTEX_WAKE => wake(address, count.max(1), u32::MAX, shared),
        FUTEX_WAKE_BITSET if third.0 == 0 => Err(Error::EINVAL),
        FUTEX_WAKE_BITSET => wake(address, count.max(1), third.0, shared),
        FUTEX_REQUEUE | FUTEX_CMP_REQUEUE => {
            if !second.0.is_multiple_of(4) {
                return Err(Error::EINVAL);
            }
            User(second.0).check(4)?;
            if command == FUTEX_CMP_REQUEUE && load(address)? != third.0 {
                return Err(Error::EAGAIN);
            }
            let most = (timeout.0 as i32).max(0) as usize;
            let (woken, moved) = requeue(address, second.0, count, most, shared)?;
            Ok((woken
                + if command == FUTEX_CMP_REQUEUE {
                    moved
                } else {
                    0
                }) as u64)
        }
        FUTEX_WAKE_OP => {
            if !second.0.is_multiple_of(4) {
                return Err(Error::EINVAL);
            }
            let op = WakeOp(third.0);
            let old = loop {
                let old = load(second.0)?;
                let new = op.apply(old)?;
                if exchange_word(second.0, old, new).ok_or(Error::EFAULT)? == old {
                    break old;
                }
            };
            let mut woken = wake(address, count, u32::MAX, shared)?;
            if op.compare(old)? {
                let count = (timeout.0 as i32).max(0) as usize;
                woken += wake(second.0, count, u32::MAX, shared)?;
            }
            Ok(woken)
        }
        _ => Err(Error::ENOSYS),
    }
}

/// Whether the word may be one that other processes share: the operation does not say that it is private, and the process
/// has such memory.
fn may_be_shared(shared: bool) -> bool {
    shared && PROCESS.shares_memory.load(Ordering::Relaxed)
}

/// Wakes up to `count` waiters; how many.
pub fn wake(address: u64, count: usize, bits: u32, shared: bool) -> Result<u64> {
    if may_be_shared(shared)
        && let [1, woken] = MEMORY.futex_wake(address, to_u32(count), bits)?
    {
        return Ok(woken);
    }
    Ok(PROCESS.futexes.wake(address, count, bits) as u64)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn requeue(from: u64, to: u64, count: usize, most: usize, shared: bool) -> Result<(usize, usize)> {
    if may_be_shared(shared) {
        match MEMORY.futex_requeue(from, to, to_u32(count), to_u32(most))? {
            [1, woken, moved] => return Ok((woken as usize, moved as usize)),
            // Nobody can be moved into another's hands, but all can be woken without cause.
            [2, ..] => {
                let all = count.saturating_add(most);
                return Ok((PROCESS.futexes.wake(from, all, u32::MAX), 0));
            }
            _ => {}
        }
    }
    Ok(PROCESS.futexes.requeue(from, to, count, most))
}

/// Where a thread waits.
#[derive(Clone, Copy)]
enum Place {
    /// In the library's table.
    Own { address: u64 },
    /// With the memory server, by this name.
    Shared { token: u64 },
}

impl Place {
    /// Whether nobody has woken the thread.
    fn is_waiting(self, thread: &Thread) -> bool {
        match self {
            Self::Own { address } => PROCESS.futexes.is_waiting(address, thread),
            // If messages were lost, this one may be among them.
            Self::Shared { token } => {
                thread.shared_wait.load(Ordering::Acquire) == token
                    && !thread.wait_doubtful.load(Ordering::Acquire)
            }
        }
    }

    /// Takes the thread out; false: somebody has woken it.
    fn leave(self, thread: &Thread) -> bool {
        match self {
            Self::Own { .. } => PROCESS.futexes.leave(thread),
            Self::Shared { token } => {
                thread.shared_wait.store(0, Ordering::Release);
                MEMORY.futex_leave(token).unwrap_or(true)
            }
        }
    }
}

/// Enters a thread as waiting.
fn enter(thread: &Thread, address: u64, bits: u32, shared: bool) -> Result<Place> {
    if may_be_shared(shared) {
        // A name that this thread has not had for long: a late message for an earlier wait is not for this one.
        let number = thread.waits.get().wrapping_add(1);
        thread.waits.set(number);
        let token = u64::from(thread.tid() as u32) << 32 | u64::from(number);
        thread.wait_doubtful.store(false, Ordering::Relaxed);
        thread.shared_wait.store(token, Ordering::Release);
        let entered = MEMORY.futex_enter(address, bits, token);
        if entered == Ok(true) {
            return Ok(Place::Shared { token });
        }
        thread.shared_wait.store(0, Ordering::Release);
        entered?;
    }
    PROCESS.futexes.enter(address, bits, thread.forever())?;
    Ok(Place::Own { address })
}

/// A thread that waits on shared memory is woken. Runs in an upcall.
pub fn arrived(token: u64) {
    for thread in crate::thread::living() {
        let gone =
            thread
                .shared_wait
                .compare_exchange(token, 0, Ordering::AcqRel, Ordering::Relaxed);
        if gone.is_ok() {
            thread.wake();
        }
    }
}

/// Messages were lost: whoever waits on shared memory finds out by itself. Runs in an upcall.
pub fn overflow() {
    for thread in crate::thread::living() {
        if thread.shared_wait.load(Ordering::Acquire) != 0 {
            thread.wait_doubtful.store(true, Ordering::Release);
            thread.wake();
        }
    }
}

/// FUTEX_WAIT, also when it goes on after a signal.
pub fn wait(
    thread: &Thread,
    address: u64,
    value: u32,
    bits: u32,
    deadline: Option<u64>,
    shared: bool,
) -> Result<u64> {
    let place = enter(thread, address, bits, shared)?;
    match load(address) {
        Ok(now) if now == value => {}
        // A wake-up that came meanwhile was for us, and is not to be wasted.
        other => {
            return if place.leave(thread) {
                Err(other.err().unwrap_or(Error::EAGAIN))
            } else {
                Ok(0)
            };
        }
    }
    loop {
        if !place.is_waiting(thread) {
            if let Place::Shared { .. } = place
                && thread.wait_doubtful.load(Ordering::Acquire)
            {
                // Woken, or without cause; the program allows for both.
                place.leave(thread);
            }
            return Ok(0);
        }
        let over = deadline.is_some_and(|deadline| port::now() >= deadline);
        if thread.has_attention() || over {
            // Whoever wakes and whoever leaves: one of them finds the record.
            if !place.leave(thread) {
                return Ok(0);
            }
            if over {
                return Err(Error::ETIMEDOUT);
            }
            let Some(until) = deadline else {
                return Err(RESTART);
            };
            thread.restart.set(Restart::Futex {
                address,
                value,
                bits,
                until,
                shared,
            });
            return Err(RESTART_BLOCK);
        }
        futex::block(deadline);
    }
}
