//! Clocks, sleeping, interval and POSIX timers.

use crate::error::RESTART_BLOCK;
use crate::event::{self, Source};
use crate::port;
use crate::process::{PROCESS, SERVER};
use crate::table::{Flags, In, Int, Out};
use crate::thread::{Restart, Thread};
use crate::timer::{Clock, Expiry, Notify, Spec};
use crate::user::{self, User};
use k42_abi::{Error, Result};

const SECOND: u64 = 1_000_000_000;

/// Reads a `struct timespec` as nanoseconds; EINVAL if it is none. Saturates.
pub fn get_timespec(at: User) -> Result<u64> {
    let (seconds, ns) = (user::get_i64(at)?, user::get_u64(at.add(8))?);
    if seconds < 0 || ns >= SECOND {
        return Err(Error::EINVAL);
    }
    Ok((seconds as u64).saturating_mul(SECOND).saturating_add(ns))
}

/// Writes one.
pub fn put_timespec(at: User, ns: u64) -> Result<()> {
    user::put_u64(at, ns / SECOND)?;
    user::put_u64(at.add(8), ns % SECOND)
}

/// Reads a `struct timeval` as nanoseconds.
pub fn get_timeval(at: User) -> Result<u64> {
    let (seconds, us) = (user::get_i64(at)?, user::get_u64(at.add(8))?);
    if seconds < 0 || us >= 1_000_000 {
        return Err(Error::EINVAL);
    }
    Ok((seconds as u64)
        .saturating_mul(SECOND)
        .saturating_add(us * 1000))
}

fn put_timeval(at: User, ns: u64) -> Result<()> {
    user::put_u64(at, ns / SECOND)?;
    user::put_u64(at.add(8), ns % SECOND / 1000)
}

/// Clock numbers.
mod clock {
    pub const REALTIME: i32 = 0;
    pub const MONOTONIC: i32 = 1;
    pub const PROCESS_CPU: i32 = 2;
    pub const THREAD_CPU: i32 = 3;
    pub const MONOTONIC_RAW: i32 = 4;
    pub const REALTIME_COARSE: i32 = 5;
    pub const MONOTONIC_COARSE: i32 = 6;
    pub const BOOTTIME: i32 = 7;
    pub const REALTIME_ALARM: i32 = 8;
    pub const BOOTTIME_ALARM: i32 = 9;
    pub const TAI: i32 = 11;
}

fn is_wall(id: i32) -> bool {
    matches!(
        id,
        clock::REALTIME | clock::REALTIME_COARSE | clock::REALTIME_ALARM | clock::TAI
    )
}

/// What a clock shows.
pub fn read_clock(id: i32) -> Result<u64> {
    Ok(match id {
        id if is_wall(id) => port::wall_ns(),
        clock::MONOTONIC
        | clock::MONOTONIC_RAW
        | clock::MONOTONIC_COARSE
        | clock::BOOTTIME
        | clock::BOOTTIME_ALARM => port::monotonic_ns(),
        clock::PROCESS_CPU | clock::THREAD_CPU => {
            let times = SERVER.times()?;
            times.user + times.system
        }
        // Clocks of other processes and threads, which only the process itself may read here.
        id if id < 0 && matches!(id & 7, 2 | 6) && matches!(!(id >> 3), 0) => {
            read_clock(clock::PROCESS_CPU)?
        }
        _ => return Err(Error::EINVAL),
    })
}

/// clock_gettime(2).
pub fn clock_gettime(_: &Thread, id: Int, time: Out) -> Result<u64> {
    put_timespec(time.0, read_clock(id.0)?).map(|()| 0)
}

/// clock_getres(2).
pub fn clock_getres(_: &Thread, id: Int, resolution: Out) -> Result<u64> {
    let ns = match id.0 {
        clock::REALTIME_COARSE | clock::MONOTONIC_COARSE => 4_000_000,
        id => read_clock(id).map(|_| 1)?,
    };
    if resolution.0.is_null() {
        Ok(0)
    } else {
        put_timespec(resolution.0, ns).map(|()| 0)
    }
}

/// clock_settime(2): the clock is the machine's; nobody may set it yet.
pub fn clock_settime(_: &Thread, id: Int, time: In) -> Result<u64> {
    get_timespec(time.0)?;
    if is_wall(id.0) {
        Err(Error::EPERM)
    } else {
        Err(Error::EINVAL)
    }
}

/// gettimeofday(2).
pub fn gettimeofday(_: &Thread, time: Out, zone: Out) -> Result<u64> {
    if !time.0.is_null() {
        put_timeval(time.0, port::wall_ns())?;
    }
    if !zone.0.is_null() {
        user::put_u64(zone.0, 0)?;
    }
    Ok(0)
}

/// settimeofday(2).
pub fn settimeofday(_: &Thread, time: In, _zone: In) -> Result<u64> {
    if !time.0.is_null() {
        get_timeval(time.0)?;
    }
    Err(Error::EPERM)
}

/// time(2).
pub fn time(_: &Thread, out: Out) -> Result<u64> {
    let now = port::wall_ns() / SECOND;
    if !out.0.is_null() {
        user::put_u64(out.0, now)?;
    }
    Ok(now)
}

/// Sleeps until the timebase reaches `until`.
pub fn sleep(thread: &Thread, until: u64, remaining: User) -> Result<u64> {
    loop {
        match event::wait(thread, Source::Nothing, event::seen(), Some(until)) {
            Err(Error::ETIMEDOUT) => return Ok(0),
            Err(_) => {
                if !remaining.is_null() {
                    put_timespec(
                        remaining,
                        port::ticks_to_ns(until.saturating_sub(port::now())),
                    )?;
                }
                thread.restart.set(Restart::Sleep {
                    until,
                    remaining: remaining.0,
                });
                return Err(RESTART_BLOCK);
            }
            Ok(()) if port::now() >= until => return Ok(0),
            Ok(()) => {}
        }
    }
}

/// nanosleep(2).
pub fn nanosleep(thread: &Thread, time: In, remaining: Out) -> Result<u64> {
    let until = port::after_ns(get_timespec(time.0)?);
    sleep(thread, until, remaining.0)
}

/// clock_nanosleep(2).
pub fn clock_nanosleep(
    thread: &Thread,
    id: Int,
    flags: Flags,
    time: In,
    remaining: Out,
) -> Result<u64> {
    const TIMER_ABSTIME: u32 = 1;
    let ns = get_timespec(time.0)?;
    match id.0 {
        id if is_wall(id) => {}
        clock::MONOTONIC | clock::BOOTTIME | clock::BOOTTIME_ALARM => {}
        clock::PROCESS_CPU => return Err(Error::EOPNOTSUPP),
        _ => return Err(Error::EINVAL),
    }
    if flags.0 & TIMER_ABSTIME == 0 {
        return sleep(thread, port::after_ns(ns), remaining.0);
    }
    let ns = if is_wall(id.0) {
        ns.saturating_sub(port::kernel_info().boot_seconds.saturating_mul(SECOND))
    } else {
        ns
    };
    let until = port::at_monotonic_ns(ns);
    // An absolute sleep is made again as it was.
    sleep(thread, until, User::NULL).map_err(|error| {
        if error == RESTART_BLOCK {
            crate::error::RESTART_NO_HANDLER
        } else {
            error
        }
    })
}

/// alarm(2): seconds that were left.
pub fn alarm(_: &Thread, seconds: Flags) -> Result<u64> {
    let spec = Spec {
        first: u64::from(seconds.0) * SECOND,
        interval: 0,
    };
    let old = PROCESS
        .timers
        .lock()
        .set_interval(0, spec, port::monotonic_ns());
    crate::timer::wake_keeper()?;
    Ok(old.first.div_ceil(SECOND))
}

fn get_interval(at: User) -> Result<Spec> {
    Ok(Spec {
        interval: get_timeval(at)?,
        first: get_timeval(at.add(16))?,
    })
}

fn put_interval(at: User, spec: Spec) -> Result<u64> {
    put_timeval(at, spec.interval)?;
    put_timeval(at.add(16), spec.first).map(|()| 0)
}

/// Only ITIMER_REAL: the clocks of the other two run in the kernel and have no alarm yet.
fn check_which(which: i32) -> Result<usize> {
    match which {
        0 => Ok(0),
        1 | 2 => Err(Error::EOPNOTSUPP),
        _ => Err(Error::EINVAL),
    }
}

/// setitimer(2).
pub fn setitimer(_: &Thread, which: Int, new: In, old: Out) -> Result<u64> {
    let spec = if new.0.is_null() {
        Spec::default()
    } else {
        get_interval(new.0)?
    };
    let which = check_which(which.0)?;
    let before = PROCESS
        .timers
        .lock()
        .set_interval(which, spec, port::monotonic_ns());
    crate::timer::wake_keeper()?;
    if old.0.is_null() {
        Ok(0)
    } else {
        put_interval(old.0, before)
    }
}

/// getitimer(2).
pub fn getitimer(_: &Thread, which: Int, current: Out) -> Result<u64> {
    let which = check_which(which.0)?;
    let now = PROCESS.timers.lock().interval(which, port::monotonic_ns());
    put_interval(current.0, now)
}

/// The clock of a timer. EINVAL for clocks without alarms; those that wake a sleeping machine are root's.
pub fn alarm_clock(id: i32) -> Result<Clock> {
    if matches!(id, clock::REALTIME_ALARM | clock::BOOTTIME_ALARM) {
        PROCESS.require_root()?;
    }
    match id {
        clock::REALTIME | clock::REALTIME_ALARM => Ok(Clock::Wall),
        clock::MONOTONIC | clock::BOOTTIME | clock::BOOTTIME_ALARM => Ok(Clock::Monotonic),
        _ => Err(Error::EINVAL),
    }
}

/// Reads a `struct itimerspec`.
pub fn get_timer_spec(at: User) -> Result<Spec> {
    Ok(Spec {
        interval: get_timespec(at)?,
        first: get_timespec(at.add(16))?,
    })
}

/// Writes one.
pub fn put_timer_spec(at: User, spec: Spec) -> Result<()> {
    put_timespec(at, spec.interval)?;
    put_timespec(at.add(16), spec.first)
}

/// timer_create(2).
pub fn timer_create(_: &Thread, id: Int, event: In, timer: Out) -> Result<u64> {
    let clock = match id.0 {
        clock::PROCESS_CPU | clock::THREAD_CPU => return Err(Error::EOPNOTSUPP),
        clock::TAI => Clock::Wall,
        id => alarm_clock(id)?,
    };
    let (mut notify, mut value) = (Notify::Process { signal: 14 }, None);
    if !event.0.is_null() {
        value = Some(user::get_u64(event.0)?);
        let signal = user::get_i32(event.0.add(8))?;
        let kind = user::get_i32(event.0.add(12))?;
        let valid = (1..=64).contains(&signal);
        notify = match kind {
            0 if valid => Notify::Process {
                signal: signal as u32,
            },
            1 => Notify::Nobody,
            4 if valid => Notify::Thread {
                signal: signal as u32,
                tid: user::get_i32(event.0.add(16))?,
            },
            _ => return Err(Error::EINVAL),
        };
        if let Notify::Thread { tid, .. } = notify {
            crate::thread::by_tid(tid).ok_or(Error::EINVAL)?;
        }
    }
    let id = PROCESS.timers.lock().create(clock, notify, value)?;
    user::put_i32(timer.0, id).inspect_err(|_| {
        let _ = PROCESS.timers.lock().delete(id);
    })?;
    Ok(0)
}

/// timer_settime(2).
pub fn timer_settime(_: &Thread, timer: Int, flags: Flags, new: In, old: Out) -> Result<u64> {
    let spec = get_timer_spec(new.0)?;
    let absolute = flags.0 & 1 != 0;
    let boot = port::kernel_info().boot_seconds.saturating_mul(SECOND);
    let before = PROCESS
        .timers
        .lock()
        .set(timer.0, spec, absolute, port::monotonic_ns(), boot)?;
    crate::timer::wake_keeper()?;
    if old.0.is_null() {
        return Ok(0);
    }
    put_timer_spec(old.0, before).map(|()| 0)
}

/// timer_gettime(2).
pub fn timer_gettime(_: &Thread, timer: Int, current: Out) -> Result<u64> {
    let now = PROCESS.timers.lock().get(timer.0, port::monotonic_ns())?;
    put_timer_spec(current.0, now).map(|()| 0)
}

/// timer_getoverrun(2).
pub fn timer_getoverrun(_: &Thread, timer: Int) -> Result<u64> {
    PROCESS.timers.lock().overrun(timer.0).map(u64::from)
}

/// timer_delete(2).
pub fn timer_delete(_: &Thread, timer: Int) -> Result<u64> {
    PROCESS.timers.lock().delete(timer.0).map(|()| 0)
}

/// What an expired timer does.
pub fn expire(expiry: &Expiry) {
    use crate::signal::{Info, code, deliver};
    let info = Info {
        signal: expiry.signal,
        code: if expiry.timer.is_some() {
            code::SI_TIMER
        } else {
            code::SI_KERNEL
        },
        pid: expiry.timer.unwrap_or(0),
        value: expiry.value,
        ..Info::default()
    };
    match expiry.tid.and_then(crate::thread::by_tid) {
        Some(thread) => deliver::to_thread(thread, info),
        None => deliver::to_process(info),
    }
}
