//! Processes: an address space, rights, and the dispatchers that run in it.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use k42_abi::rights::KernelRights;
use k42_abi::{CommId, Error, ProcessId, Result};
use k42_sync::SpinMutex;

use crate::arch::radix;
use crate::cell::Owned;
use crate::dispatcher::Dispatcher;
use crate::frames::List;
use crate::hat::Space;
use crate::percpu;
use crate::pool::{Arena, Pooled};

/// Most processes that can exist at a time, the kernel's entry 0 included.
pub const MAX_PROCESSES: usize = 4096;
/// Indices that are used in turn even if there are few processes.
const MIN_CIRCLE: usize = 240;

/// A process.
#[repr(align(128))]
pub struct Process {
    id: AtomicU32,
    rights: AtomicU64,
    /// Its translations.
    pub space: Space,
    /// All its dispatchers, linked by `Dispatcher::sibling`.
    first: SpinMutex<Owned<Option<&'static Dispatcher>>>,
    /// It is being ended: dispatchers stay where they are. Written under the lock of the list.
    closing: AtomicBool,
    /// Its dispatchers do not run (FREEZE).
    pub frozen: AtomicBool,
    link: AtomicPtr<Process>,
}

impl Pooled for Process {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
    fn fresh() -> Self {
        Self {
            id: AtomicU32::new(0),
            rights: AtomicU64::new(0),
            space: Space::none(),
            first: SpinMutex::new(Owned::new(None)),
            closing: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            link: AtomicPtr::new(core::ptr::null_mut()),
        }
    }
}

static ARENA: Arena<Process> = Arena::new();
static TABLE: [AtomicPtr<Process>; MAX_PROCESSES] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_PROCESSES];
static NUMBERS: SpinMutex<Numbers> = SpinMutex::new(Numbers {
    generation: [0; MAX_PROCESSES],
    next: ProcessId::FIRST_DYNAMIC_INDEX as usize,
    count: 0,
});
static HARDWARE_TABLE: AtomicU64 = AtomicU64::new(0);

/// Table frames of ended processes, until the memory server takes them back.
pub static ENDED: SpinMutex<List> = SpinMutex::new(List::EMPTY);

struct Numbers {
    generation: [u16; MAX_PROCESSES],
    next: usize,
    count: u64,
}

/// The hardware's process table, real address; one entry of two words for each process.
pub fn make_hardware_table(kernel_root: u64) -> Result<(u64, u64)> {
    let bytes = (MAX_PROCESSES * 16) as u64;
    let table = crate::pool::take(bytes, bytes)?;
    HARDWARE_TABLE.store(table, Ordering::Relaxed);
    set_hardware_entry(0, radix::process_table_entry(kernel_root));
    Ok((table, bytes))
}

fn set_hardware_entry(index: usize, word: u64) {
    let table = k42_boot::linear::<AtomicU64>(HARDWARE_TABLE.load(Ordering::Relaxed));
    // SAFETY: the table has MAX_PROCESSES entries of two words; `index` is below that.
    unsafe { &*table.add(index * 2) }.store(word.to_be(), Ordering::Release);
    crate::arch::tlb::entry_written();
}

impl Process {
    /// Its identifier; NONE once it has ended.
    #[inline]
    pub fn id(&self) -> ProcessId {
        ProcessId(self.id.load(Ordering::Relaxed))
    }
    /// What it may ask of the kernel.
    pub fn rights(&self) -> KernelRights {
        KernelRights::from_bits_truncate(self.rights.load(Ordering::Relaxed))
    }
    /// The dispatcher for calls on CPU `cpu`.
    #[inline]
    pub fn on_cpu(&self, cpu: usize) -> Option<&'static Dispatcher> {
        percpu::block(cpu).callee(self.id().index())
    }
    /// The dispatcher with number `vp`.
    pub fn dispatcher(&self, vp: u32) -> Option<&'static Dispatcher> {
        let first = self.first.lock();
        let mut at = first.get();
        while let Some(dispatcher) = at {
            if dispatcher.vp() == vp {
                return at;
            }
            at = dispatcher.sibling.get();
        }
        None
    }
    /// Runs `action` for each dispatcher.
    pub fn for_each(&self, mut action: impl FnMut(&'static Dispatcher)) {
        let first = self.first.lock();
        let mut at = first.get();
        while let Some(dispatcher) = at {
            at = dispatcher.sibling.get();
            action(dispatcher);
        }
    }
    /// Adds a dispatcher; EEXIST if the number, or the place for calls on its CPU, is taken.
    pub fn add(&self, dispatcher: &'static Dispatcher, cpu: usize, vp: u32) -> Result<()> {
        let first = self.first.lock();
        let mut at = first.get();
        while let Some(other) = at {
            if other.vp() == vp {
                return Err(Error::EEXIST);
            }
            at = other.sibling.get();
        }
        dispatcher.sibling.set(first.get());
        first.set(Some(dispatcher));
        dispatcher
            .frozen
            .store(self.frozen.load(Ordering::Relaxed), Ordering::Relaxed);
        percpu::block(cpu).add_callee(self.id().index(), dispatcher);
        Ok(())
    }
    /// Moves a dispatcher to another CPU. False: the process is being ended, and it stays.
    pub fn move_dispatcher(&self, dispatcher: &'static Dispatcher, cpu: usize) -> bool {
        let _list = self.first.lock();
        if self.closing.load(Ordering::Relaxed) {
            return false;
        }
        let index = self.id().index();
        let old = percpu::block(dispatcher.cpu());
        if old
            .callee(index)
            .is_some_and(|callee| core::ptr::eq(callee, dispatcher))
        {
            old.remove_callee(index);
        }
        dispatcher.set_cpu(cpu);
        percpu::block(cpu).add_callee(index, dispatcher);
        true
    }
    /// From now on no dispatcher changes its CPU. The CPUs that have any, one bit each.
    pub fn close(&self) -> u64 {
        let first = self.first.lock();
        self.closing.store(true, Ordering::Relaxed);
        let mut cpus = 0;
        let mut at = first.get();
        while let Some(dispatcher) = at {
            at = dispatcher.sibling.get();
            cpus |= 1 << dispatcher.cpu();
        }
        cpus
    }
    /// Takes all dispatchers away; returns the first of the list.
    pub fn take_dispatchers(&self) -> Option<&'static Dispatcher> {
        self.first.lock().replace(None)
    }
}

/// The process with this identifier.
#[inline]
pub fn find(id: ProcessId) -> Option<&'static Process> {
    let entry = TABLE.get(id.index())?.load(Ordering::Acquire);
    // SAFETY: null or a process, and those live for ever.
    let process = unsafe { entry.as_ref() }?;
    (process.id() == id).then_some(process)
}

/// Runs `action` on a dispatcher of any CPU. It cannot end meanwhile: whoever ends it needs the lock of the list first, so its
/// page is there.
pub fn with_dispatcher<T>(id: CommId, action: impl FnOnce(&'static Dispatcher) -> T) -> Result<T> {
    let process = find(id.process()).ok_or(Error::ESRCH)?;
    let first = process.first.lock();
    let mut at = first.get();
    while let Some(dispatcher) = at {
        // The whole address, since the process's place may have been taken by another by now.
        if dispatcher.comm_id() == id {
            return Ok(action(dispatcher));
        }
        at = dispatcher.sibling.get();
    }
    Err(Error::ESRCH)
}

/// Number of processes.
pub fn count() -> u64 {
    NUMBERS.lock().count
}

/// A new process with the tree at `root`. `wanted` is an index below `FIRST_DYNAMIC_INDEX`, or 0 for any above.
pub fn create(root: u64, rights: KernelRights, wanted: usize) -> Result<&'static Process> {
    let mut numbers = NUMBERS.lock();
    let free = |index: &usize| TABLE[*index].load(Ordering::Relaxed).is_null();
    let index = if wanted != 0 {
        (wanted < ProcessId::FIRST_DYNAMIC_INDEX as usize)
            .then_some(wanted)
            .filter(free)
            .ok_or(Error::EEXIST)?
    } else {
        let first = ProcessId::FIRST_DYNAMIC_INDEX as usize;
        // In a circle, so that an identifier stays unused for long; but in no larger one than needed, since every server
        // keeps something for each index that it has ever seen.
        let circle = MIN_CIRCLE.max(2 * numbers.count as usize);
        let end = (first + circle).min(MAX_PROCESSES);
        let next = if numbers.next < end {
            numbers.next
        } else {
            first
        };
        (next..end)
            .chain(first..next)
            .find(free)
            .ok_or(Error::EAGAIN)?
    };
    let process = ARENA.take()?;
    if wanted == 0 {
        numbers.next = index + 1;
    }
    let id = ProcessId::new(index as u16, numbers.generation[index]);
    numbers.count += 1;
    process.rights.store(rights.bits(), Ordering::Relaxed);
    process.frozen.store(false, Ordering::Relaxed);
    process.closing.store(false, Ordering::Relaxed);
    process.space.open(root, index as u64);
    set_hardware_entry(index, radix::process_table_entry(root));
    process.id.store(id.0, Ordering::Relaxed);
    TABLE[index].store((&raw const *process).cast_mut(), Ordering::Release);
    Ok(process)
}

/// Ends a process whose dispatchers are gone already. Returns its root table.
pub fn remove(process: &'static Process) -> u64 {
    let id = process.id();
    let index = id.index();
    process.id.store(0, Ordering::Relaxed);
    TABLE[index].store(core::ptr::null_mut(), Ordering::Release);
    set_hardware_entry(index, 0);
    let root = process.space.close(&mut ENDED.lock());
    let mut numbers = NUMBERS.lock();
    numbers.generation[index] = numbers.generation[index].wrapping_add(1);
    numbers.count -= 1;
    drop(numbers);
    ARENA.give(process);
    root
}

/// The process at `index` of the table.
pub fn at(index: usize) -> Option<&'static Process> {
    // SAFETY: null or a process, and those live for ever.
    unsafe { TABLE.get(index)?.load(Ordering::Acquire).as_ref() }
}

/// Takes a table frame of an ended process back for the memory server.
pub fn reclaim_ended() -> Option<u64> {
    let frame = ENDED.lock().pop()?;
    // A frame on the list is a table; this cannot fail.
    let _ = crate::frames::convert(
        frame,
        crate::frames::Kind::Table,
        crate::frames::Kind::Server,
    );
    Some(frame)
}
