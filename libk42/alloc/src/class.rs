//! Sizes: every small request is rounded up to one of 28.
//!
//! Up to 128 bytes there is a class every 16 bytes, then four for each doubling, so at most a fifth of a block is
//! wasted.

use core::alloc::Layout;

/// The largest small block.
pub(crate) const LARGEST: usize = 4096;
/// How many classes there are.
pub(crate) const CLASSES: usize = 28;

/// Classes that are multiples of 16, and the size from which there are four per doubling.
const STEP: usize = 16;
const FINE: usize = 128;

/// A size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(usize);

impl Class {
    /// The class for a layout, or `None` if the block is large.
    #[inline]
    pub(crate) fn of(layout: Layout) -> Option<Class> {
        // A block is aligned to the largest power of two in its class's size; for more than the usual alignment take
        // a power of two.
        let size = match layout.align() {
            ..=STEP => layout.size().max(1),
            align => layout.size().max(align).checked_next_power_of_two()?,
        };
        if size <= FINE {
            return Some(Class((size - 1) / STEP));
        }
        if size > LARGEST {
            return None;
        }
        // 129..=256 is the first doubling; its four steps are a fourth of 128 each.
        let doubling = ((size - 1) / FINE).ilog2();
        let step = FINE << doubling >> 2;
        let place = (size - 1 - (FINE << doubling)) / step;
        Some(Class(FINE / STEP + doubling as usize * 4 + place))
    }

    /// The class with a number below [`CLASSES`].
    pub(crate) fn from_number(number: usize) -> Class {
        Class(number)
    }

    /// The class's number.
    #[inline]
    pub(crate) fn number(self) -> usize {
        self.0
    }

    /// Bytes of its blocks.
    #[inline]
    pub(crate) fn size(self) -> usize {
        let fine = FINE / STEP;
        if self.0 < fine {
            (self.0 + 1) * STEP
        } else {
            let (doubling, place) = ((self.0 - fine) / 4, (self.0 - fine) % 4);
            (FINE << doubling) + (place + 1) * (FINE << doubling >> 2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(size: usize, align: usize) -> Option<Class> {
        Class::of(Layout::from_size_align(size, align).unwrap())
    }

    #[test]
    fn every_size_fits_its_class_and_not_the_one_below() {
        let sizes: Vec<usize> = (0..CLASSES).map(|n| Class(n).size()).collect();
        assert!(sizes.is_sorted() && sizes[CLASSES - 1] == LARGEST);
        for size in 1..=LARGEST {
            let found = class(size, 1).unwrap();
            assert!(found.size() >= size && found.size().is_multiple_of(STEP));
            assert!(found.number() == 0 || sizes[found.number() - 1] < size);
        }
        assert_eq!(class(LARGEST + 1, 1), None);
        assert_eq!(class(0, 1), Some(Class(0)));
    }

    #[test]
    fn alignment_is_a_divisor_of_the_size() {
        for shift in 0..=12 {
            for size in [1, 17, 100, 1000, 4096] {
                assert_eq!(
                    class(size, 1 << shift).unwrap().size() % (1 << shift).min(LARGEST),
                    0
                );
            }
        }
        assert_eq!(class(1, 8192), None);
    }
}
