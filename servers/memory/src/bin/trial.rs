//! Tries the memory server on the real kernel. The program plays three parts, told apart by its process: in the
//! place of `servers/process` it makes, forks and ends processes and counts what that costs; in the place of
//! `linux-emu` it is the process that is forked, and touches memory; as `servers/kfs` it fills an object.
//!
//! Boot it from an archive in which `servers/process`, `servers/kfs` and `linux-emu` are this program, under
//! `-icount shift=0`: a timebase tick is then two instructions (512 MHz against one instruction a nanosecond).
#![no_std]
#![no_main]

use k42_api::memory::{MapOptions, MemoryClient};
use k42_ipc::{Error, Incoming, ProcessId, Reply};
use k42_rt::{ClientTables, Exported, log};

k42_rt::entry!(
    main,
    heap = 1 << 20,
    worker_stack = 16 << 10,
    main_stack = 32 << 10
);

const PAGE: u64 = 4096;
const ROUNDS: u64 = 4;
static TABLES: ClientTables = ClientTables::new(0);

struct Root;
impl Exported for Root {
    fn dispatch(&self, _: &mut Incoming<'_>) -> Reply {
        Reply::OK
    }
}

fn timebase() -> u64 {
    let value;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mftb {0}", out(reg) value, options(nomem, nostack)) };
    value
}

fn memory() -> MemoryClient {
    MemoryClient::root(ProcessId::MEMORY)
}

fn main(_: k42_rt::Start) {
    static ROOT: Root = Root;
    k42_rt::serve(&ROOT, &TABLES);
    let result = match k42_rt::own_process() {
        ProcessId::PROCESS => manager(),
        ProcessId::KFS => files(),
        process if process.index() >= 16 => program(),
        _ => Ok(()),
    };
    if let Err(error) = result {
        log::error!("trial of {:?} failed: {error}", k42_rt::own_process());
    }
    if k42_rt::own_process() == ProcessId::PROCESS {
        log::info!("trial ended");
        k42_rt::sys::power_off(u64::from(result.is_err()));
    }
}

/// Instructions since `from`.
fn since(from: u64) -> u64 {
    (timebase() - from) * 125 / 64
}

fn wait(milliseconds: u64) {
    k42_sched::sleep_until(k42_sched::now() + k42_rt::info().timebase_hz / 1000 * milliseconds);
}

fn manager() -> Result<(), Error> {
    let before = memory().totals()?;
    log::info!("{before:?}");
    for _ in 0..2 {
        let from = timebase();
        let _ = memory().check_range(0x1000_0000, PAGE, false);
        log::info!("call that checks a range: {} instructions", since(from));
    }
    let from = timebase();
    let process = memory().create_space(0)?;
    log::info!("create: {} instructions", since(from));
    memory().start_space(process, [1, 2, 3, 4])?;
    let mut waited = 0;
    while memory().usage(process)?.private < 200 * PAGE && waited < 100 {
        waited += 1;
        wait(10);
    }
    log::info!("{:?}", memory().usage(process)?);
    for round in 0..ROUNDS {
        let from = timebase();
        let child = memory().fork_space(process, 0, 0, false)?;
        let forked = since(from);
        let from = timebase();
        memory().destroy_space(child)?;
        if round < 4 {
            log::info!(
                "round {round}: fork {forked}, destroy {} instructions",
                since(from)
            );
        }
    }
    // The process wakes up and writes its pages again.
    wait(300);
    memory().destroy_space(process)?;
    let after = memory().totals()?;
    log::info!("{after:?}");
    if before.free.saturating_sub(after.free) > 4096 * PAGE {
        return Err(Error::EIO); // lost memory
    }
    Ok(())
}

/// Stores to `pages` pages and says what it cost.
fn touch(at: u64, pages: u64, what: &str) {
    let from = timebase();
    for page in 0..pages {
        // SAFETY: mapped by the caller.
        unsafe { ((at + page * PAGE) as *mut u64).write_volatile(page) };
    }
    log::info!("{what}: {} instructions a page", since(from) / pages);
}

fn program() -> Result<(), Error> {
    let options = MapOptions::READ | MapOptions::WRITE;
    let at = memory().map_anonymous(0, 256 * PAGE, options.bits())?;
    touch(at, 256, "first touch");
    touch(at, 256, "second touch");
    // Meanwhile it is forked, and the children end.
    wait(200);
    touch(at, 256, "touch after fork");
    let from = timebase();
    memory().unmap(at, 256 * PAGE)?;
    log::info!("unmap of 256 pages: {} instructions", since(from));
    loop {
        wait(1000);
    }
}

fn files() -> Result<(), Error> {
    let object = memory().create_object(64 * PAGE, b"/trial")?;
    let options = MapOptions::READ | MapOptions::WRITE | MapOptions::SHARED;
    let at = memory().map_object(object, 0, 0, 64 * PAGE, options.bits())?;
    memory().populate_object(object, 0, 64 * PAGE)?;
    touch(at, 64, "populated object");
    memory().unmap(at, 64 * PAGE)?;
    memory().release(object)
}
