//! The K42 system calls, by number. Each takes r3-r10 and gives r3 back; r4-r7 come from `PerCpu::out`.
//!
//! Arguments are words that a program chose: each function checks what it uses before it changes anything.

use core::sync::atomic::Ordering;

use k42_abi::dispatcher::{RegisterFrame, offset, soft_interrupt};
use k42_abi::info::Count;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::map::{MapFlags, MapOperation};
use k42_abi::message::{MAX_SLOTS, SLOT_SIZE};
use k42_abi::rights::{KernelRights, WEIGHT_MAX, class};
use k42_abi::{CommId, Error, ProcessId, Result};

use crate::arch::{self, radix};
use crate::dispatcher::{self, Dispatcher, Life, Plan};
use crate::frames::{self, Kind};
use crate::percpu::{self, PerCpu};
use crate::process::{self, Process};
use crate::{console, ipc, remote, sched, start, trace};

type Call = extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64) -> i64;

/// All calls, in the order of their numbers.
pub static TABLE: [Call; k42_abi::calls::NAMES.len()] = [
    ipc::call,
    ipc::ret,
    ipc::send,
    yield_cpu,
    resume,
    set_timer,
    log_text,
    random,
    space_create,
    space_destroy,
    map,
    map_batch,
    unmap,
    protect,
    donate,
    reclaim,
    dispatcher_create,
    dispatcher_start,
    freeze,
    thaw,
    statistics,
    set_priority,
    console_put,
    console_get,
    console_bind,
    power_off,
    trace_mask,
    fault_done,
    count,
];

/// The caller of a call, and its CPU.
struct Context {
    cpu: &'static PerCpu,
    who: &'static Dispatcher,
}

fn answer(result: Result<u64>) -> i64 {
    match result {
        Ok(value) => value as i64,
        Err(error) => error.status(),
    }
}

/// Runs `action` for the caller, if it has the rights.
fn with(rights: KernelRights, action: impl FnOnce(&Context) -> Result<u64>) -> i64 {
    let cpu = arch::per_cpu();
    let Some(who) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    if !who.process().rights().contains(rights) {
        return Error::NO_RIGHT.status();
    }
    answer(action(&Context { cpu, who }))
}

fn find(id: u64) -> Result<&'static Process> {
    process::find(ProcessId(id as u32)).ok_or(Error::ESRCH)
}

impl Context {
    fn out(&self, index: usize, value: u64) {
        self.cpu.out[index].set(value);
    }
    /// One of the caller's own message slots, as words.
    fn slot(&self, slot: u64) -> Result<*mut u64> {
        let slot = usize::try_from(slot)
            .ok()
            .filter(|slot| *slot < self.who.client_slots.get())
            .ok_or(Error::EINVAL)?;
        Ok(self.who.slot(slot).cast())
    }
}

extern "C" fn yield_cpu(stay: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    let cpu = arch::per_cpu();
    let Some(who) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    who.in_trap.set(false);
    if who.answers.get() != 0 {
        sched::deliver_answer(cpu, who);
    }
    if stay == 0 && who.soft_interrupts() != 0 {
        sched::enter(cpu, who);
    }
    who.set_disabled(false);
    if who.waiters.get().is_some() {
        sched::wake_waiters(cpu, who);
    }
    if stay != 0 {
        who.page().has_work.store(1, Ordering::Relaxed);
    }
    sched::leave(cpu);
    sched::dispatch(cpu)
}

extern "C" fn resume(
    at: u64,
    disabled: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    let cpu = arch::per_cpu();
    let Some(who) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    let last = (PAGE_SIZE - size_of::<RegisterFrame>()) as u64;
    if at > last || !at.is_multiple_of(8) {
        return Error::EINVAL.status();
    }
    who.in_trap.set(false);
    if disabled == 0 {
        if who.soft_interrupts() != 0 {
            return Error::EAGAIN.status();
        }
        who.set_disabled(false);
        if who.waiters.get().is_some() {
            sched::wake_waiters(cpu, who);
        }
    }
    // SAFETY: inside the page, aligned; one copy of what user level may be writing. The MSR in it is only a wish.
    let frame = unsafe {
        who.page_pointer()
            .byte_add(at as usize)
            .cast::<RegisterFrame>()
            .read_volatile()
    };
    who.frame.set(frame);
    sched::resume(cpu, who)
}

extern "C" fn set_timer(
    deadline: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::empty(), |context| {
        sched::set_timer(context.cpu, context.who, deadline);
        Ok(0)
    })
}

extern "C" fn log_text(length: u64, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> i64 {
    with(KernelRights::empty(), |context| {
        let mut bytes = [0u8; 56];
        for (place, word) in bytes.chunks_exact_mut(8).zip([a, b, c, d, e, f, g]) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        let text = bytes.get(..length as usize).ok_or(Error::EINVAL)?;
        context.who.log(text, |line| {
            console::log_line(context.who.comm_id().process(), line)
        });
        Ok(0)
    })
}

extern "C" fn random(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::empty(), |context| {
        let word = k42_boot::papr::hcall::random().map_err(|_| Error::ENODEV)?;
        context.out(0, word);
        Ok(0)
    })
}

extern "C" fn space_create(
    root: u64,
    rights: u64,
    wanted: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |context| {
        let rights = KernelRights::from_bits(rights).ok_or(Error::EINVAL)?;
        if !context.who.process().rights().contains(rights) {
            return Err(Error::NO_RIGHT);
        }
        if !root.is_multiple_of(radix::ROOT_BYTES)
            || !frames::is_server(root, radix::ROOT_BYTES / PAGE_SIZE as u64)
        {
            return Err(Error::EPERM);
        }
        let process = process::create(root, rights, wanted as usize)?;
        frames::declare(root, radix::ROOT_BYTES, Kind::Table);
        Ok(u64::from(process.id().0))
    })
}

extern "C" fn space_destroy(
    id: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |context| {
        let process = find(id)?;
        if core::ptr::eq(process, context.who.process()) {
            return Err(Error::EINVAL);
        }
        remote::end_everywhere(context.cpu, process);
        let mut next = process.take_dispatchers();
        while let Some(who) = next {
            next = who.sibling.get();
            who.release();
        }
        let root = process::remove(process);
        frames::declare(root, radix::ROOT_BYTES, Kind::Server);
        Ok(u64::from(process::ENDED.lock().len()))
    })
}

extern "C" fn map(
    id: u64,
    address: u64,
    frame: u64,
    flags: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |context| {
        let flags = MapFlags::from_bits(flags).ok_or(Error::EINVAL)?;
        find(id)?
            .space
            .map(address, frame, flags)
            .map_err(|(error, missing)| {
                context.out(0, missing);
                error
            })?;
        Ok(0)
    })
}

extern "C" fn map_batch(
    id: u64,
    slot: u64,
    operations: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |context| {
        let process = find(id)?;
        if operations as usize > SLOT_SIZE / size_of::<MapOperation>() {
            return Err(Error::E2BIG);
        }
        let list = context.slot(slot)?.cast::<MapOperation>();
        for done in 0..operations {
            // SAFETY: inside the caller's slot, as checked; one copy.
            let operation = unsafe { list.add(done as usize).read_volatile() };
            if let Err((error, missing)) = map_run(process, &operation) {
                context.out(0, error.status() as u64);
                context.out(1, missing);
                return Ok(done);
            }
        }
        context.out(0, 0);
        Ok(operations)
    })
}

fn map_run(process: &Process, operation: &MapOperation) -> core::result::Result<(), (Error, u64)> {
    let flags = MapFlags::from_bits(operation.flags).ok_or((Error::EINVAL, 0))?;
    // No more at a time than keeps this CPU's interrupts off for a short while.
    if operation.pages > k42_abi::map::MAX_RUN {
        return Err((Error::E2BIG, 0));
    }
    process
        .space
        .map_run(operation.address, operation.frame, operation.pages, flags)
}

extern "C" fn unmap(
    id: u64,
    start: u64,
    bytes: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |_| {
        find(id)?
            .space
            .unmap(start, start.checked_add(bytes).ok_or(Error::EINVAL)?)?;
        Ok(0)
    })
}

extern "C" fn protect(
    id: u64,
    start: u64,
    bytes: u64,
    flags: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |_| {
        let flags = MapFlags::from_bits(flags).ok_or(Error::EINVAL)?;
        find(id)?
            .space
            .protect(start, start.checked_add(bytes).ok_or(Error::EINVAL)?, flags)?;
        Ok(0)
    })
}

extern "C" fn donate(id: u64, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> i64 {
    with(KernelRights::MEMORY, |_| {
        let process = find(id)?;
        for frame in [a, b, c, d, e, f, g]
            .into_iter()
            .take_while(|frame| *frame != 0)
        {
            process.space.donate(frame)?;
        }
        Ok(0)
    })
}

extern "C" fn reclaim(
    id: u64,
    slot: u64,
    most: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |context| {
        let list = context.slot(slot)?;
        let most = most.min((SLOT_SIZE / 8) as u64);
        let process = if id == 0 { None } else { Some(find(id)?) };
        for count in 0..most {
            let frame = match process {
                Some(process) => process.space.reclaim(),
                None => process::reclaim_ended(),
            };
            let Some(frame) = frame else { return Ok(count) };
            // SAFETY: inside the caller's slot.
            unsafe { list.add(count as usize).write_volatile(frame) };
        }
        Ok(most)
    })
}

extern "C" fn dispatcher_create(
    id: u64,
    number: u64,
    area: u64,
    address: u64,
    slots: u64,
    priority: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |_| {
        let process = find(id)?;
        let plan = Plan {
            vp: number as u32,
            cpu: (number >> 32) as usize,
            area,
            address,
            client_slots: (slots & 0xffff_ffff) as usize,
            server_slots: (slots >> 32) as usize,
            class: priority & 0xffff_ffff,
            weight: priority >> 32,
        };
        let total = plan
            .client_slots
            .checked_add(plan.server_slots)
            .filter(|n| *n <= MAX_SLOTS)
            .ok_or(Error::EINVAL)?;
        let bytes = dispatcher::area_bytes(total);
        let page = PAGE_SIZE as u64;
        if plan.cpu >= start::cpus()
            || plan.vp == CommId::ANY
            || plan.class as usize >= class::COUNT
            || !(1..=WEIGHT_MAX).contains(&plan.weight)
            || !(area | address).is_multiple_of(page)
        {
            return Err(Error::EINVAL);
        }
        if !frames::is_server(area, bytes.div_ceil(page)) {
            return Err(Error::EPERM);
        }
        dispatcher::create(process, &plan)?;
        Ok(0)
    })
}

extern "C" fn dispatcher_start(
    id: u64,
    number: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |context| {
        let who = find(id)?.dispatcher(number as u32).ok_or(Error::ESRCH)?;
        if who.life.get() != Life::Stopped {
            return Err(Error::EBUSY);
        }
        // Nobody else touches a dispatcher that has not been started.
        who.life.set(Life::Alive);
        sched::post(context.cpu, who, soft_interrupt::START);
        Ok(0)
    })
}

extern "C" fn freeze(id: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::PROCESS, |_| {
        let process = find(id)?;
        process.frozen.store(true, Ordering::Release);
        process.for_each(remote::wake);
        Ok(0)
    })
}

extern "C" fn thaw(id: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::PROCESS, |_| {
        let process = find(id)?;
        process.frozen.store(false, Ordering::Release);
        process.for_each(remote::wake);
        Ok(0)
    })
}

extern "C" fn statistics(id: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::empty(), |context| {
        let process = find(id)?;
        let own = core::ptr::eq(process, context.who.process());
        if !own
            && !context
                .who
                .process()
                .rights()
                .intersects(KernelRights::PROCESS | KernelRights::MEMORY)
        {
            return Err(Error::NO_RIGHT);
        }
        let mut sums = [0u64; 3];
        // Counters of dispatchers on other CPUs may be one step behind; they are whole words.
        process.for_each(|who| {
            sums[0] += who.run_ticks.get();
            sums[1] += who.chosen.get();
            sums[2] += who.preempted.get();
        });
        for (index, sum) in sums.into_iter().enumerate() {
            context.out(index, sum);
        }
        context.out(3, process.space.table_frames());
        Ok(0)
    })
}

extern "C" fn set_priority(
    id: u64,
    priority: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::PROCESS, |_| {
        let (wanted, weight) = (priority & 0xffff_ffff, priority >> 32);
        // Only servers belong to the first class.
        if !(1..class::COUNT as u64).contains(&wanted) || !(1..=WEIGHT_MAX).contains(&weight) {
            return Err(Error::EINVAL);
        }
        let process = find(id)?;
        process.for_each(|who| who.wanted_priority.store(priority, Ordering::Relaxed));
        Ok(0)
    })
}

extern "C" fn console_put(
    index: u64,
    length: u64,
    a: u64,
    b: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::CONSOLE, |_| {
        let mut bytes = [0u8; 16];
        bytes[..8].copy_from_slice(&a.to_ne_bytes());
        bytes[8..].copy_from_slice(&b.to_ne_bytes());
        let text = bytes.get(..length as usize).ok_or(Error::EINVAL)?;
        console::put(index as usize, text)
    })
}

extern "C" fn console_get(
    index: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::CONSOLE, |context| {
        let (bytes, length) = console::get(index as usize)?;
        for (place, word) in bytes.chunks_exact(8).enumerate() {
            context.out(
                place,
                u64::from_ne_bytes(word.try_into().map_err(|_| Error::EINVAL)?),
            );
        }
        Ok(length as u64)
    })
}

extern "C" fn console_bind(
    index: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::CONSOLE, |context| {
        console::bind(context.cpu, context.who, index as usize)
    })
}

extern "C" fn power_off(
    status: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::SHUTDOWN, |_| start::power_off(status as u32))
}

extern "C" fn trace_mask(mask: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::TRACE, |_| {
        trace::set_mask(mask);
        Ok(0)
    })
}

extern "C" fn fault_done(
    target: u64,
    id: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::MEMORY, |context| {
        let target = CommId(target);
        let process = process::find(target.process()).ok_or(Error::ESRCH)?;
        let who = process.dispatcher(target.vp()).ok_or(Error::ESRCH)?;
        let bit = 1u64
            .checked_shl(u32::try_from(id).unwrap_or(64))
            .ok_or(Error::EINVAL)?;
        who.page().faults_done.fetch_or(bit, Ordering::AcqRel);
        sched::post(context.cpu, who, soft_interrupt::FAULT_DONE);
        Ok(0)
    })
}

extern "C" fn count(which: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::empty(), |_| {
        let each_cpu =
            |field: fn(&PerCpu) -> u64| (0..start::cpus()).map(|n| field(percpu::block(n))).sum();
        let each_process = |field: &mut dyn FnMut(&'static Process)| {
            (1..process::MAX_PROCESSES)
                .filter_map(process::at)
                .for_each(field);
        };
        let mut sum = 0;
        match which {
            w if w == Count::Processes as u64 => sum = process::count(),
            w if w == Count::Dispatchers as u64 => each_process(&mut |p| p.for_each(|_| sum += 1)),
            w if w == Count::TableFrames as u64 => {
                each_process(&mut |p| sum += p.space.table_frames())
            }
            w if w == Count::Calls as u64 => {
                sum = each_cpu(|c| c.calls_made.load(Ordering::Relaxed))
            }
            w if w == Count::CallsOutstanding as u64 => {
                each_process(&mut |p| p.for_each(|d| sum += d.calls_outstanding()))
            }
            w if w == Count::MessagesDropped as u64 => {
                sum = each_cpu(|c| c.messages_dropped.load(Ordering::Relaxed))
            }
            _ => return Err(Error::EINVAL),
        }
        Ok(sum)
    })
}

const _: () = assert!(offset::RESUME_FRAME + size_of::<RegisterFrame>() <= PAGE_SIZE);
