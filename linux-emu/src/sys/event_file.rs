//! Files of the library's own that programs wait for beside others: eventfd, timerfd, signalfd.
//!
//! A child that fork(2) makes has copies: its counters and timers go their own way from there.

use super::signal::wait_for_one;
use super::time::{get_timer_spec, put_timer_spec};
use crate::error::RESTART;
use crate::event::{self, Source};
use crate::file::{self, Backing, Counter, FileRef, OpenFile, flag};
use crate::port::{self, Lock};
use crate::process::PROCESS;
use crate::signal::{Info, SignalSet, code, deliver};
use crate::table::{Fd, Flags, In, Int, Out, Size};
use crate::thread::Thread;
use crate::timer::{self, TimerFile};
use crate::user::{self, User};
use crate::wire::Layout;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::{Error, Result};
use k42_api::files::poll as bits;

const READABLE: u32 = bits::IN | bits::RDNORM;
const WRITABLE: u32 = bits::OUT | bits::WRNORM;

/// What holds of such a file now. With `notify`, whoever waits for `Source::Any` is woken when it changes.
pub fn readiness(file: &OpenFile, notify: bool) -> u32 {
    let readable = |yes: bool| if yes { READABLE } else { 0 };
    match &file.backing {
        Backing::Counter(counter) => {
            let value = counter.lock().value;
            let writable = if value < u64::MAX - 1 { WRITABLE } else { 0 };
            readable(value > 0) | writable
        }
        Backing::Timer(timer) => {
            let (count, due) = timer.lock().look(port::monotonic_ns());
            match due {
                Some(due) if count == 0 && notify && timer::wake_at(due).is_err() => bits::ERR,
                _ => readable(count > 0),
            }
        }
        Backing::Signals(set) => {
            // Those of the thread that asks, as Linux has it.
            let set = SignalSet(set.load(Ordering::Relaxed));
            let pending = port::running().map(deliver::pending);
            readable(pending.is_some_and(|pending| !pending.and(set).is_empty()))
        }
        Backing::Server | Backing::Epoll(_) => 0,
    }
}

/// read(2) of a file that no server has.
pub fn read(thread: &Thread, file: &FileRef, to: User, count: usize) -> Result<usize> {
    let value = match &file.backing {
        Backing::Signals(set) => {
            let set = SignalSet(set.load(Ordering::Relaxed));
            return read_signals(thread, set, file.non_blocking(), to, count);
        }
        Backing::Counter(_) | Backing::Timer(_) if count < 8 => return Err(Error::EINVAL),
        Backing::Counter(counter) => take_count(thread, file, counter)?,
        Backing::Timer(timer) => take_expirations(thread, file, timer)?,
        Backing::Server | Backing::Epoll(_) => return Err(Error::EINVAL),
    };
    user::put_u64(to, value)?;
    Ok(8)
}

/// write(2) to a file that no server has: only a counter takes anything.
pub fn write(thread: &Thread, file: &FileRef, from: User, count: usize) -> Result<usize> {
    let Backing::Counter(counter) = &file.backing else {
        return Err(Error::EINVAL);
    };
    if count < 8 {
        return Err(Error::EINVAL);
    }
    let more = user::get_u64(from)?;
    if more == u64::MAX {
        return Err(Error::EINVAL);
    }
    event::blocking(thread, Source::Any, file.non_blocking(), || {
        let mut counter = counter.lock();
        match counter.value.checked_add(more) {
            Some(sum) if sum < u64::MAX => {
                counter.value = sum;
                Ok(())
            }
            _ => Err(Error::WOULD_BLOCK),
        }
    })?;
    event::wake(|source| source == Source::Any);
    Ok(8)
}

fn new_file(backing: Backing, flags: u32) -> Result<u64> {
    let file = OpenFile::local(backing, flag::O_RDWR | flags & flag::O_NONBLOCK);
    PROCESS
        .add_file(file::share(|| file)?, flags & flag::O_CLOEXEC != 0)
        .map(|fd| fd as u64)
}

/// eventfd2(2).
pub fn eventfd2(_: &Thread, initial: Flags, flags: Flags) -> Result<u64> {
    const EFD_SEMAPHORE: u32 = 1;
    if flags.0 & !(EFD_SEMAPHORE | flag::O_CLOEXEC | flag::O_NONBLOCK) != 0 {
        return Err(Error::EINVAL);
    }
    let counter = Counter {
        value: u64::from(initial.0),
        semaphore: flags.0 & EFD_SEMAPHORE != 0,
    };
    new_file(Backing::Counter(Lock::new(counter)), flags.0)
}

/// eventfd(2).
pub fn eventfd(thread: &Thread, initial: Flags) -> Result<u64> {
    eventfd2(thread, initial, Flags(0))
}

fn take_count(thread: &Thread, file: &FileRef, counter: &Lock<Counter>) -> Result<u64> {
    let value = event::blocking(thread, Source::Any, file.non_blocking(), || {
        let mut counter = counter.lock();
        match counter.value {
            0 => Err(Error::WOULD_BLOCK),
            value if counter.semaphore => {
                counter.value = value - 1;
                Ok(1)
            }
            value => {
                counter.value = 0;
                Ok(value)
            }
        }
    })?;
    event::wake(|source| source == Source::Any);
    Ok(value)
}

/// timerfd_create(2).
pub fn timerfd_create(_: &Thread, clock: Int, flags: Flags) -> Result<u64> {
    if flags.0 & !(flag::O_CLOEXEC | flag::O_NONBLOCK) != 0 {
        return Err(Error::EINVAL);
    }
    let clock = super::time::alarm_clock(clock.0)?;
    new_file(Backing::Timer(file::boxed(TimerFile::new(clock))?), flags.0)
}

/// The timer of a descriptor, for as long as `what` looks at it.
fn with_timer<R>(fd: i32, what: impl FnOnce(&mut TimerFile) -> R) -> Result<R> {
    match &PROCESS.file(fd)?.backing {
        Backing::Timer(timer) => Ok(what(&mut timer.lock())),
        _ => Err(Error::EINVAL),
    }
}

/// timerfd_settime(2). The wall clock is never set, so nothing cancels a timer.
pub fn timerfd_settime(_: &Thread, fd: Fd, flags: Flags, new: In, old: Out) -> Result<u64> {
    const TFD_TIMER_ABSTIME: u32 = 1;
    const TFD_TIMER_CANCEL_ON_SET: u32 = 2;
    if flags.0 & !(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Error::EINVAL);
    }
    let spec = get_timer_spec(new.0)?;
    let absolute = flags.0 & TFD_TIMER_ABSTIME != 0;
    let before = with_timer(fd.0, |timer| timer.set(spec, absolute))?;
    // Whoever waits for it waits for another time now.
    event::wake(|source| source == Source::Any);
    if old.0.is_null() {
        Ok(0)
    } else {
        put_timer_spec(old.0, before).map(|()| 0)
    }
}

/// timerfd_gettime(2).
pub fn timerfd_gettime(_: &Thread, fd: Fd, current: Out) -> Result<u64> {
    let now = with_timer(fd.0, TimerFile::get)?;
    put_timer_spec(current.0, now).map(|()| 0)
}

fn take_expirations(thread: &Thread, file: &FileRef, timer: &Lock<TimerFile>) -> Result<u64> {
    loop {
        let since = event::seen();
        let (count, due) = {
            let mut timer = timer.lock();
            let (count, due) = timer.look(port::monotonic_ns());
            timer.forget();
            (count, due)
        };
        if count > 0 {
            return Ok(count);
        }
        if file.non_blocking() {
            return Err(Error::EAGAIN);
        }
        let deadline = due.map(port::at_monotonic_ns);
        match event::wait(thread, Source::Any, since, deadline) {
            Ok(()) | Err(Error::ETIMEDOUT) => {}
            Err(error) => return Err(error),
        }
    }
}

/// signalfd4(2).
pub fn signalfd4(_: &Thread, fd: Fd, mask: In, size: Size, flags: Flags) -> Result<u64> {
    if flags.0 & !(flag::O_CLOEXEC | flag::O_NONBLOCK) != 0 || size.0 != 8 {
        return Err(Error::EINVAL);
    }
    let set = SignalSet(user::get_u64(mask.0)?).without(SignalSet::UNBLOCKABLE);
    PROCESS.signal_files.store(true, Ordering::Release);
    if fd.0 == -1 {
        return new_file(Backing::Signals(AtomicU64::new(set.0)), flags.0);
    }
    let Backing::Signals(old) = &PROCESS.file(fd.0)?.backing else {
        return Err(Error::EINVAL);
    };
    old.store(set.0, Ordering::Relaxed);
    event::wake(|source| source == Source::Any);
    Ok(fd.0 as u64)
}

/// signalfd(2).
pub fn signalfd(thread: &Thread, fd: Fd, mask: In, size: Size) -> Result<u64> {
    signalfd4(thread, fd, mask, size, Flags(0))
}

/// Bytes of `struct signalfd_siginfo`.
const INFO: usize = 128;

fn describe(info: &Info) -> [u8; INFO] {
    let mut out = Layout::<INFO>::new();
    let bytes = info.value.to_ne_bytes();
    let number = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    out.u32(0, info.signal)
        .u32(4, info.errno as u32)
        .u32(8, info.code as u32);
    if info.code == code::SI_TIMER {
        out.u32(24, info.pid as u32).u32(32, info.uid);
    } else {
        out.u32(12, info.pid as u32).u32(16, info.uid);
    }
    match info.code {
        code::SI_TIMER | code::SI_QUEUE => {
            out.u32(44, number).u64(48, info.value);
        }
        child if child > 0 && info.signal == crate::signal::set::number::SIGCHLD => {
            out.u32(40, info.value as u32);
        }
        _ => {
            out.u64(72, info.address);
        }
    }
    out.0
}

/// As many signals as there are and as fit; waits for the first.
fn read_signals(
    thread: &Thread,
    set: SignalSet,
    non_blocking: bool,
    to: User,
    count: usize,
) -> Result<usize> {
    if count < INFO {
        return Err(Error::EINVAL);
    }
    to.check(count)?;
    user::probe(to, INFO)?;
    let mut next = match deliver::take(thread, set) {
        None if non_blocking => return Err(Error::EAGAIN),
        None => Some(wait_for_one(thread, set, None, RESTART)?),
        found => found,
    };
    let mut done = 0;
    while let Some(info) = next {
        user::copy_out(to.add(done as u64), &describe(&info))?;
        done += INFO;
        if count - done < INFO {
            break;
        }
        user::probe(to.add(done as u64), INFO)?;
        next = deliver::take(thread, set);
    }
    Ok(done)
}
