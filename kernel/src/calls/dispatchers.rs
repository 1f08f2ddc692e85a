//! Calls about dispatchers: making, starting, holding, weighing them.

use core::sync::atomic::Ordering;

use k42_abi::dispatcher::soft_interrupt;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::message::MAX_SLOTS;
use k42_abi::rights::{KernelRights, WEIGHT_MAX, class};
use k42_abi::{CommId, Error};

use super::{find, with};
use crate::dispatcher::{self, Life, Plan};
use crate::process::Process;
use crate::{frames, remote, sched, start};

pub extern "C" fn dispatcher_create(
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

pub extern "C" fn dispatcher_start(
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

pub extern "C" fn change_cpu(
    target: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::empty(), |context| {
        let who = context.who;
        let target = usize::try_from(target).map_err(|_| Error::EINVAL)?;
        if target >= start::cpus()
            || target == context.cpu.index.get()
            || who.slots.get() != who.client_slots.get()
        {
            return Err(Error::EINVAL);
        }
        if who.calls_outstanding() != 0 || who.answers.get() != 0 || who.waits.get() {
            return Err(Error::EBUSY);
        }
        sched::change_cpu(context.cpu, who, target)
    })
}

pub extern "C" fn freeze(id: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::PROCESS, |_| {
        let process = find(id)?;
        hold(process, true);
        Ok(0)
    })
}

pub extern "C" fn thaw(id: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::PROCESS, |_| {
        let process = find(id)?;
        hold(process, false);
        Ok(0)
    })
}

/// Each CPU looks at its dispatchers' own copies.
fn hold(process: &Process, frozen: bool) {
    process.frozen.store(frozen, Ordering::Release);
    process.for_each(|who| {
        who.frozen.store(frozen, Ordering::Release);
        remote::wake(who);
    });
}

pub extern "C" fn statistics(
    id: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
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

pub extern "C" fn set_priority(
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
