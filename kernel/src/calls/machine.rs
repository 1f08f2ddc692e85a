//! Calls about the machine: log, consoles, randomness, tracing, counts, power.

use core::sync::atomic::Ordering;

use k42_abi::Error;
use k42_abi::info::Count;
use k42_abi::rights::KernelRights;

use super::with;
use crate::percpu::{self, PerCpu};
use crate::process::{self, Process};
use crate::{console, start, trace};

pub extern "C" fn log_text(
    length: u64,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    f: u64,
    g: u64,
) -> i64 {
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

pub extern "C" fn random(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    with(KernelRights::empty(), |context| {
        let word = match crate::arch::random() {
            Some(word) => word,
            None => k42_boot::papr::hcall::random().map_err(|_| Error::ENODEV)?,
        };
        context.out(0, word);
        Ok(0)
    })
}

pub extern "C" fn console_put(
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

pub extern "C" fn console_get(
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

pub extern "C" fn console_bind(
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

pub extern "C" fn power_off(
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

pub extern "C" fn trace_mask(
    mask: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::TRACE, |_| {
        trace::set_mask(mask);
        Ok(0)
    })
}

pub extern "C" fn count(which: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
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
