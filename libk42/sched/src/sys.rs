//! The kernel's calls, as functions.

use k42_abi::calls;
use k42_abi::info::Count;
use k42_abi::map::MapFlags;
use k42_abi::rights::KernelRights;
use k42_abi::{CommId, Error, ProcessId, Result};

/// Makes kernel call `number`: r3 to r10 go in and come back.
///
/// # Safety
/// As the call's documentation says; the calls that are made disabled are for the scheduler only.
#[inline(always)]
pub(crate) unsafe fn raw(number: u64, registers: &mut [u64; 8]) -> i64 {
    let [a, b, c, d, e, f, g, h] = *registers;
    let (r3, r4, r5, r6, r7, r8, r9, r10);
    // SAFETY: what the call may change is declared; the rest is the caller's promise.
    unsafe {
        core::arch::asm!(
            "sc",
            inout("r0") calls::SELECTOR | number => _,
            inout("r3") a => r3,
            inout("r4") b => r4,
            inout("r5") c => r5,
            inout("r6") d => r6,
            inout("r7") e => r7,
            inout("r8") f => r8,
            inout("r9") g => r9,
            inout("r10") h => r10,
            out("r11") _, out("r12") _, out("ctr") _, out("xer") _,
            out("cr0") _, out("cr1") _, out("cr5") _, out("cr6") _, out("cr7") _,
            options(nostack),
        );
    }
    *registers = [r3, r4, r5, r6, r7, r8, r9, r10];
    r3 as i64
}

/// A call that changes nothing of the caller's own.
#[inline]
fn plain(number: u64, arguments: &[u64]) -> (Result<u64>, [u64; 8]) {
    let mut registers = [0; 8];
    registers[..arguments.len()].copy_from_slice(arguments);
    // SAFETY: callers of `plain` pass the numbers of calls that only take and give words.
    let status = unsafe { raw(number, &mut registers) };
    (Error::check(status), registers)
}

/// Sends an asynchronous message.
pub fn send(target: CommId, words: &[u64; 6]) -> Result<()> {
    let [a, b, c, d, e, f] = *words;
    plain(calls::SEND, &[target.0, a, b, c, d, e, f])
        .0
        .map(|_| ())
}

/// A line, or a part of one, for the kernel's log.
pub fn log(text: &[u8]) {
    for piece in text.chunks(56) {
        let mut bytes = [0; 56];
        bytes[..piece.len()].copy_from_slice(piece);
        let mut arguments = [piece.len() as u64; 8];
        for (argument, bytes) in arguments[1..].iter_mut().zip(bytes.as_chunks::<8>().0) {
            *argument = u64::from_ne_bytes(*bytes);
        }
        let _ = plain(calls::LOG, &arguments);
    }
}

/// A random word.
pub fn random() -> Result<u64> {
    let (result, registers) = plain(calls::RANDOM, &[]);
    result.map(|_| registers[1])
}

/// Sets this dispatcher's timer. The scheduler's.
pub(crate) fn set_timer(at: u64) {
    let _ = plain(calls::SET_TIMER, &[at]);
}

/// Gives the CPU up; comes back by the RUN entry.
///
/// # Safety
/// Disabled, with nothing running that is not saved.
pub(crate) unsafe fn give_up(stay_runnable: bool) -> ! {
    let mut registers = [u64::from(stay_runnable), 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: the caller's promise; whatever the kernel does, we go on at the RUN entry.
    unsafe {
        raw(calls::YIELD, &mut registers);
        core::arch::asm!("b k42_entry_run", options(noreturn));
    }
}

/// Goes on, on another CPU, by the RUN entry. Comes back only with an error.
///
/// # Safety
/// Disabled, with nothing running that is not saved.
pub(crate) unsafe fn change_cpu(cpu: u32) -> Error {
    let mut registers = [u64::from(cpu), 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: the caller's promise; if it succeeds, nothing that is behind it on this stack runs.
    let status = unsafe { raw(calls::CHANGE_CPU, &mut registers) };
    Error::check(status).err().unwrap_or(Error::EIO)
}

/// Resumes the frame at `offset` of the page. Comes back, disabled, if soft interrupts are pending.
///
/// # Safety
/// Disabled; the frame holds a computation of this process that nobody else resumes.
pub(crate) unsafe fn resume(offset: usize, disabled: u64) {
    let mut registers = [offset as u64, disabled, 0, 0, 0, 0, 0, 0];
    // SAFETY: the caller's promise. When it comes back, it does so as a function.
    unsafe { raw(calls::RESUME, &mut registers) };
}

/// New address space.
pub fn space_create(root: u64, rights: KernelRights, index: u16) -> Result<ProcessId> {
    plain(
        calls::SPACE_CREATE,
        &[root, rights.bits(), u64::from(index)],
    )
    .0
    .map(|id| ProcessId(id as u32))
}

/// End of an address space; how many table frames `reclaim` will give back.
pub fn space_destroy(process: ProcessId) -> Result<u64> {
    plain(calls::SPACE_DESTROY, &[u64::from(process.0)]).0
}

/// Why a page was not mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapError {
    /// That many table frames have to be given first.
    NeedFrames(u64),
    /// Anything else.
    Other(Error),
}

/// Maps one page.
pub fn map(
    process: ProcessId,
    address: u64,
    frame: u64,
    flags: MapFlags,
) -> core::result::Result<(), MapError> {
    let (result, registers) = plain(
        calls::MAP,
        &[u64::from(process.0), address, frame, flags.bits()],
    );
    match result {
        Ok(_) => Ok(()),
        Err(Error::NEED_FRAMES) => Err(MapError::NeedFrames(registers[1])),
        Err(error) => Err(MapError::Other(error)),
    }
}

/// Maps what the `MapOperation`s in client slot `slot` say; how many were done, and why not all.
/// After NEED_FRAMES, a `map` of the next one tells how many.
pub fn map_batch(process: ProcessId, slot: u8, count: usize) -> Result<(usize, Option<Error>)> {
    let (result, registers) = plain(
        calls::MAP_BATCH,
        &[u64::from(process.0), u64::from(slot), count as u64],
    );
    let done = result? as usize;
    Ok((
        done,
        if done < count {
            Some(
                Error::check(registers[1] as i64)
                    .err()
                    .unwrap_or(Error::EIO),
            )
        } else {
            None
        },
    ))
}

/// Removes what is mapped in a range.
pub fn unmap(process: ProcessId, address: u64, bytes: u64) -> Result<()> {
    plain(calls::UNMAP, &[u64::from(process.0), address, bytes])
        .0
        .map(|_| ())
}

/// Changes access in a range.
pub fn protect(process: ProcessId, address: u64, bytes: u64, flags: MapFlags) -> Result<()> {
    plain(
        calls::PROTECT,
        &[u64::from(process.0), address, bytes, flags.bits()],
    )
    .0
    .map(|_| ())
}

/// Gives up to seven table frames.
pub fn donate(process: ProcessId, frames: &[u64]) -> Result<()> {
    if frames.len() > 7 {
        return Err(Error::EINVAL);
    }
    let mut arguments = [0; 8];
    arguments[0] = u64::from(process.0);
    arguments[1..=frames.len()].copy_from_slice(frames);
    plain(calls::DONATE, &arguments).0.map(|_| ())
}

/// Takes back spare table frames (`ProcessId::NONE`: of ended processes) into client slot `slot`.
pub fn reclaim(process: ProcessId, slot: u8, most: usize) -> Result<usize> {
    plain(
        calls::RECLAIM,
        &[u64::from(process.0), u64::from(slot), most as u64],
    )
    .0
    .map(|n| n as usize)
}

/// What a new dispatcher is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewDispatcher {
    /// Its process.
    pub process: ProcessId,
    /// Its number.
    pub vp: u32,
    /// CPU it runs on.
    pub cpu: u32,
    /// Real address of page and slots.
    pub area: u64,
    /// Their address in the process.
    pub address: u64,
    /// Slots for calls made.
    pub client_slots: u32,
    /// Slots for calls that arrive.
    pub server_slots: u32,
    /// Scheduling class.
    pub class: u32,
    /// Weight in its class.
    pub weight: u32,
}

/// Makes a dispatcher.
pub fn dispatcher_create(new: &NewDispatcher) -> Result<()> {
    let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    plain(
        calls::DISPATCHER_CREATE,
        &[
            u64::from(new.process.0),
            pair(new.vp, new.cpu),
            new.area,
            new.address,
            pair(new.client_slots, new.server_slots),
            pair(new.class, new.weight),
        ],
    )
    .0
    .map(|_| ())
}

/// First start of a dispatcher.
pub fn dispatcher_start(process: ProcessId, vp: u32) -> Result<()> {
    plain(
        calls::DISPATCHER_START,
        &[u64::from(process.0), u64::from(vp)],
    )
    .0
    .map(|_| ())
}

/// Holds a process.
pub fn freeze(process: ProcessId) -> Result<()> {
    plain(calls::FREEZE, &[u64::from(process.0)]).0.map(|_| ())
}

/// Lets a process go on.
pub fn thaw(process: ProcessId) -> Result<()> {
    plain(calls::THAW, &[u64::from(process.0)]).0.map(|_| ())
}

/// What STATISTICS tells.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// Timebase ticks run.
    pub ticks: u64,
    /// Times chosen.
    pub chosen: u64,
    /// Times preempted.
    pub preemptions: u64,
    /// Frames in its translation tables.
    pub table_frames: u64,
}

/// Statistics of a process.
pub fn statistics(process: ProcessId) -> Result<Statistics> {
    let (result, r) = plain(calls::STATISTICS, &[u64::from(process.0)]);
    result.map(|_| Statistics {
        ticks: r[1],
        chosen: r[2],
        preemptions: r[3],
        table_frames: r[4],
    })
}

/// Changes class and weight of a process.
pub fn set_priority(process: ProcessId, class: u32, weight: u32) -> Result<()> {
    plain(
        calls::SET_PRIORITY,
        &[
            u64::from(process.0),
            u64::from(class) | u64::from(weight) << 32,
        ],
    )
    .0
    .map(|_| ())
}

/// Writes up to 16 bytes to a console; bytes taken.
pub fn console_put(console: u64, bytes: &[u8]) -> Result<usize> {
    let length = bytes.len().min(16);
    let mut words = [0; 16];
    words[..length].copy_from_slice(&bytes[..length]);
    let (low, high) = words.split_at(8);
    let word = |b: &[u8]| b.try_into().map(u64::from_ne_bytes).unwrap_or_default();
    plain(
        calls::CONSOLE_PUT,
        &[console, length as u64, word(low), word(high)],
    )
    .0
    .map(|n| n as usize)
}

/// Reads from a console: the bytes, and how many.
pub fn console_get(console: u64) -> Result<([u8; 16], usize)> {
    let (result, registers) = plain(calls::CONSOLE_GET, &[console]);
    let length = result?.min(16) as usize;
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&registers[1].to_ne_bytes());
    bytes[8..].copy_from_slice(&registers[2].to_ne_bytes());
    Ok((bytes, length))
}

/// Console input is announced to this dispatcher from now on.
pub fn console_bind(console: u64) -> Result<()> {
    plain(calls::CONSOLE_BIND, &[console]).0.map(|_| ())
}

/// Turns the machine off.
pub fn power_off(status: u64) -> Error {
    plain(calls::POWER_OFF, &[status])
        .0
        .err()
        .unwrap_or(Error::EIO)
}

/// Sets the trace mask.
pub fn trace_mask(mask: u64) -> Result<()> {
    plain(calls::TRACE_MASK, &[mask]).0.map(|_| ())
}

/// A fault is complete.
pub fn fault_done(dispatcher: CommId, id: u64) -> Result<()> {
    plain(calls::FAULT_DONE, &[dispatcher.0, id]).0.map(|_| ())
}

/// A count of the kernel's.
pub fn count(which: Count) -> Result<u64> {
    plain(calls::COUNT, &[which as u64]).0
}
