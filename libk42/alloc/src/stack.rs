//! Free blocks: a list that one CPU owns, and a stack onto which other CPUs put batches.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

/// What a free block holds.
#[repr(C)]
pub(crate) struct Block {
    next: *mut Block,
}

/// A list of free blocks of one size.
pub(crate) struct List {
    first: *mut Block,
    /// Only right if the list is not empty.
    last: *mut Block,
    count: usize,
}

impl List {
    pub(crate) const EMPTY: List = List {
        first: ptr::null_mut(),
        last: ptr::null_mut(),
        count: 0,
    };

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// # Safety
    /// The block is free, of at least 16 bytes aligned to 16, and in no list.
    #[inline]
    pub(crate) unsafe fn push(&mut self, block: NonNull<u8>) {
        let block = block.cast::<Block>();
        // SAFETY: the block is ours and large enough.
        unsafe { block.write(Block { next: self.first }) };
        if self.first.is_null() {
            self.last = block.as_ptr();
        }
        self.first = block.as_ptr();
        self.count += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = NonNull::new(self.first)?;
        // SAFETY: a block in the list is free and holds its link.
        self.first = unsafe { block.read() }.next;
        self.count -= 1;
        Some(block.cast())
    }
}

/// Where other CPUs put the blocks that belong to this one. Pushed by many, emptied at once by the owner, so no block
/// can be taken off and put back in between.
pub(crate) struct Returned(AtomicPtr<Block>);

impl Returned {
    pub(crate) const fn new() -> Returned {
        Returned(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts all blocks of a list on the stack.
    pub(crate) fn push(&self, list: List) {
        let Some(last) = NonNull::new(list.last).filter(|_| list.count != 0) else {
            return;
        };
        let mut top = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: the blocks are the list's until the exchange succeeds.
            unsafe { last.write(Block { next: top }) };
            match self.0.compare_exchange_weak(
                top,
                list.first,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> List {
        if self.0.load(Ordering::Relaxed).is_null() {
            return List::EMPTY;
        }
        let mut list = List {
            first: self.0.swap(ptr::null_mut(), Ordering::Acquire),
            ..List::EMPTY
        };
        let mut block = list.first;
        while let Some(this) = NonNull::new(block) {
            list.count += 1;
            list.last = block;
            // SAFETY: what was on the stack is free and ours now.
            block = unsafe { this.read() }.next;
        }
        list
    }
}
