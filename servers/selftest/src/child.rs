//! The second instance: a server with objects, and a client of its parent.

use crate::faults::{self, ParentClient};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::ProcessId;
use k42_ipc::{Caller, ClientTables, Exported, Handle, Incoming, OutBuf, Reply, Result, interface};
use k42_rt::log::info;
use k42_sched::{Condition, Mutex};

/// The child's root object.
#[interface(id = 200)]
pub trait Child {
    /// Registers only.
    #[method(1)]
    fn add(&self, caller: &Caller, a: u64, b: u64) -> Result<u64>;
    /// Payload both ways.
    #[method(2)]
    fn reverse(&self, caller: &Caller, data: &[u8], out: &mut OutBuf<'_>) -> Result<u32>;
    /// Sleeps before it answers.
    #[method(3)]
    fn slow(&self, caller: &Caller, ms: u32) -> Result<u32>;
    /// See `Parent::bounce`.
    #[method(4)]
    fn bounce(&self, caller: &Caller, depth: u32) -> Result<u32>;
    /// A new counter.
    #[method(5)]
    fn counter(&self, caller: &Caller) -> Result<Handle>;
    /// Dispatcher that serves.
    #[method(6)]
    fn vp(&self, caller: &Caller) -> Result<u32>;
    /// The main thread may fork now.
    #[method(7)]
    fn go_on(&self, caller: &Caller) -> Result<()>;
    /// Breaks in the middle of the call.
    #[method(8)]
    fn fail(&self, caller: &Caller) -> Result<()>;
}

/// An object behind a handle.
#[interface(id = 202)]
pub trait Counter {
    /// One more.
    #[method(1, rights = 1)]
    fn next(&self, caller: &Caller) -> Result<u64>;
    /// Needs a right that nobody has.
    #[method(2, rights = 2)]
    fn reset(&self, caller: &Caller) -> Result<()>;
    /// Gives it up.
    #[method(3)]
    fn close(&self, caller: &Caller) -> Result<()>;
}

struct Root;
static ROOT: Root = Root;
static TABLES: ClientTables = ClientTables::new(64);

struct Numbers(AtomicU64);

impl Exported for Root {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        child_dispatch(self, incoming)
    }
}

impl Exported for Numbers {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        counter_dispatch(self, incoming)
    }
}

impl Counter for Numbers {
    fn next(&self, _: &Caller) -> Result<u64> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
    fn reset(&self, _: &Caller) -> Result<()> {
        self.0.store(0, Ordering::Relaxed);
        Ok(())
    }
    fn close(&self, caller: &Caller) -> Result<()> {
        TABLES.remove(caller.process, caller.handle).map(|_| ())
    }
}

impl Child for Root {
    fn add(&self, _: &Caller, a: u64, b: u64) -> Result<u64> {
        Ok(a + b)
    }
    fn reverse(&self, _: &Caller, data: &[u8], out: &mut OutBuf<'_>) -> Result<u32> {
        for byte in data.iter().rev() {
            out.put(&[*byte])?;
        }
        Ok(data.len() as u32)
    }
    fn slow(&self, _: &Caller, ms: u32) -> Result<u32> {
        let tick = k42_rt::info().timebase_hz / 1000;
        k42_sched::sleep_until(k42_sched::now() + u64::from(ms) * tick);
        Ok(ms)
    }
    fn bounce(&self, caller: &Caller, depth: u32) -> Result<u32> {
        match depth {
            0 => Ok(0),
            _ => ParentClient::root(caller.process)
                .bounce(depth - 1)
                .map(|n| n + 1),
        }
    }
    fn counter(&self, caller: &Caller) -> Result<Handle> {
        TABLES.insert(caller.process, Arc::new(Numbers(AtomicU64::new(0))), 1)
    }
    fn vp(&self, _: &Caller) -> Result<u32> {
        Ok(k42_sched::vp())
    }
    fn go_on(&self, _: &Caller) -> Result<()> {
        *GO_ON.lock() = true;
        TOLD.notify_all();
        Ok(())
    }
    fn fail(&self, _: &Caller) -> Result<()> {
        panic!("as it was told");
    }
}

// A sleeping thread, not one that looks every millisecond: while calls are counted, nothing else is to do here.
static GO_ON: Mutex<bool> = Mutex::new(false);
static TOLD: Condition = Condition::new();

/// Faults of all three kinds.
fn touch() {
    // SAFETY: the parent gives pages at these addresses.
    unsafe {
        let direct = faults::DIRECT as *mut u64;
        direct.write_volatile(7u64.to_le());
        assert_eq!(direct.read_volatile(), 7u64.to_le());
        let waiting = (faults::WAITING + 8) as *mut u64;
        static OTHERS: AtomicU64 = AtomicU64::new(0);
        extern "C" fn goes_on(_: u64) {
            OTHERS.fetch_add(1, Ordering::Relaxed);
        }
        k42_sched::spawn(goes_on, 0).expect("a thread");
        waiting.write_volatile(8);
        assert_eq!(waiting.read_volatile(), 8);
        assert_eq!(
            OTHERS.load(Ordering::Relaxed),
            1,
            "another thread ran meanwhile"
        );
    }
    let mut bytes = [0u8; 37];
    assert!(k42_sched::usercopy::copy_in(&mut bytes, faults::REFUSED).is_err());
    // All is copied up to the first byte that is not there.
    assert_eq!(
        k42_sched::usercopy::copy_in_partly(&mut bytes, faults::REFUSED - 20),
        17
    );
    assert!(k42_sched::usercopy::load_u32(faults::REFUSED + 4).is_err());
    assert!(k42_sched::usercopy::copy_in_string(&mut bytes, faults::REFUSED).is_err());
    assert_eq!(
        k42_sched::usercopy::copy_in_string(&mut bytes, faults::DIRECT),
        Ok(1)
    );
    assert_eq!(
        k42_sched::usercopy::exchange_u32(faults::DIRECT + 64, 0, 9),
        Ok(0)
    );
    assert_eq!(k42_sched::usercopy::load_u32(faults::DIRECT + 64), Ok(9));
    info!("faults: ok");
}

pub fn main(start: k42_rt::Start) {
    assert_eq!(start.words[0], 0x1234, "the START words");
    k42_rt::serve(&ROOT, &TABLES);
    touch();
    ParentClient::root(ProcessId::MEMORY)
        .report(1)
        .expect("the parent listens");
    let mut go_on = GO_ON.lock();
    while !*go_on {
        go_on = TOLD.wait(&GO_ON, go_on);
    }
    drop(go_on);
    crate::forks::fork_when_told();
}
