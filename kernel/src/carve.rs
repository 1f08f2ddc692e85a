//! Free memory at boot: ranges from which stretches are cut before the rest goes to the memory server.

use k42_abi::boot::{MAX_RANGES, RealRange};
use k42_abi::{Error, Result};

/// Free ranges of real memory.
pub struct Carver {
    ranges: [(u64, u64); MAX_RANGES],
    count: usize,
}

impl Carver {
    /// The ranges given, as start and end. Those beyond what fits are not used.
    pub fn new(ranges: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut new = Self {
            ranges: [(0, 0); MAX_RANGES],
            count: 0,
        };
        for (start, end) in ranges {
            new.add(start, end);
        }
        new
    }

    fn add(&mut self, start: u64, end: u64) {
        if start < end && self.count < MAX_RANGES {
            self.ranges[self.count] = (start, end);
            self.count += 1;
        }
    }

    /// Cuts `bytes` off the lowest place where it fits.
    pub fn take(&mut self, bytes: u64, align: u64) -> Result<u64> {
        for index in 0..self.count {
            let (start, end) = self.ranges[index];
            let at = start.next_multiple_of(align);
            if at + bytes <= end {
                self.ranges[index] = (at + bytes, end);
                self.add(start, at);
                return Ok(at);
            }
        }
        Err(Error::ENOMEM)
    }

    /// Cuts `bytes` off the highest place where it fits.
    pub fn take_last(&mut self, bytes: u64, align: u64) -> Result<u64> {
        for index in (0..self.count).rev() {
            let (start, end) = self.ranges[index];
            let Some(at) = end
                .checked_sub(bytes)
                .map(|at| at & !(align - 1))
                .filter(|at| *at >= start)
            else {
                continue;
            };
            self.ranges[index] = (start, at);
            self.add(at + bytes, end);
            return Ok(at);
        }
        Err(Error::ENOMEM)
    }

    /// What is left.
    pub fn ranges(&self) -> impl Iterator<Item = RealRange> + '_ {
        self.ranges[..self.count]
            .iter()
            .filter(|(start, end)| start < end)
            .map(|&(start, end)| RealRange {
                start,
                bytes: end - start,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{Carver, Error, RealRange};

    #[test]
    fn cuts_and_keeps_the_rest() {
        let mut carver = Carver::new([(0x1000, 0x9000), (0x10000, 0x20000)].into_iter());
        assert_eq!(carver.take(0x1000, 0x4000), Ok(0x4000));
        assert_eq!(carver.take_last(0x8000, 0x8000), Ok(0x18000));
        assert_eq!(carver.take(0x20000, 0x1000), Err(Error::ENOMEM));
        let left: u64 = carver.ranges().map(|range: RealRange| range.bytes).sum();
        assert_eq!(left, 0x18000 - 0x9000);
    }
}
