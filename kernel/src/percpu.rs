//! What each CPU has for itself. SPRG1 points at it; nobody but that CPU touches it, except where a field
//! says so.

use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use k42_abi::Result;
use k42_abi::dispatcher::{DispatcherPage, RegisterFrame};
use k42_abi::info::MAX_CPUS;

use crate::cell::Owned;
use crate::dispatcher::{Dispatcher, NOBODY};
use crate::process::MAX_PROCESSES;
use crate::sched::Queues;

/// Size of a CPU's stack, and of the stack on which it reports its own failure.
pub const STACK_BYTES: usize = 32 << 10;

/// The block of one CPU.
#[repr(C, align(128))]
pub struct PerCpu {
    /// Written to end a reservation; see k42_resume.
    reservation: Owned<u64>,
    stack: Owned<u64>,
    trap_entry: Owned<u64>,
    trap: Owned<u64>,
    resume: Owned<u64>,
    scratch: [Owned<u64>; 4],
    /// The dispatcher whose program runs, or ran when the kernel was entered. It is the last of the chain: each in it
    /// was called by its `Dispatcher::lender`, and the first is `base`. Exceptions save into its frame, which is its
    /// first field.
    pub current: Owned<Option<&'static Dispatcher>>,
    /// Page of the current dispatcher, in the linear map.
    pub page: Owned<*mut DispatcherPage>,
    user: [Owned<u64>; 6],
    toc: Owned<u64>,
    calls: Owned<u64>,
    /// r4 to r7 as the K42 call in progress returns them.
    pub out: [Owned<u64>; 4],
    /// Registers of the kernel when it failed.
    panic_frame: Owned<*mut RegisterFrame>,
    panic_stack: Owned<u64>,

    /// This CPU's number, 0 to `cpus - 1`.
    pub index: Owned<usize>,
    /// Its number with hypervisor and interrupt controller.
    pub hardware_id: Owned<u32>,
    /// Bytes that dcbz clears.
    pub dcache_block: Owned<u64>,
    /// The first of the chain, which is on its own time; none if it has ended since it was chosen.
    pub base: Owned<Option<&'static Dispatcher>>,
    /// Not zero: calls take no fast path. Written by any CPU. The fast path looks at these eight bytes as one word.
    pub careful: AtomicU32,
    /// Somebody should run when the present call is over.
    pub reschedule: Owned<bool>,
    reserved: [u8; 3],
    /// A borrowed server has been granted its grace period after the end of the slice.
    pub grace: Owned<bool>,
    /// Timebase at which the slice of `base` ends.
    pub slice_end: Owned<u64>,
    /// Timebase at which the next sample for the profiler is due; never if there are none.
    pub sample_at: Owned<u64>,
    /// Timebase when `base` was dispatched, or last charged.
    pub charged: Owned<u64>,
    /// Whose state the floating-point and vector registers hold.
    pub float_owner: Owned<Option<&'static Dispatcher>>,
    /// The dispatcher of each process that takes calls on this CPU, by index of the process; NOBODY if there is none.
    /// Written by any CPU when dispatchers are made, cleared by this CPU when they end.
    callees: Owned<*const AtomicPtr<Dispatcher>>,
    queues: UnsafeCell<Queues>,
    /// Dispatchers of this CPU that other CPUs posted to: a stack linked by `Dispatcher::wake_next`. Pushed
    /// by anyone, emptied by this CPU.
    pub wakeups: AtomicPtr<Dispatcher>,
    /// Process that another CPU is ending and wants this CPU to let go of. Set by that CPU when null, cleared by this one.
    pub let_go: AtomicPtr<crate::process::Process>,
    /// The kernel's trace buffer of this CPU, null until there is one.
    pub trace: Owned<*mut k42_trace::CpuBuffer>,
    /// Statistics, read by other CPUs.
    pub calls_made: AtomicU64,
    /// Asynchronous messages that found the ring full.
    pub messages_dropped: AtomicU64,
}

/// Reasons for `PerCpu::careful`.
pub mod careful {
    /// Calls are traced.
    pub const TRACED: u32 = 1;
    /// `fastpath=off` on the command line: all calls go through the Rust functions, which the fast path must equal.
    pub const TWIN: u32 = 2;
}

/// Where assembly finds what is private here.
pub mod offset {
    #![allow(missing_docs, reason = "named after the fields")]
    use super::{PerCpu, offset_of};
    pub const STACK: usize = offset_of!(PerCpu, stack);
    pub const TRAP: usize = offset_of!(PerCpu, trap);
    pub const RESUME: usize = offset_of!(PerCpu, resume);
    const _: () = assert!(offset_of!(PerCpu, reservation) == 0);
    pub const TRAP_ENTRY: usize = offset_of!(PerCpu, trap_entry);
    pub const SCRATCH: usize = offset_of!(PerCpu, scratch);
    pub const USER: usize = offset_of!(PerCpu, user);
    pub const TOC: usize = offset_of!(PerCpu, toc);
    pub const CALLS: usize = offset_of!(PerCpu, calls);
    pub const PANIC_FRAME: usize = offset_of!(PerCpu, panic_frame);
    pub const PANIC_STACK: usize = offset_of!(PerCpu, panic_stack);
    pub const CALLEES: usize = offset_of!(PerCpu, callees);
    const _: () = assert!(offset_of!(PerCpu, careful).is_multiple_of(8));
    const _: () = assert!(offset_of!(PerCpu, reschedule) == offset_of!(PerCpu, careful) + 4);
}

// SAFETY: each CPU uses only its own block, but for the atomics; interrupts are off in the kernel.
unsafe impl Sync for PerCpu {}

#[repr(align(128))]
struct Stack(UnsafeCell<[u8; STACK_BYTES]>);
// SAFETY: only the CPU that owns the stack uses it.
unsafe impl Sync for Stack {}

#[repr(align(128))]
struct PanicFrame(UnsafeCell<RegisterFrame>);
// SAFETY: only the CPU that owns the frame uses it.
unsafe impl Sync for PanicFrame {}

static BLOCKS: [PerCpu; MAX_CPUS] = [const { PerCpu::new() }; MAX_CPUS];
static STACKS: [Stack; MAX_CPUS] = [const { Stack(UnsafeCell::new([0; STACK_BYTES])) }; MAX_CPUS];
static PANIC_STACKS: [Stack; MAX_CPUS] =
    [const { Stack(UnsafeCell::new([0; STACK_BYTES])) }; MAX_CPUS];
static PANIC_FRAMES: [PanicFrame; MAX_CPUS] =
    [const { PanicFrame(UnsafeCell::new(RegisterFrame::ZERO)) }; MAX_CPUS];

fn stack_top(stack: &Stack) -> u64 {
    // A frame header's room above the first frame, as the ABI wants.
    stack.0.get().expose_provenance() as u64 + STACK_BYTES as u64 - 128
}

impl PerCpu {
    const fn new() -> Self {
        Self {
            reservation: Owned::new(0),
            stack: Owned::new(0),
            trap_entry: Owned::new(0),
            trap: Owned::new(0),
            resume: Owned::new(0),
            scratch: [const { Owned::new(0) }; 4],
            current: Owned::new(None),
            page: Owned::new(core::ptr::null_mut()),
            user: [const { Owned::new(0) }; 6],
            toc: Owned::new(0),
            calls: Owned::new(0),
            out: [const { Owned::new(0) }; 4],
            panic_frame: Owned::new(core::ptr::null_mut()),
            panic_stack: Owned::new(0),
            index: Owned::new(0),
            hardware_id: Owned::new(0),
            dcache_block: Owned::new(128),
            base: Owned::new(None),
            careful: AtomicU32::new(0),
            reschedule: Owned::new(false),
            reserved: [0; 3],
            grace: Owned::new(false),
            slice_end: Owned::new(u64::MAX),
            charged: Owned::new(0),
            float_owner: Owned::new(None),
            callees: Owned::new(core::ptr::null()),
            queues: UnsafeCell::new(Queues::EMPTY),
            wakeups: AtomicPtr::new(core::ptr::null_mut()),
            let_go: AtomicPtr::new(core::ptr::null_mut()),
            sample_at: Owned::new(u64::MAX),
            trace: Owned::new(core::ptr::null_mut()),
            calls_made: AtomicU64::new(0),
            messages_dropped: AtomicU64::new(0),
        }
    }

    /// Runs `action` on this CPU's queues.
    ///
    /// The queues are not lent out twice: `action` must not call this again (the scheduler's own
    /// functions, which are the only ones to use it, do not nest).
    pub fn with_queues<R>(&self, action: impl FnOnce(&mut Queues) -> R) -> R {
        // SAFETY: only this CPU uses its queues, interrupts are off, and by the rule above there is
        // no other reference during `action`.
        action(unsafe { &mut *self.queues.get() })
    }

    /// Has calls on this CPU take the slow path, or no longer, for `reason` of [`careful`]. Any CPU may.
    pub fn set_careful(&self, reason: u32, on: bool) {
        if on {
            self.careful.fetch_or(reason, Ordering::Relaxed);
        } else {
            self.careful.fetch_and(!reason, Ordering::Relaxed);
        }
    }

    /// Whether `who` is the first of the chain.
    pub fn is_base(&self, who: &'static Dispatcher) -> bool {
        self.base.get().is_some_and(|base| core::ptr::eq(base, who))
    }

    /// Gives this CPU its table of callees.
    pub fn make_callees(&self) -> Result<()> {
        let table = crate::pool::slice(MAX_PROCESSES, || {
            AtomicPtr::new((&raw const NOBODY).cast_mut())
        })?;
        self.callees.set(table.as_ptr());
        Ok(())
    }

    fn callees(&self) -> &[AtomicPtr<Dispatcher>] {
        // SAFETY: `make_callees` made the table before the first dispatcher, and it stays.
        unsafe { core::slice::from_raw_parts(self.callees.get(), MAX_PROCESSES) }
    }

    /// The dispatcher that takes calls for the process at `index`.
    pub fn callee(&self, index: usize) -> Option<&'static Dispatcher> {
        // SAFETY: a dispatcher, and those live for ever.
        let who = unsafe { &*self.callees()[index].load(Ordering::Acquire) };
        (!core::ptr::eq(who, &NOBODY)).then_some(who)
    }

    /// Makes `who` take calls, if no other does for its process.
    pub fn add_callee(&self, index: usize, who: &'static Dispatcher) {
        let _ = self.callees()[index].compare_exchange(
            (&raw const NOBODY).cast_mut(),
            (&raw const *who).cast_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
    }

    /// Nobody takes calls for the process at `index` any more.
    pub fn remove_callee(&self, index: usize) {
        self.callees()[index].store((&raw const NOBODY).cast_mut(), Ordering::Release);
    }

    /// Top of this CPU's stack.
    pub fn stack(&self) -> u64 {
        self.stack.get()
    }

    /// Where a failure of the kernel on this CPU saved the registers.
    pub fn panic_frame(&self) -> &RegisterFrame {
        // SAFETY: set up once; written only by the exception entry that precedes every use.
        unsafe { &*self.panic_frame.get() }
    }
}

/// The block of CPU `index`.
pub fn block(index: usize) -> &'static PerCpu {
    &BLOCKS[index]
}

/// Top of the stack on which CPU `index` starts.
pub fn start_stack(index: usize) -> u64 {
    stack_top(&STACKS[index])
}

/// Prepares the block of the CPU that runs this, and points SPRG1 at it.
///
/// # Safety
/// Once on each CPU, before anything else of the kernel runs on it.
pub unsafe fn adopt(index: usize, hardware_id: u32, dcache_block: u64, calls: u64) {
    let block = &BLOCKS[index];
    block.stack.set(stack_top(&STACKS[index]));
    block.panic_stack.set(stack_top(&PANIC_STACKS[index]));
    block.panic_frame.set(PANIC_FRAMES[index].0.get());
    block.trap_entry.set(crate::arch::trap_entry());
    block.trap.set(crate::trap::k42_trap as *const () as u64);
    block.resume.set(crate::arch::resume_exit());
    block.toc.set(crate::arch::toc());
    block.calls.set(calls);
    block.index.set(index);
    block.hardware_id.set(hardware_id);
    block.dcache_block.set(dcache_block);
    // SAFETY: the block is ready and lives for ever.
    unsafe { crate::arch::sprg1::write((&raw const *block).expose_provenance() as u64) };
}
