//! The parent as memory server of its child: three kinds of answers to page faults.

use crate::loader;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use k42_abi::map::MapFlags;
use k42_abi::message::kernel_method;
use k42_abi::{CommId, Error, ProcessId};
use k42_ipc::{Caller, ClientTables, Exported, Incoming, Reply, Result, interface};

/// Pages from here are mapped at once.
pub const DIRECT: u64 = 0x4000_0000;
/// Pages from here take a while.
pub const WAITING: u64 = 0x5000_0000;
/// Pages from here are refused.
pub const REFUSED: u64 = 0x6000_0000;

/// What the child asks of its parent.
#[interface(id = 201)]
pub trait Parent {
    /// The child has done its part.
    #[method(1)]
    fn report(&self, caller: &Caller, what: u64) -> Result<()>;
    /// Calls back: `depth` levels of calls in both directions.
    #[method(2)]
    fn bounce(&self, caller: &Caller, depth: u32) -> Result<u32>;
    /// A copy of the caller, made from its dispatcher 0. Result: its number.
    #[method(3)]
    fn fork(&self, caller: &Caller) -> Result<ProcessId>;
}

/// The root object.
pub struct Root;
/// Its only instance.
pub static ROOT: Root = Root;
/// No handles but the root's.
pub static TABLES: ClientTables = ClientTables::new(64);

static CHILD: AtomicU32 = AtomicU32::new(0);
/// What the child has reported, summed up.
pub static REPORTED: AtomicU64 = AtomicU64::new(0);

/// Faults of this process are served.
pub fn for_process(child: ProcessId) {
    CHILD.store(child.0, Ordering::Release);
}

fn give_page(address: u64) -> Result<()> {
    let frame = loader::take(4096, 4096)?;
    let flags = MapFlags::READ | MapFlags::WRITE;
    loader::PAGES.lock().push((address & !4095, frame, flags));
    loader::map(
        ProcessId(CHILD.load(Ordering::Acquire)),
        address & !4095,
        frame,
        flags,
    )
}

static LATE: AtomicU64 = AtomicU64::new(0);
static LATE_VP: AtomicU32 = AtomicU32::new(0);

extern "C" fn give_late(id: u64) {
    let ms = k42_rt::info().timebase_hz / 1000;
    k42_sched::sleep_until(k42_sched::now() + 20 * ms);
    give_page(LATE.load(Ordering::Acquire)).expect("a page");
    let who = CommId::new(
        ProcessId(CHILD.load(Ordering::Acquire)),
        LATE_VP.load(Ordering::Acquire),
    );
    k42_rt::sys::fault_done(who, id).expect("the dispatcher is there");
}

impl Exported for Root {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        if incoming.method != kernel_method::PAGE_FAULT
            || incoming.caller.process != ProcessId::NONE
        {
            return parent_dispatch(self, incoming);
        }
        let [_, vp, address, ..] = *incoming.words;
        let result = match address {
            DIRECT..WAITING => give_page(address).map(|()| 0),
            WAITING..REFUSED => {
                const ID: u64 = 5;
                LATE.store(address, Ordering::Release);
                LATE_VP.store(vp as u32, Ordering::Release);
                k42_sched::spawn(give_late, ID).map(|_| ID)
            }
            _ => Err(Error::EFAULT),
        };
        match result {
            Ok(id) => Reply::new(id as i64, 0),
            Err(error) => Reply::error(error),
        }
    }
}

impl Parent for Root {
    fn report(&self, _: &Caller, what: u64) -> Result<()> {
        REPORTED.fetch_add(what, Ordering::Release);
        Ok(())
    }
    fn fork(&self, caller: &Caller) -> Result<ProcessId> {
        crate::forks::copy(caller.process)
    }
    fn bounce(&self, caller: &Caller, depth: u32) -> Result<u32> {
        match depth {
            0 => Ok(0),
            _ => crate::child::ChildClient::root(caller.process)
                .bounce(depth - 1)
                .map(|n| n + 1),
        }
    }
}
