//! What a space tells about itself: usage, residency, the lines of `/proc/PID/maps`.

use super::change::range_of;
use super::{PAGE, Region, Space, Use};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use k42_abi::layout::LIBRARY_BASE;
use k42_abi::{Error, Result};
use k42_api::memory::{MapOptions, SpaceUsage};
use k42_ipc::OutBuf;

impl Space {
    /// What the process uses.
    pub fn usage(&self) -> Result<SpaceUsage> {
        let state = self.enter()?;
        let mut resident = self.private();
        let mut stack = 0;
        let mut text = 0;
        for (&start, region) in &state.regions {
            // Private pages are counted as they come and go; only what is shared with others must be looked at.
            if !region.fcm.is_private() {
                let (first, end) = region.indices(start);
                resident += region.fcm.count(first, end).0;
            }
            if region.options.contains(MapOptions::GROWS_DOWN) {
                stack += region.end - start;
            }
            if region.purpose == Use::File && region.options.contains(MapOptions::EXECUTE) {
                text += region.end - start;
            }
        }
        Ok(SpaceUsage {
            mapped: state.mapped,
            resident: resident * PAGE,
            private: self.private() * PAGE,
            regions: state.regions.len() as u64,
            faults: self.faults.load(Relaxed),
            heap: state.break_now - state.break_start,
            stack,
            text,
            locked: state.locked(),
        })
    }

    /// What costs nothing to know: page faults answered, and the bytes of private frames.
    pub fn used(&self) -> [u64; 2] {
        [self.faults.load(Relaxed), self.private() * PAGE]
    }

    /// How many regions there are, and how many of them have an FCM of their own.
    pub fn regions(&self) -> (u64, u64) {
        let state = self.state.lock();
        let private = state
            .regions
            .values()
            .filter(|region| region.fcm.is_private())
            .count();
        (state.regions.len() as u64, private as u64)
    }

    /// mincore(2).
    pub fn resident(&self, address: u64, bytes: u64, out: &mut OutBuf<'_>) -> Result<()> {
        let (start, end) = range_of(address, bytes)?;
        let state = self.enter()?;
        if !state.covers(start, end) {
            return Err(Error::ENOMEM);
        }
        if ((end - start) / PAGE) as usize > out.room() {
            return Err(Error::ERANGE);
        }
        for (at, region) in state.overlapping(start, end) {
            let (from, to) = (start.max(at), end.min(region.end));
            let mut pages = vec![0u8; ((to - from) / PAGE) as usize];
            region.fcm.resident(region.index_of(at, from), &mut pages);
            out.put(&pages)?;
        }
        Ok(())
    }

    /// Lines for the program's regions from `from` on; returns where to go on, zero at the end.
    pub fn describe(&self, from: u64, out: &mut OutBuf<'_>) -> Result<u64> {
        let state = self.enter()?;
        for (&start, region) in state.regions.range(from..LIBRARY_BASE) {
            let line = line(start, region);
            if out.put(&line).is_err() {
                return if out.filled().is_empty() {
                    Err(Error::ERANGE)
                } else {
                    Ok(start)
                };
            }
        }
        Ok(0)
    }
}

/// The line of one region.
fn line(start: u64, region: &Region) -> Vec<u8> {
    let letter = |option, letter| {
        if region.options.contains(option) {
            letter
        } else {
            '-'
        }
    };
    let access = [
        letter(MapOptions::READ, 'r'),
        letter(MapOptions::WRITE, 'w'),
        letter(MapOptions::EXECUTE, 'x'),
        if region.is_private() { 'p' } else { 's' },
    ];
    let access: String = access.iter().collect();
    let is_file = matches!(region.purpose, Use::File | Use::Segment);
    let offset = if is_file { region.index * PAGE } else { 0 };
    let mut text = format!(
        "{start:08x}-{:08x} {access} {offset:08x} 00:{:02x} 0 ",
        region.end,
        u8::from(is_file)
    );
    let mut label = Vec::new();
    match region.purpose {
        Use::Heap => label.extend_from_slice(b"[heap]"),
        _ if region.options.contains(MapOptions::GROWS_DOWN) => {
            label.extend_from_slice(b"[stack]");
        }
        _ => region.fcm.put_name(&mut label),
    }
    if !label.is_empty() {
        // Linux pads to column 73.
        while text.len() < 73 {
            text.push(' ');
        }
    }
    let mut line = text.into_bytes();
    line.extend_from_slice(&label);
    line.push(b'\n');
    line
}

#[cfg(test)]
impl Space {
    /// Private pages, counted in the trees.
    pub fn count_private(&self) -> u64 {
        let state = self.state.lock();
        state
            .regions
            .iter()
            .map(|(&start, region)| {
                region
                    .fcm
                    .count(region.indices(start).0, region.indices(start).1)
                    .1
            })
            .sum()
    }
}
