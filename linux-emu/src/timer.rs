//! Interval and POSIX timers of the process: which is due when. Times are nanoseconds of the monotonic clock.
//!
//! A thread of the library's own, the keeper, sleeps until the next one is due and sends the signals. It is
//! started with the first timer, so a process without timers has none.

use crate::event::{self, Source};
use crate::port;
use crate::process::PROCESS;
use alloc::vec::Vec;
use k42_abi::{Error, Result};

/// Clock that a timer goes by; the wall clock is never set, so both differ by a constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Seconds since boot.
    Monotonic,
    /// Seconds since 1970.
    Wall,
}

/// Who hears of the expiry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "signal and thread, as the variants say")]
pub enum Notify {
    /// SIGEV_SIGNAL.
    Process { signal: u32 },
    /// SIGEV_THREAD_ID.
    Thread { signal: u32, tid: i32 },
    /// SIGEV_NONE.
    Nobody,
}

/// Time to the first expiry and between expiries; zero = never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spec {
    /// First.
    pub first: u64,
    /// Afterwards.
    pub interval: u64,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    clock: Clock,
    notify: Notify,
    value: u64,
    /// Monotonic time, zero = not armed.
    due: u64,
    interval: u64,
    overrun: u32,
}

/// A timer that has expired: what to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expiry {
    /// Signal.
    pub signal: u32,
    /// To this thread only.
    pub tid: Option<i32>,
    /// POSIX timer's number; none for setitimer.
    pub timer: Option<i32>,
    /// si_value.
    pub value: u64,
}

/// Most POSIX timers of a process.
const MOST: usize = 1024;
const SIGALRM: u32 = 14;

/// All timers.
#[derive(Debug)]
pub struct Timers {
    intervals: [Timer; 1],
    posix: Vec<Option<Timer>>,
    /// When those who wait for a timer's file are to look again; zero = never.
    wake_at: u64,
    keeper: Option<port::ThreadRef>,
}

const IDLE: Timer = Timer {
    clock: Clock::Monotonic,
    notify: Notify::Process { signal: SIGALRM },
    value: 0,
    due: 0,
    interval: 0,
    overrun: 0,
};

impl Timer {
    fn arm(&mut self, spec: Spec, now: u64) {
        self.due = if spec.first == 0 {
            0
        } else {
            now.saturating_add(spec.first).max(1)
        };
        self.interval = spec.interval;
        self.overrun = 0;
    }
    fn spec(&self, now: u64) -> Spec {
        // An armed timer never shows zero: that would say it is not armed.
        let first = if self.due == 0 {
            0
        } else {
            self.due.saturating_sub(now).max(1)
        };
        Spec {
            first,
            interval: self.interval,
        }
    }
    /// Arms it as asked for; how it was.
    fn set(&mut self, spec: Spec, absolute: bool, now: u64, boot: u64) -> Spec {
        let old = self.spec(now);
        let begin = if self.clock == Clock::Wall { boot } else { 0 };
        let first = if absolute && spec.first != 0 {
            spec.first.saturating_sub(begin).saturating_sub(now).max(1)
        } else {
            spec.first
        };
        self.arm(Spec { first, ..spec }, now);
        old
    }
    /// How many expiries there were since the last look; sets the next time.
    fn expiries(&mut self, now: u64) -> u64 {
        if self.due == 0 || self.due > now {
            return 0;
        }
        match (now - self.due).checked_div(self.interval) {
            // Without an interval it was the only time.
            None => {
                self.due = 0;
                1
            }
            Some(missed) => {
                self.due += (missed + 1) * self.interval;
                missed + 1
            }
        }
    }
    /// Whether it is due; sets the next time, and counts what was missed.
    fn expire(&mut self, now: u64) -> bool {
        let expiries = self.expiries(now);
        if let Some(missed) = expiries.checked_sub(1) {
            self.overrun = missed.min(i32::MAX as u64) as u32;
        }
        expiries > 0
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl Timers {
    /// None armed.
    pub const fn new() -> Self {
        Self {
            intervals: [IDLE; 1],
            posix: Vec::new(),
            wake_at: 0,
            keeper: None,
        }
    }
    /// In a forked child: no timer is inherited, and there is no keeper.
    pub fn clear(&mut self) {
        self.intervals = [IDLE; 1];
        self.posix.clear();
        self.wake_at = 0;
        self.keeper = None;
    }
    /// exec keeps the interval timer and drops the others.
    pub fn clear_posix(&mut self) {
        self.posix.clear();
    }
    /// Sets interval timer `which`; how it was.
    pub fn set_interval(&mut self, which: usize, spec: Spec, now: u64) -> Spec {
        let old = self.intervals[which].spec(now);
        self.intervals[which].arm(spec, now);
        old
    }
    /// How interval timer `which` is.
    pub fn interval(&self, which: usize, now: u64) -> Spec {
        self.intervals[which].spec(now)
    }
    /// A new POSIX timer. Without `value`, its number is the value.
    pub fn create(&mut self, clock: Clock, notify: Notify, value: Option<u64>) -> Result<i32> {
        let free = self.posix.iter().position(Option::is_none);
        let id = free.unwrap_or(self.posix.len());
        if id >= MOST {
            return Err(Error::EAGAIN);
        }
        let timer = Some(Timer {
            clock,
            notify,
            value: value.unwrap_or(id as u64),
            ..IDLE
        });
        if free.is_none() {
            self.posix.try_reserve(1).map_err(|_| Error::EAGAIN)?;
            self.posix.push(timer);
        } else {
            self.posix[id] = timer;
        }
        Ok(id as i32)
    }
    fn timer(&mut self, id: i32) -> Result<&mut Timer> {
        self.posix
            .get_mut(usize::try_from(id).map_err(|_| Error::EINVAL)?)
            .and_then(Option::as_mut)
            .ok_or(Error::EINVAL)
    }
    /// timer_settime; `boot` is the wall time at which the monotonic clock began.
    pub fn set(
        &mut self,
        id: i32,
        spec: Spec,
        absolute: bool,
        now: u64,
        boot: u64,
    ) -> Result<Spec> {
        Ok(self.timer(id)?.set(spec, absolute, now, boot))
    }
    /// timer_gettime.
    pub fn get(&mut self, id: i32, now: u64) -> Result<Spec> {
        self.timer(id).map(|timer| timer.spec(now))
    }
    /// timer_getoverrun.
    pub fn overrun(&mut self, id: i32) -> Result<u32> {
        self.timer(id).map(|timer| timer.overrun)
    }
    /// timer_delete.
    pub fn delete(&mut self, id: i32) -> Result<()> {
        self.timer(id)?;
        self.posix[id as usize] = None;
        Ok(())
    }
    /// When the next one is due.
    pub fn next_due(&self) -> Option<u64> {
        let posix = self.posix.iter().flatten();
        self.intervals
            .iter()
            .chain(posix)
            .map(|t| t.due)
            .chain([self.wake_at])
            .filter(|&due| due != 0)
            .min()
    }
    /// Whether those who wait for a timer's file are to look again now.
    fn take_wake(&mut self, now: u64) -> bool {
        let woken = self.wake_at != 0 && self.wake_at <= now;
        if woken {
            self.wake_at = 0;
        }
        woken
    }
    /// The next expiry that is due at `now`.
    pub fn expire(&mut self, now: u64) -> Option<Expiry> {
        for timer in &mut self.intervals {
            if timer.expire(now) {
                return Some(Expiry {
                    signal: SIGALRM,
                    tid: None,
                    timer: None,
                    value: 0,
                });
            }
        }
        for (id, timer) in self.posix.iter_mut().enumerate() {
            let Some(timer) = timer else { continue };
            if timer.expire(now) {
                let (signal, tid) = match timer.notify {
                    Notify::Process { signal } => (signal, None),
                    Notify::Thread { signal, tid } => (signal, Some(tid)),
                    Notify::Nobody => continue,
                };
                return Some(Expiry {
                    signal,
                    tid,
                    timer: Some(id as i32),
                    value: timer.value,
                });
            }
        }
        None
    }
}

/// A timer that is read as a file: timerfd_create(2).
#[derive(Debug)]
pub struct TimerFile {
    timer: Timer,
    expired: u64,
}

/// Wall time in nanoseconds when the monotonic clock began.
fn boot() -> u64 {
    port::kernel_info()
        .boot_seconds
        .saturating_mul(1_000_000_000)
}

impl TimerFile {
    /// Not armed.
    pub const fn new(clock: Clock) -> Self {
        let timer = Timer {
            clock,
            notify: Notify::Nobody,
            ..IDLE
        };
        Self { timer, expired: 0 }
    }
    /// As words, for a library that goes on with it.
    pub fn to_words(&self) -> [u64; 4] {
        let Timer {
            clock,
            due,
            interval,
            ..
        } = self.timer;
        [u64::from(clock == Clock::Wall), due, interval, self.expired]
    }
    /// From such words.
    pub fn from_words([clock, due, interval, expired]: [u64; 4]) -> Self {
        let mut file = Self::new(if clock == 0 {
            Clock::Monotonic
        } else {
            Clock::Wall
        });
        (file.timer.due, file.timer.interval, file.expired) = (due, interval, expired);
        file
    }
    /// Expiries that nobody has read, and when the next is due.
    pub fn look(&mut self, now: u64) -> (u64, Option<u64>) {
        self.expired = self.expired.saturating_add(self.timer.expiries(now));
        (self.expired, Some(self.timer.due).filter(|&due| due != 0))
    }
    /// They have been read.
    pub fn forget(&mut self) {
        self.expired = 0;
    }
    /// Arms it; how it was.
    pub fn set(&mut self, spec: Spec, absolute: bool) -> Spec {
        let now = port::monotonic_ns();
        self.look(now);
        self.expired = 0;
        self.timer.set(spec, absolute, now, boot())
    }
    /// How it is.
    pub fn get(&mut self) -> Spec {
        let now = port::monotonic_ns();
        self.look(now);
        self.timer.spec(now)
    }
}

/// Has those who wait for `Source::Any` woken at monotonic time `due`.
pub fn wake_at(due: u64) -> Result<()> {
    {
        let mut timers = PROCESS.timers.lock();
        if timers.wake_at == 0 || due < timers.wake_at {
            timers.wake_at = due;
        }
    }
    wake_keeper()
}

/// Makes sure that the keeper runs and looks at the timers anew.
pub fn wake_keeper() -> Result<()> {
    let keeper = {
        let timers = PROCESS.timers.lock();
        if timers.keeper.is_none() && timers.next_due().is_none() {
            return Ok(());
        }
        timers.keeper
    };
    match keeper {
        Some(keeper) => port::unblock(keeper),
        None => {
            let keeper = port::spawn(keep, 0)?;
            PROCESS.timers.lock().keeper = Some(keeper);
        }
    }
    Ok(())
}

/// The keeper's life.
extern "C" fn keep(_: u64) {
    loop {
        let now = port::monotonic_ns();
        let (expiry, woken) = {
            let mut timers = PROCESS.timers.lock();
            (timers.expire(now), timers.take_wake(now))
        };
        if woken {
            event::wake(|source| source == Source::Any);
        }
        if let Some(expiry) = expiry {
            crate::sys::time::expire(&expiry);
            continue;
        }
        let due = PROCESS.timers.lock().next_due();
        match due {
            Some(due) => {
                port::block_until(port::at_monotonic_ns(due));
            }
            None => port::block(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_goes_on_and_counts_what_it_missed() {
        let mut timers = Timers::new();
        let id = timers
            .create(Clock::Monotonic, Notify::Process { signal: 10 }, None)
            .unwrap();
        timers
            .set(
                id,
                Spec {
                    first: 100,
                    interval: 10,
                },
                false,
                1000,
                0,
            )
            .unwrap();
        assert_eq!(timers.next_due(), Some(1100));
        assert_eq!(timers.expire(1099), None);
        assert_eq!(timers.expire(1135).map(|e| e.signal), Some(10));
        assert_eq!(timers.overrun(id), Ok(3));
        assert_eq!(timers.next_due(), Some(1140));
        assert_eq!(
            timers.get(id, 1136).unwrap(),
            Spec {
                first: 4,
                interval: 10
            }
        );
    }

    #[test]
    fn one_shot_and_absolute() {
        let mut timers = Timers::new();
        let id = timers
            .create(Clock::Wall, Notify::Thread { signal: 12, tid: 7 }, Some(99))
            .unwrap();
        timers
            .set(
                id,
                Spec {
                    first: 5_500,
                    interval: 0,
                },
                true,
                300,
                5_000,
            )
            .unwrap();
        assert_eq!(timers.next_due(), Some(500));
        assert_eq!(
            timers.expire(500),
            Some(Expiry {
                signal: 12,
                tid: Some(7),
                timer: Some(id),
                value: 99
            })
        );
        assert_eq!((timers.expire(501), timers.next_due()), (None, None));
        timers.delete(id).unwrap();
        assert_eq!(timers.delete(id), Err(Error::EINVAL));
        assert_eq!(timers.get(-1, 0), Err(Error::EINVAL));
    }

    #[test]
    fn a_file_counts_until_it_is_read() {
        let mut file = TimerFile::new(Clock::Monotonic);
        file.timer.arm(
            Spec {
                first: 10,
                interval: 5,
            },
            100,
        );
        assert_eq!(file.look(109), (0, Some(110)));
        assert_eq!(file.look(110), (1, Some(115)));
        assert_eq!(file.look(126), (4, Some(130)));
        file.forget();
        assert_eq!(file.look(129), (0, Some(130)));
    }

    #[test]
    fn alarms_replace_each_other() {
        let mut timers = Timers::new();
        assert_eq!(
            timers.set_interval(
                0,
                Spec {
                    first: 50,
                    interval: 0
                },
                0
            ),
            Spec::default()
        );
        assert_eq!(
            timers.set_interval(0, Spec::default(), 20),
            Spec {
                first: 30,
                interval: 0
            }
        );
        assert_eq!(timers.next_due(), None);
    }
}
