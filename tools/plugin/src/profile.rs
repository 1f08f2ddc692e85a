//! How often each block of instructions runs.
//!
//! Blocks are told apart by address *and* content: servers and programs are linked at the same addresses, and
//! whoever reads the report finds the program that a block belongs to by comparing its instructions. A report is
//!
//! ```text
//! interval NUMBER
//! block ADDRESS RUNS INSTRUCTIONS
//! ```
//!
//! with the instructions as hexadecimal digits in the order in which they lie in memory. A block that an
//! exception leaves in the middle counts as a whole.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// A block and how often it ran. It lives as long as QEMU, which may have translations that point to it.
pub struct Site {
    address: u64,
    code: Vec<u8>,
    runs: AtomicU64,
}

/// All blocks that were seen.
#[derive(Default)]
pub struct Profile {
    sites: Mutex<HashMap<(u64, Vec<u8>), &'static Site>>,
    counting: AtomicBool,
    intervals: AtomicU64,
}

impl Profile {
    /// The record of a block; the same one if it is translated again.
    pub fn site(&self, address: u64, code: Vec<u8>) -> &'static Site {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.entry((address, code.clone())).or_insert_with(|| {
            Box::leak(Box::new(Site {
                address,
                code,
                runs: AtomicU64::new(0),
            }))
        })
    }

    /// Counts one run.
    pub fn ran(&self, site: &Site) {
        if self.counting.load(Relaxed) {
            site.runs.fetch_add(1, Relaxed);
        }
    }

    /// An interval begins.
    pub fn begin(&self) {
        self.counting.store(true, Relaxed);
    }

    /// The interval ends; gives its report, and forgets it. None if there was no interval.
    pub fn end(&self) -> Option<String> {
        if !self.counting.swap(false, Relaxed) {
            return None;
        }
        let number = self.intervals.fetch_add(1, Relaxed);
        let mut text = format!("interval {number}\n");
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        for site in sites.values() {
            let runs = site.runs.swap(0, Relaxed);
            if runs > 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, "block {:#x} {runs} ", site.address);
                for byte in &site.code {
                    let _ = write!(text, "{byte:02x}");
                }
                text.push('\n');
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_within_the_interval() {
        let profile = Profile::default();
        let site = profile.site(0x1000, vec![1, 0xab]);
        profile.ran(site);
        profile.begin();
        profile.ran(site);
        profile.ran(profile.site(0x1000, vec![1, 0xab]));
        assert_eq!(
            profile.end().as_deref(),
            Some("interval 0\nblock 0x1000 2 01ab\n")
        );
        assert_eq!(profile.end(), None);
        profile.begin();
        assert_eq!(profile.end().as_deref(), Some("interval 1\n"));
    }

    #[test]
    fn same_address_other_code() {
        let profile = Profile::default();
        profile.begin();
        profile.ran(profile.site(0x1000, vec![1]));
        profile.ran(profile.site(0x1000, vec![2]));
        assert_eq!(profile.end().unwrap().lines().count(), 3);
    }
}
