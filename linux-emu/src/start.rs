//! From the START upcall to the first program.
//!
//! Only the first Linux process comes through here; all others are its copies. It learns what to do from three members
//! of the boot archive: `init.args` and `init.env` (strings with a NUL after each) and `init.mode` (`console` or
//! `exec`). In mode `console` the program gets a session of its own on /dev/console; in mode `exec` its output goes to
//! the host.

use crate::arch::entry;
use crate::event;
use crate::exec::stack::Strings;
use crate::exec::{load, renew};
use crate::file::{FileRef, flag};
use crate::heap;
use crate::port;
use crate::process::{MEMORY, PROCESS};
use crate::signal::set::number::SIGKILL;
use crate::sys::path::open_path;
use crate::thread::{Thread, big_buffer};
use crate::walk::AT_FDCWD;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::{CommId, Error, Handle, ProcessId, Result};
use k42_api::process::start_words;
use k42_sched::{AsyncEvent, Config, Hooks, Page, ThreadConfig};

core::arch::global_asm!(
    // The RUN entry before there is anything else: disabled, only SPR 259 is known.
    ".section .text.k42_start, \"ax\", @progbits",
    ".globl k42_start",
    ".type k42_start, @function",
    "k42_start:",
    "bcl 20, 31, .Lemu_here",
    ".Lemu_here:",
    "mflr 12",
    "addis 2, 12, .TOC.-.Lemu_here@ha",
    "addi 2, 2, .TOC.-.Lemu_here@l",
    "li 13, 0",
    "mfspr 4, 259",
    "mr 5, 2",
    "addis 1, 2, k42_boot_stack@toc@ha",
    "addi 1, 1, k42_boot_stack@toc@l",
    "addi 1, 1, {stack} - 64",
    "li 0, 0",
    "std 0, 0(1)",
    "bl k42_emu_start",
    "trap",
    ".size k42_start, . - k42_start",
    ".section .bss.k42_boot_stack, \"aw\", @nobits",
    ".balign 16",
    "k42_boot_stack:",
    ".space {stack}",
    ".text",
    stack = const BOOT_STACK,
);

/// Bytes of the stack on which the process begins.
const BOOT_STACK: usize = 16 << 10;
/// Bytes of a thread's library stack.
pub const THREAD_STACK: usize = 64 << 10;

/// First words of the page at START: pid, and what the process server says beside it (see `process::start_words`).
static WORDS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

fn say(text: core::fmt::Arguments<'_>) {
    let mut line = crate::strace::Line::new();
    let _ = line.write_fmt(text);
    port::log(line.finish());
}

#[unsafe(no_mangle)]
extern "C" fn k42_emu_start(_: u64, page: &'static Page, toc: u64) -> ! {
    page.soft_interrupts.swap(0, Ordering::Acquire);
    for (word, given) in WORDS.iter().zip(&page.library) {
        word.store(given.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    // SAFETY: the first thing that happens in this process; there is no thread yet.
    unsafe {
        heap::init();
        k42_sched::set_hooks(Hooks {
            event: on_event,
            trap: entry::trap,
            system_call: entry::system_call_entry(),
            stack: heap::stack,
        });
        // Nobody calls a Linux process: no worker threads.
        let config = Config {
            worker_stack: 0,
            first_worker: 0,
            workers: 0,
        };
        let thread = ThreadConfig {
            stack: THREAD_STACK,
            ..ThreadConfig::default()
        };
        let first = k42_sched::prepare_dispatcher(0, config)
            .and_then(|()| k42_sched::create_first(thread, first_thread, 0));
        match first {
            Ok(thread) => k42_sched::start_dispatcher(toc, Some(thread)),
            Err(error) => {
                say(format_args!(
                    "linux-emu: no memory for the first thread: {error}"
                ));
                k42_sched::fatal::end()
            }
        }
    }
}

/// What comes unasked. Runs disabled, on the upcall stack.
fn on_event(event: AsyncEvent) {
    match event {
        AsyncEvent::Message(message) => {
            event::arrived(CommId(message.sender).process(), &message.words)
        }
        AsyncEvent::Overflow => event::overflow(),
        AsyncEvent::Console => {}
    }
}

extern "C" fn first_thread(_: u64) {
    let [pid, request, handle, what] = WORDS.each_ref().map(|word| word.load(Ordering::Relaxed));
    let (pid, renewed) = (
        pid as i32,
        what & u64::from(u32::MAX) == start_words::RENEWED,
    );
    PROCESS.pid.store(pid, Ordering::Relaxed);
    PROCESS.next_tid.store(pid, Ordering::Relaxed);
    let result = Thread::new(pid).and_then(|thread| {
        entry::prepare(thread, k42_sched::fatal::stack_pointer());
        // SAFETY: the area lies in the record, which is never freed, and is the scheduler's from now on.
        unsafe { k42_sched::fp::attach(thread.vector_area.get()) };
        if renewed {
            let server = ProcessId((what >> 32) as u32);
            renew::take_over(thread, request, server, Handle(handle))?;
        } else {
            begin(thread)?;
        }
        Ok(thread)
    });
    match result {
        Ok(thread) => entry::leave(thread, crate::signal::deliver::Outcome::Frame),
        Err(error) => {
            say(format_args!(
                "linux-emu: the program cannot be started: {error}"
            ));
            crate::sys::process::end_process(if renewed { SIGKILL } else { 127 << 8 })
        }
    }
}

/// A member of the boot archive, whole.
fn member(name: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut piece = big_buffer(4096)?;
    loop {
        let (length, got) = MEMORY
            .boot_member(name, out.len() as u64, &mut piece)
            .map_err(|(error, _)| error)?;
        out.try_reserve(got).map_err(|_| Error::ENOMEM)?;
        out.extend_from_slice(&piece[..got]);
        if got == 0 || out.len() as u64 >= length {
            return Ok(out);
        }
    }
}

fn strings(name: &str) -> Result<Strings> {
    let bytes = member(name)?;
    let mut out = Strings::new();
    for text in bytes
        .strip_suffix(&[0])
        .unwrap_or(&bytes)
        .split(|&b| b == 0)
    {
        if !bytes.is_empty() {
            out.push(text)?;
        }
    }
    Ok(out)
}

/// Opens standard input, output and error, and becomes the first program.
fn begin(thread: &'static Thread) -> Result<()> {
    let mode = member("init.mode")?;
    let console = mode.trim_ascii() == b"console";
    if console {
        // The first process leads a session from birth; as its leader, without a terminal yet, it gets the first one
        // that it opens.
        let terminal = open(b"/dev/console", flag::O_RDWR)?;
        for _ in 0..3 {
            PROCESS.add_file(terminal.clone(), false)?;
        }
    } else {
        for (path, flags) in [
            (&b"/dev/null"[..], flag::O_RDONLY),
            (b"/dev/hostout", flag::O_WRONLY),
            (b"/dev/hosterr", flag::O_WRONLY),
        ] {
            let file = open(path, flags)?;
            PROCESS.add_file(file, false)?;
        }
    }
    let arguments = strings("init.args")?;
    let environment = strings("init.env")?;
    let path = arguments.iter().next().ok_or(Error::ENOENT)?.to_vec();
    load::execute(thread, AT_FDCWD, &path, 0, arguments, &environment).inspect_err(|error| {
        say(format_args!(
            "linux-emu: cannot execute {}: {error}",
            path.escape_ascii()
        ))
    })
}

fn open(path: &[u8], flags: u32) -> Result<FileRef> {
    let mut rest = big_buffer(4096 + 64)?;
    open_path(AT_FDCWD, path, &mut rest, flags, 0).inspect_err(|error| {
        say(format_args!(
            "linux-emu: cannot open {}: {error}",
            path.escape_ascii()
        ))
    })
}

/// The life of a thread that clone(2) has made: straight to its program.
extern "C" fn cloned(thread: u64) {
    // SAFETY: `start_thread` passes a record.
    let thread: &'static Thread = unsafe { &*(thread as *const Thread) };
    entry::prepare(thread, k42_sched::fatal::stack_pointer());
    // SAFETY: as in `first_thread`.
    unsafe { k42_sched::fp::attach(thread.vector_area.get()) };
    entry::leave(thread, crate::signal::deliver::Outcome::Frame)
}

/// Starts a thread whose record holds its registers.
pub fn start_thread(thread: &'static Thread) -> Result<()> {
    let config = ThreadConfig {
        stack: THREAD_STACK,
        ..ThreadConfig::default()
    };
    k42_sched::spawn_with(config, cloned, core::ptr::from_ref(thread) as u64).map(|_| ())
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let mut log = k42_sched::fatal::Log;
    let _ = match info.location() {
        Some(at) => writeln!(
            log,
            "linux-emu: panic at {}:{}: {}",
            at.file(),
            at.line(),
            info.message()
        ),
        None => writeln!(log, "linux-emu: panic: {}", info.message()),
    };
    k42_sched::fatal::backtrace(0, k42_sched::fatal::stack_pointer());
    k42_sched::fatal::end()
}

/// Where the scheduler's entry takes calls on this program; nobody has a handle with which to call it, and it has no workers.
#[unsafe(no_mangle)]
extern "C" fn k42_serve() -> ! {
    unreachable!("a library serves nobody")
}
