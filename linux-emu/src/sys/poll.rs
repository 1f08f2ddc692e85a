//! Waiting for files: poll, select, epoll.
//!
//! Each pass asks every file's server, which notes that we want to hear (READY) if there is nothing to report.
//! Then the thread blocks until anything arrives, and asks again.

use super::signal::{borrow_mask, return_mask};
use super::time::{get_timespec, get_timeval, put_timespec};
use crate::epoll::{Epoll, Interest};
use crate::error::{RESTART, RESTART_BLOCK, RESTART_NO_HANDLER};
use crate::event::{self, Source};
use crate::file::{self, Backing, FileRef, OpenFile, flag};
use crate::port;
use crate::process::PROCESS;
use crate::signal::SignalSet;
use crate::table::{Fd, Flags, In, Int, Out, Size};
use crate::thread::{Restart, Thread};
use crate::user::{self, User};
use alloc::vec::Vec;
use k42_abi::{Error, Result};
use k42_api::files::{FileKind, poll as bits};

/// What holds of `file` among `events` (errors and hang-up always count).
pub fn readiness(file: &OpenFile, events: u32, notify: bool) -> u32 {
    match (&file.backing, file.kind) {
        (Backing::Epoll(epoll), _) => {
            if epoll.lock().any_ready(notify) {
                events & (bits::IN | bits::RDNORM)
            } else {
                0
            }
        }
        (Backing::Counter(_) | Backing::Timer(_) | Backing::Signals(_), _) => {
            events & super::event_file::readiness(file, notify)
        }
        (
            Backing::Server,
            FileKind::Pipe
            | FileKind::Terminal
            | FileKind::Device
            | FileKind::StreamSocket
            | FileKind::MessageSocket,
        ) => {
            let asked = events | bits::ERR | bits::HUP;
            // A server that has gone is an error on the file.
            file.client()
                .poll(asked, notify)
                .map_or(bits::ERR, |found| found & asked)
        }
        (Backing::Server, FileKind::Path) => bits::NVAL,
        _ => events & (bits::IN | bits::OUT | bits::RDNORM | bits::WRNORM),
    }
}

/// Repeats `look` until it finds something, or `deadline` (`Some(None)`: do not wait at all is a deadline in the past).
fn until<R>(
    thread: &Thread,
    deadline: Option<u64>,
    mut look: impl FnMut(bool) -> Result<Option<R>>,
) -> Result<Option<R>> {
    loop {
        let since = event::seen();
        let over = deadline.is_some_and(|deadline| port::now() >= deadline);
        if let Some(found) = look(!over)? {
            return Ok(Some(found));
        }
        if over {
            return Ok(None);
        }
        match event::wait(thread, Source::Any, since, deadline) {
            Ok(()) | Err(Error::ETIMEDOUT) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Most descriptors of a poll.
fn check_count(count: u64) -> Result<usize> {
    let most = PROCESS.files.lock().limit() as u64;
    if count > most {
        Err(Error::EINVAL)
    } else {
        Ok(count as usize)
    }
}

/// poll(2) until a timebase value; goes on after signals without handlers.
pub fn poll_until(thread: &Thread, fds: User, count: u64, deadline: Option<u64>) -> Result<u64> {
    let result = poll_files(thread, fds, check_count(count)?, deadline);
    match result {
        Err(RESTART) => {
            thread.restart.set(Restart::Poll {
                fds: fds.0,
                count,
                until: deadline,
            });
            Err(RESTART_BLOCK)
        }
        other => other,
    }
}

fn poll_files(thread: &Thread, fds: User, count: usize, deadline: Option<u64>) -> Result<u64> {
    let mut table = user::bytes(fds, count * 8)?;
    let files: Vec<Option<Result<FileRef>>> = {
        let mut files = Vec::new();
        files.try_reserve_exact(count).map_err(|_| Error::ENOMEM)?;
        for entry in table.chunks_exact(8) {
            let fd = i32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]);
            files.push(if fd < 0 { None } else { Some(PROCESS.file(fd)) });
        }
        files
    };
    let found = until(thread, deadline, |notify| {
        let mut ready = 0;
        for (entry, file) in table.chunks_exact_mut(8).zip(&files) {
            let events = u32::from(u16::from_ne_bytes([entry[4], entry[5]]));
            let result = match file {
                None => 0,
                Some(Err(_)) => bits::NVAL,
                Some(Ok(file)) => readiness(file, events, notify && ready == 0),
            };
            entry[6..8].copy_from_slice(&(result as u16).to_ne_bytes());
            ready += u64::from(result != 0);
        }
        Ok((ready > 0).then_some(ready))
    })?;
    user::copy_out(fds, &table)?;
    Ok(found.unwrap_or(0))
}

/// poll(2).
pub fn poll(thread: &Thread, fds: Out, count: Size, timeout: Int) -> Result<u64> {
    let deadline = if timeout.0 < 0 {
        None
    } else {
        Some(port::after_ns(timeout.0 as u64 * 1_000_000))
    };
    poll_until(thread, fds.0, count.0, deadline)
}

/// Runs a wait with another signal mask; the time that is left goes back to `timeout`.
fn with_mask(
    thread: &Thread,
    mask: Option<SignalSet>,
    timeout: User,
    deadline: Option<u64>,
    wait: impl FnOnce() -> Result<u64>,
) -> Result<u64> {
    if let Some(mask) = mask {
        borrow_mask(thread, mask);
    }
    let result = wait();
    if let (Some(deadline), false) = (deadline, timeout.is_null()) {
        // As Linux: a failure to write the rest does not change the result.
        let _ = put_timespec(
            timeout,
            port::ticks_to_ns(deadline.saturating_sub(port::now())),
        );
    }
    match result {
        // The mask stays borrowed until the handler's frame has noted the old one.
        Err(RESTART) => Err(RESTART_NO_HANDLER),
        other => {
            return_mask(thread);
            other
        }
    }
}

fn get_mask(at: User, size: u64) -> Result<Option<SignalSet>> {
    if at.is_null() {
        return Ok(None);
    }
    if size != 8 {
        return Err(Error::EINVAL);
    }
    user::get_u64(at).map(|set| Some(SignalSet(set)))
}

fn get_deadline(timeout: User) -> Result<Option<u64>> {
    if timeout.is_null() {
        Ok(None)
    } else {
        get_timespec(timeout).map(|ns| Some(port::after_ns(ns)))
    }
}

/// ppoll(2).
pub fn ppoll(
    thread: &Thread,
    fds: Out,
    count: Size,
    timeout: In,
    mask: In,
    size: Size,
) -> Result<u64> {
    let deadline = get_deadline(timeout.0)?;
    let mask = get_mask(mask.0, size.0)?;
    let count = check_count(count.0)?;
    with_mask(thread, mask, timeout.0, deadline, || {
        poll_files(thread, fds.0, count, deadline)
    })
}

/// What each of the three sets of select asks for.
const SELECT: [u32; 3] = [
    bits::IN | bits::RDNORM | bits::HUP | bits::ERR,
    bits::OUT | bits::WRNORM | bits::ERR,
    bits::PRI,
];

fn select_files(
    thread: &Thread,
    count: i32,
    sets: [User; 3],
    deadline: Option<u64>,
) -> Result<u64> {
    let count = usize::try_from(count)
        .map_err(|_| Error::EINVAL)?
        .min(PROCESS.files.lock().room());
    let bytes = count.div_ceil(64) * 8;
    let mut asked: [Vec<u8>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    for (set, at) in asked.iter_mut().zip(sets) {
        if !at.is_null() {
            *set = user::bytes(at, bytes)?;
        }
    }
    let has = |set: &[u8], fd: usize| {
        // Sets are arrays of longs: bit n is in long n / 64.
        set.get(fd / 64 * 8..fd / 64 * 8 + 8)
            .is_some_and(|word| word.try_into().map_or(0, u64::from_ne_bytes) >> (fd % 64) & 1 != 0)
    };
    let mut files = Vec::new();
    for fd in 0..count {
        let events = (0..3)
            .filter(|&n| has(&asked[n], fd))
            .fold(0, |events, n| events | SELECT[n]);
        if events != 0 {
            files.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            files.push((fd, events, PROCESS.file(fd as i32)?));
        }
    }
    let mut results = asked.clone();
    let found = until(thread, deadline, |notify| {
        results.iter_mut().for_each(|set| set.fill(0));
        let mut ready = 0;
        for (fd, events, file) in &files {
            let now = readiness(file, *events, notify && ready == 0);
            for n in 0..3 {
                if has(&asked[n], *fd) && now & SELECT[n] != 0 {
                    let at = fd / 64 * 8;
                    let word = results[n][at..at + 8]
                        .try_into()
                        .map_or(0, u64::from_ne_bytes)
                        | 1 << (fd % 64);
                    results[n][at..at + 8].copy_from_slice(&word.to_ne_bytes());
                    ready += 1;
                }
            }
        }
        Ok((ready > 0).then_some(ready))
    })?;
    if found.is_none() {
        results.iter_mut().for_each(|set| set.fill(0));
    }
    for (set, at) in results.iter().zip(sets) {
        user::copy_out(at, set)?;
    }
    Ok(found.unwrap_or(0))
}

/// select(2).
pub fn select(
    thread: &Thread,
    count: Int,
    read: Out,
    write: Out,
    except: Out,
    timeout: Out,
) -> Result<u64> {
    let deadline = if timeout.0.is_null() {
        None
    } else {
        Some(port::after_ns(get_timeval(timeout.0)?))
    };
    let result = select_files(thread, count.0, [read.0, write.0, except.0], deadline);
    if let (Some(deadline), false) = (deadline, timeout.0.is_null()) {
        let rest = port::ticks_to_ns(deadline.saturating_sub(port::now()));
        let _ = user::put_u64(timeout.0, rest / 1_000_000_000);
        let _ = user::put_u64(timeout.0.add(8), rest % 1_000_000_000 / 1000);
    }
    result.map_err(|error| {
        if error == RESTART {
            RESTART_NO_HANDLER
        } else {
            error
        }
    })
}

/// pselect6(2).
pub fn pselect6(
    thread: &Thread,
    count: Int,
    read: Out,
    write: Out,
    except: Out,
    timeout: In,
    mask: In,
) -> Result<u64> {
    let deadline = get_deadline(timeout.0)?;
    let mask = if mask.0.is_null() {
        None
    } else {
        get_mask(User(user::get_u64(mask.0)?), user::get_u64(mask.0.add(8))?)?
    };
    let sets = [read.0, write.0, except.0];
    with_mask(thread, mask, timeout.0, deadline, || {
        select_files(thread, count.0, sets, deadline)
    })
}

/// epoll_create1(2).
pub fn epoll_create1(_: &Thread, flags: Flags) -> Result<u64> {
    if flags.0 & !flag::O_CLOEXEC != 0 {
        return Err(Error::EINVAL);
    }
    let epoll = OpenFile::local(Backing::Epoll(file::boxed(Epoll::new())?), flag::O_RDWR);
    PROCESS
        .add_file(file::share(|| epoll)?, flags.0 & flag::O_CLOEXEC != 0)
        .map(|fd| fd as u64)
}

/// epoll_create(2).
pub fn epoll_create(thread: &Thread, size: Int) -> Result<u64> {
    if size.0 <= 0 {
        Err(Error::EINVAL)
    } else {
        epoll_create1(thread, Flags(0))
    }
}

/// epoll_ctl(2).
pub fn epoll_ctl(_: &Thread, epoll: Fd, operation: Int, fd: Fd, event: In) -> Result<u64> {
    let (instance, file) = (PROCESS.file(epoll.0)?, PROCESS.file(fd.0)?);
    let Backing::Epoll(list) = &instance.backing else {
        return Err(Error::EINVAL);
    };
    if epoll == fd || matches!(file.backing, Backing::Epoll(_)) {
        // Nested instances would need a check for loops; none of the programs known does it.
        return Err(Error::EINVAL);
    }
    if matches!(file.kind, FileKind::Regular | FileKind::Directory)
        && matches!(file.backing, Backing::Server)
    {
        return Err(Error::EPERM);
    }
    let interest = if operation.0 == 2 {
        Interest::default()
    } else {
        // Packed on x86 only: events at 0, data at 8.
        Interest {
            events: user::get_u32(event.0)?,
            data: user::get_u64(event.0.add(8))?,
        }
    };
    let mut list = list.lock();
    match operation.0 {
        1 => list.add(fd.0, &file, interest)?,
        2 => list.remove(fd.0, &file)?,
        3 => list.change(fd.0, &file, interest)?,
        _ => return Err(Error::EINVAL),
    }
    drop(list);
    // Somebody may be waiting on the instance already.
    event::wake(|source| source == Source::Any);
    Ok(0)
}

fn epoll_until(
    thread: &Thread,
    epoll: i32,
    events: User,
    most: i32,
    deadline: Option<u64>,
) -> Result<u64> {
    let most = usize::try_from(most)
        .ok()
        .filter(|&n| n > 0 && n <= i32::MAX as usize / 16)
        .ok_or(Error::EINVAL)?;
    let instance = PROCESS.file(epoll)?;
    let Backing::Epoll(list) = &instance.backing else {
        return Err(Error::EINVAL);
    };
    let most = most.min(256);
    let mut out = Vec::new();
    out.try_reserve_exact(most).map_err(|_| Error::ENOMEM)?;
    until(thread, deadline, |notify| {
        list.lock().collect(&mut out, most, notify);
        Ok((!out.is_empty()).then_some(()))
    })?;
    for (index, interest) in out.iter().enumerate() {
        let at = events.add(index as u64 * 16);
        user::put_u32(at, interest.events)?;
        user::put_u64(at.add(8), interest.data)?;
    }
    Ok(out.len() as u64)
}

fn milliseconds(timeout: i32) -> Option<u64> {
    if timeout < 0 {
        None
    } else {
        Some(port::after_ns(timeout as u64 * 1_000_000))
    }
}

/// epoll_wait(2).
pub fn epoll_wait(thread: &Thread, epoll: Fd, events: Out, most: Int, timeout: Int) -> Result<u64> {
    epoll_until(thread, epoll.0, events.0, most.0, milliseconds(timeout.0)).map_err(interrupted)
}

/// epoll_wait is never made again after a signal.
fn interrupted(error: Error) -> Error {
    if error == RESTART {
        RESTART_NO_HANDLER
    } else {
        error
    }
}

/// epoll_pwait(2).
pub fn epoll_pwait(
    thread: &Thread,
    epoll: Fd,
    events: Out,
    most: Int,
    timeout: Int,
    mask: In,
    size: Size,
) -> Result<u64> {
    let deadline = milliseconds(timeout.0);
    let mask = get_mask(mask.0, size.0)?;
    with_mask(thread, mask, User::NULL, deadline, || {
        epoll_until(thread, epoll.0, events.0, most.0, deadline)
    })
}

/// epoll_pwait2(2).
pub fn epoll_pwait2(
    thread: &Thread,
    epoll: Fd,
    events: Out,
    most: Int,
    timeout: In,
    mask: In,
    size: Size,
) -> Result<u64> {
    let deadline = get_deadline(timeout.0)?;
    let mask = get_mask(mask.0, size.0)?;
    with_mask(thread, mask, User::NULL, deadline, || {
        epoll_until(thread, epoll.0, events.0, most.0, deadline)
    })
}
