//! One CPU's part of the heap.

use core::ptr::NonNull;

use crate::class::{CLASSES, Class};
use crate::slab::Rest;
use crate::stack::{List, Returned};

/// How many blocks of another CPU are collected before they are sent home.
const BATCH: usize = 16;

/// Blocks on their way home.
struct Away {
    home: usize,
    list: List,
}

/// What a CPU has of one class.
struct Shelf {
    free: List,
    rest: Rest,
    away: Away,
}

impl Shelf {
    const EMPTY: Shelf = Shelf {
        free: List::EMPTY,
        rest: Rest::NONE,
        away: Away {
            home: 0,
            list: List::EMPTY,
        },
    };

    /// A block when the free list is empty.
    #[inline(never)]
    fn refill(&mut self, class: Class, inbox: &Inbox) -> Option<NonNull<u8>> {
        self.free = inbox[class.number()].take();
        self.free.pop().or_else(|| self.rest.carve(class))
    }
}

/// The locked part of a front.
pub(crate) struct Front {
    shelves: [Shelf; CLASSES],
    /// Blocks taken and given back through this front, for statistics.
    pub(crate) taken: u64,
    pub(crate) given: u64,
}

// SAFETY: the blocks that the lists point to belong to the front and move with it.
unsafe impl Send for Front {}

/// Where other CPUs return blocks, by class.
pub(crate) type Inbox = [Returned; CLASSES];

impl Front {
    pub(crate) const EMPTY: Front = Front {
        shelves: [const { Shelf::EMPTY }; CLASSES],
        taken: 0,
        given: 0,
    };

    /// A block: from the free list, from what came home, or newly carved.
    #[inline]
    pub(crate) fn take(&mut self, class: Class, inbox: &Inbox) -> Option<NonNull<u8>> {
        let shelf = &mut self.shelves[class.number()];
        let block = match shelf.free.pop() {
            Some(block) => block,
            None => shelf.refill(class, inbox)?,
        };
        self.taken += 1;
        Some(block)
    }

    /// A new slab to carve from, when `take` found nothing. What may be left of the old one is too small for a block,
    /// or another thread was here first: then its blocks go to the free list.
    pub(crate) fn stock(&mut self, class: Class, rest: Rest) {
        let shelf = &mut self.shelves[class.number()];
        while let Some(block) = shelf.rest.carve(class) {
            // SAFETY: freshly carved: free, and in no list.
            unsafe { shelf.free.push(block) };
        }
        shelf.rest = rest;
    }

    /// Takes a block back that belongs to this front.
    ///
    /// # Safety
    /// The block is of this class and home, and nobody uses it any more.
    #[inline]
    pub(crate) unsafe fn give(&mut self, class: Class, block: NonNull<u8>) {
        self.given += 1;
        // SAFETY: promised by the caller.
        unsafe { self.shelves[class.number()].free.push(block) };
    }

    /// Takes a block back that belongs to `home`; sends a batch there if one is complete.
    ///
    /// # Safety
    /// As for [`give`](Self::give), with the other home.
    #[inline(never)]
    pub(crate) unsafe fn give_away<'a>(
        &mut self,
        class: Class,
        block: NonNull<u8>,
        home: usize,
        inbox: impl Fn(usize) -> Option<&'a Inbox>,
    ) {
        self.given += 1;
        let away = &mut self.shelves[class.number()].away;
        if away.home != home || away.list.len() >= BATCH {
            away.send(class, &inbox);
            away.home = home;
        }
        // SAFETY: promised by the caller.
        unsafe { away.list.push(block) };
    }

    /// Sends all batches home, complete or not.
    pub(crate) fn flush<'a>(&mut self, inbox: impl Fn(usize) -> Option<&'a Inbox>) {
        for number in 0..CLASSES {
            let class = Class::from_number(number);
            self.shelves[number].away.send(class, &inbox);
        }
    }
}

impl Away {
    fn send<'a>(&mut self, class: Class, inbox: &impl Fn(usize) -> Option<&'a Inbox>) {
        let list = core::mem::replace(&mut self.list, List::EMPTY);
        if let Some(inbox) = inbox(self.home) {
            inbox[class.number()].push(list);
        }
    }
}
