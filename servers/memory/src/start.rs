//! From the kernel's words to a working server: the frame table, the allocator, the window.

use crate::frames::{Frame, FrameInfo, Frames, Kind, Need};
use crate::hat::Hat;
use crate::machine::{Core, Machine};
use crate::space::PAGE;
use crate::window::Window;
use alloc::boxed::Box;
use k42_abi::boot::RealRange;
use k42_abi::map::{MapFlags, MapOperation};
use k42_abi::{Error, ProcessId, Result};

/// Builds the machine over `free` memory. The frame table is put at the start of the first range that holds it.
///
/// # Safety
///
/// The ranges belong to the server, lie in the window, and nobody else uses them.
pub unsafe fn bring_up(
    window: Window,
    free: &[RealRange],
    cpus: usize,
    this_cpu: fn() -> usize,
    hat: Box<dyn Hat>,
) -> Result<Machine> {
    let count = usize::try_from(window.bytes() / PAGE).map_err(|_| Error::EINVAL)?;
    let bytes = ((count * size_of::<FrameInfo>()) as u64).next_multiple_of(PAGE);
    let whole = |range: &RealRange| {
        let start = range.start.next_multiple_of(PAGE);
        (start, (range.start + range.bytes) / PAGE * PAGE)
    };
    let room = free
        .iter()
        .map(whole)
        .find(|(start, end)| end.saturating_sub(*start) >= bytes)
        .ok_or(Error::ENOMEM)?
        .0;
    // SAFETY: the range is free by the caller's promise, and what the table takes is not given to the allocator.
    let info = unsafe { window.frame_table(room, count) }.ok_or(Error::ENOMEM)?;
    let frames = Frames::new(info, cpus, this_cpu);
    for (start, end) in free.iter().map(whole) {
        let start = if start == room { start + bytes } else { start };
        // Frame zero stands for "none" in the page trees.
        let first = Frame::at(start.max(PAGE));
        if start < end {
            frames.add(first, Frame::at(end));
        }
    }
    Ok(Box::leak(Box::new(Core::new(hat, window, frames))))
}

/// Makes `bytes` from `address` of the server's own space usable, for its heap. Takes no memory from that heap.
pub fn grow_heap(core: Machine, address: u64, bytes: u64) -> bool {
    let mut done = 0;
    while done < bytes {
        // The largest block that fits and that there is.
        let pages = (bytes - done) / PAGE;
        let largest = pages.max(1).ilog2().min(8);
        let block = (0..=largest).rev().find_map(|order| {
            core.frames
                .allocate_block(Kind::Heap, Need::Heap, order)
                .map(|first| (first, 1 << order))
        });
        let Some((first, pages)) = block else { break };
        let operation = MapOperation {
            address: address + done,
            frame: first.address(),
            flags: (MapFlags::READ | MapFlags::WRITE).bits(),
            pages,
        };
        if core.map(ProcessId::MEMORY, &[operation]).is_err() {
            core.frames.release_row(first, pages as u32);
            break;
        }
        done += pages * PAGE;
    }
    // What was mapped of an area that could not be completed stays: the next attempt for the same addresses replaces
    // it. That is a loss of at most one step, at a time when the server refuses nearly everything anyway.
    done >= bytes
}
