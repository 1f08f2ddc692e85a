//! Calls of the memory server: address spaces, translations, table frames.

use k42_abi::dispatcher::soft_interrupt;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::map::{MapFlags, MapOperation};
use k42_abi::message::SLOT_SIZE;
use k42_abi::rights::KernelRights;
use k42_abi::{CommId, Error};

use core::sync::atomic::Ordering;

use super::{find, with};
use crate::arch::radix;
use crate::frames::{self, Kind};
use crate::process;
use crate::{remote, sched};

pub extern "C" fn space_create(
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

pub extern "C" fn space_destroy(
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

pub extern "C" fn map(
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

pub extern "C" fn map_batch(
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
        let mut index = 0;
        let (done, result) = process.space.map_each(|| {
            (index < operations).then(|| {
                // SAFETY: inside the caller's slot, as checked; one copy.
                let operation = unsafe { list.add(index as usize).read_volatile() };
                index += 1;
                operation
            })
        });
        let (status, missing) = match result {
            Ok(()) => (0, 0),
            Err((error, missing)) => (error.status() as u64, missing),
        };
        context.out(0, status);
        context.out(1, missing);
        Ok(done)
    })
}

pub extern "C" fn unmap(
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

pub extern "C" fn protect(
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

pub extern "C" fn donate(id: u64, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> i64 {
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

pub extern "C" fn reclaim(
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

pub extern "C" fn fault_done(
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
        let bit = 1u64
            .checked_shl(u32::try_from(id).unwrap_or(64))
            .ok_or(Error::EINVAL)?;
        process::with_dispatcher(target, |who| {
            who.page().faults_done.fetch_or(bit, Ordering::AcqRel);
            sched::post(context.cpu, who, soft_interrupt::FAULT_DONE);
        })?;
        Ok(0)
    })
}
