//! From the START upcall to the program's `main`.

use crate::{events, heap, logger};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::boot::MemoryBoot;
use k42_abi::dispatcher::DispatcherPage;
use k42_abi::info::KernelInfo;
use k42_abi::layout::{KERNEL_INFO, PAGE_SIZE};
use k42_abi::message::SLOT_SIZE;
use k42_abi::{CommId, ProcessId};
use k42_sched::{Config, Hooks, Page, ThreadConfig};

/// Bytes of the stack on which dispatcher 0 begins.
const BOOT_STACK: usize = 32 << 10;

core::arch::global_asm!(
    // The entry of the program, for each of its dispatchers: r3 = boot words; nothing else but the page is there.
    ".section .text.k42_start, \"ax\", @progbits",
    ".globl k42_start",
    ".type k42_start, @function",
    "k42_start:",
    "bcl 20, 31, .Lk42_here",
    ".Lk42_here:",
    "mflr 12",
    "addis 2, 12, .TOC.-.Lk42_here@ha",
    "addi 2, 2, .TOC.-.Lk42_here@l",
    "li 13, 0",
    "mfspr 4, 259",
    "mr 5, 2",
    "lwz 6, {vp}(4)",
    "cmpwi 6, 0",
    "bne .Lk42_other",
    "addis 1, 2, k42_boot_stack@toc@ha",
    "addi 1, 1, k42_boot_stack@toc@l",
    "addis 1, 1, ({stack} - 64)@ha",
    "addi 1, 1, ({stack} - 64)@l",
    "li 0, 0",
    "std 0, 0(1)",
    "bl k42_rt_start",
    "trap",
    // Another dispatcher: its last server slot, in which no call can arrive yet, lends its bytes for a stack.
    ".Lk42_other:",
    "lwz 6, {client_slots}(4)",
    "lwz 7, {server_slots}(4)",
    "add 6, 6, 7",
    "mulli 6, 6, {slot_size}",
    "add 1, 4, 6",
    "addi 1, 1, {page_size} - 64",
    "li 0, 0",
    "std 0, 0(1)",
    "bl k42_rt_start_other",
    "trap",
    ".size k42_start, . - k42_start",
    ".section .bss.k42_boot_stack, \"aw\", @nobits",
    ".balign 16",
    "k42_boot_stack:",
    ".space {stack}",
    ".text",
    vp = const core::mem::offset_of!(DispatcherPage, vp),
    client_slots = const core::mem::offset_of!(DispatcherPage, client_slots),
    server_slots = const core::mem::offset_of!(DispatcherPage, server_slots),
    slot_size = const SLOT_SIZE,
    page_size = const PAGE_SIZE,
    stack = const BOOT_STACK,
);

/// The program as `entry!` describes it.
#[derive(Clone, Copy)]
pub struct Program {
    main: fn(Start),
    name: &'static str,
    /// Bytes of heap in the image.
    pub heap: usize,
    /// Bytes of stack of a worker thread.
    pub worker_stack: usize,
    /// Bytes of stack of the main thread.
    pub main_stack: usize,
}

impl Program {
    /// The program with everything at its default.
    pub const fn new(main: fn(Start), name: &'static str) -> Self {
        Self {
            main,
            name,
            heap: 2 << 20,
            worker_stack: 32 << 10,
            main_stack: 64 << 10,
        }
    }
}

unsafe extern "Rust" {
    /// Made by `entry!`.
    safe fn k42_program() -> (Program, *mut u8);
}

/// The heap's first part, in the image.
#[repr(C, align(4096))]
pub struct Arena<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);
// SAFETY: only its address is used here; the heap hands the bytes out.
unsafe impl<const BYTES: usize> Sync for Arena<BYTES> {}
impl<const BYTES: usize> Arena<BYTES> {
    /// Zeroes.
    #[allow(clippy::new_without_default, reason = "made by `entry!` only")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; BYTES]))
    }
    /// Its first byte.
    pub const fn start(&self) -> *mut u8 {
        self.0.get().cast()
    }
}

/// What the program was started with.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// r3 at the first upcall.
    pub pointer: u64,
    /// The first words of the dispatcher page's library area.
    pub words: [u64; 4],
}

impl Start {
    /// The kernel's words to the memory server.
    ///
    /// # Safety
    /// This is the memory server.
    pub unsafe fn memory_boot(&self) -> &'static MemoryBoot {
        // SAFETY: the kernel passes the address of such a page to the memory server, and never takes it away.
        unsafe { &*(self.pointer as *const MemoryBoot) }
    }
}

static START: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// Dispatcher 0 at START: disabled, on the boot stack.
#[unsafe(no_mangle)]
extern "C" fn k42_rt_start(pointer: u64, page: &'static Page, toc: u64) -> ! {
    let (program, arena) = k42_program();
    page.soft_interrupts.swap(0, Ordering::Acquire);
    START[0].store(pointer, Ordering::Relaxed);
    for (place, word) in START[1..].iter().zip(&page.library) {
        place.store(word.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    // SAFETY: the arena is ours, and this is the first thing that happens.
    unsafe { heap::init(arena, program.heap) };
    logger::init(program.name);
    // SAFETY: there is no thread yet, and no dispatcher is prepared; START comes once.
    unsafe {
        k42_sched::set_hooks(Hooks {
            event: events::event,
            trap: |_| k42_sched::TrapAction::Die,
            system_call: 0,
            stack: heap::stack,
        });
        let config = ThreadConfig {
            stack: program.main_stack,
            ..ThreadConfig::default()
        };
        let first = k42_sched::prepare_dispatcher(0, dispatcher_config(&program, page))
            .and_then(|()| k42_sched::create_first(config, main_thread, 0));
        match first {
            Ok(thread) => k42_sched::start_dispatcher(toc, Some(thread)),
            Err(_) => {
                sys_log("no memory for the first threads: the heap in the image is too small\n");
                k42_sched::fatal::end()
            }
        }
    }
}

fn sys_log(text: &str) {
    k42_sched::sys::log(text.as_bytes());
}

fn dispatcher_config(program: &Program, page: &Page) -> Config {
    let slots =
        page.client_slots.load(Ordering::Relaxed) + page.server_slots.load(Ordering::Relaxed);
    Config {
        worker_stack: program.worker_stack,
        workers: slots as usize,
        first_worker: page.client_slots.load(Ordering::Relaxed) as usize,
    }
}

/// Another dispatcher at START, or woken later: goes on when dispatcher 0 has prepared it.
#[unsafe(no_mangle)]
extern "C" fn k42_rt_start_other(_: u64, page: &'static Page, toc: u64) -> ! {
    // Taken before the look: who prepares us afterwards sends a message, and that ends the wait.
    page.soft_interrupts.swap(0, Ordering::Acquire);
    let vp = page.vp.load(Ordering::Relaxed);
    if k42_sched::is_prepared(vp) {
        // SAFETY: prepared; it begins here once, since afterwards the entries are others.
        unsafe { k42_sched::start_dispatcher(toc, None) }
    }
    // SAFETY: nothing runs here, and the RUN entry is still the one that led here.
    unsafe { k42_sched::wait_for_preparation() }
}

extern "C" fn main_thread(_: u64) {
    heap::allow_growth();
    let word = |i: usize| START[i].load(Ordering::Relaxed);
    let start = Start {
        pointer: word(0),
        words: [word(1), word(2), word(3), word(4)],
    };
    // The memory server cannot get memory from itself before its main has arranged for it.
    if own_process() != ProcessId::MEMORY {
        prepare_dispatchers();
    }
    let (program, _) = k42_program();
    (program.main)(start);
}

/// Makes what the dispatchers other than 0 need, one per CPU, and lets them start. Done before `main`, except in the
/// memory server, which calls it when its heap can grow.
pub fn prepare_dispatchers() {
    let (program, _) = k42_program();
    let config = dispatcher_config(&program, k42_sched::page());
    for vp in 1..info().cpus {
        if let Err(error) = k42_sched::prepare_dispatcher(vp as u32, config) {
            log::error!("dispatcher {vp}: {error}");
        }
    }
}

/// The kernel's information page.
pub fn info() -> &'static KernelInfo {
    // SAFETY: mapped read-only in every process.
    unsafe { &*(KERNEL_INFO as *const KernelInfo) }
}

/// This process.
pub fn own_process() -> ProcessId {
    CommId(k42_sched::page().comm_id.load(Ordering::Relaxed)).process()
}
