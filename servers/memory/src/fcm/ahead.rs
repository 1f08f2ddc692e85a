//! How many pages a fault on fresh private memory brings in.
//!
//! Who touches memory page after page gets as many pages again as it has touched in the row so far: one, one, two, four, and
//! so on up to a large page. Each of these windows ends at a multiple of its size, so that blocks of frames fit, and a
//! window of 2 MiB is one large page. Who touches here and there gets what it touches and is charged for nothing else; at
//! worst a process is charged for twice the pages that it has touched.

use k42_abi::layout::PAGE_SHIFT;
use k42_abi::map::LARGE_PAGE;

/// Pages in the largest window.
const MOST: u64 = LARGE_PAGE >> PAGE_SHIFT;

/// What an FCM remembers of the row of faults.
#[derive(Clone, Copy)]
pub struct Ahead {
    /// The page after those brought in last: a fault there continues the row.
    next: u64,
    /// Pages due then.
    due: u64,
}

impl Ahead {
    /// No row.
    pub const NONE: Self = Self {
        next: u64::MAX,
        due: 1,
    };

    /// End of the pages due at a fault on `index`, which begin there.
    pub fn window(&self, index: u64) -> u64 {
        if index != self.next {
            return index.saturating_add(1);
        }
        // The multiple of `due`, a power of two, that is at most so far away; but at least one page.
        let end = index.saturating_add(self.due) & !(self.due - 1);
        end.max(index.saturating_add(1))
    }

    /// What was brought in at a fault on `index`: so many pages, or (zero) the page alone.
    pub fn brought(&mut self, index: u64, pages: u64) {
        let pages = pages.max(1);
        if index != self.next {
            self.due = 1;
        } else if pages >= self.due {
            self.due = (self.due * 2).min(MOST);
        }
        self.next = index.saturating_add(pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of a walk from `first` on.
    fn walk(first: u64, steps: usize) -> std::vec::Vec<u64> {
        let mut ahead = Ahead::NONE;
        let mut at = first;
        (0..steps)
            .map(|_| {
                let pages = ahead.window(at) - at;
                ahead.brought(at, pages);
                at += pages;
                pages
            })
            .collect()
    }

    #[test]
    fn a_row_of_faults_brings_more_and_more() {
        assert_eq!(
            walk(1 << 20, 12),
            [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512]
        );
    }

    #[test]
    fn windows_end_at_multiples_of_their_size() {
        let mut at = 0x1235;
        for pages in walk(at, 30) {
            at += pages;
            assert!(pages <= 512);
        }
        assert_eq!(at % 512, 0);
        assert_eq!(walk(0x1235, 30)[20..], [512; 10]);
    }

    #[test]
    fn no_more_than_was_touched() {
        let mut touched = 0;
        for pages in walk(77, 11) {
            assert!(pages <= touched.max(1));
            touched += pages;
        }
    }

    #[test]
    fn touching_here_and_there_brings_one() {
        let mut ahead = Ahead::NONE;
        for at in [5, 7, 3, 4, 900, u64::MAX - 1] {
            let pages = ahead.window(at) - at;
            ahead.brought(at, pages);
            assert_eq!(pages, 1, "{at}");
        }
    }
}
