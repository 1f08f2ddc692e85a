//! A dispatcher's timers: a pairing heap over the threads that wait for a time.
//!
//! The heap is linked through the threads, so waiting needs no memory; adding costs a few
//! instructions, removing a logarithm on average. Used disabled, by the owner.

use crate::thread::Thread;
use core::ptr::null_mut;

/// A thread's place in the heap.
#[repr(C)]
pub(crate) struct TimerNode {
    pub(crate) deadline: u64,
    pub(crate) active: bool,
    child: *mut Thread,
    /// Next sibling.
    next: *mut Thread,
    /// Previous sibling, or the parent for a first child.
    before: *mut Thread,
}

impl TimerNode {
    pub(crate) const fn new() -> Self {
        Self {
            deadline: 0,
            active: false,
            child: null_mut(),
            next: null_mut(),
            before: null_mut(),
        }
    }
}

/// Threads by deadline.
pub(crate) struct Timers {
    root: *mut Thread,
}

/// The timer node of a thread.
///
/// # Safety
/// The thread lives and belongs to the caller's heap.
unsafe fn node<'a>(thread: *mut Thread) -> &'a mut TimerNode {
    // SAFETY: the caller's promise.
    unsafe { &mut (*thread).timer }
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self { root: null_mut() }
    }

    /// The earliest deadline, `u64::MAX` if there is none.
    pub(crate) fn earliest(&self) -> u64 {
        if self.root.is_null() {
            return u64::MAX;
        }
        // SAFETY: the root is in this heap.
        unsafe { node(self.root).deadline }
    }

    /// Adds `thread`.
    ///
    /// # Safety
    /// It lives until it is removed, and is in no heap.
    pub(crate) unsafe fn insert(&mut self, thread: *mut Thread, deadline: u64) {
        // SAFETY: the caller's promise.
        unsafe {
            *node(thread) = TimerNode {
                deadline,
                active: true,
                ..TimerNode::new()
            };
            self.root = merge(self.root, thread);
        }
    }

    /// Removes `thread`, if it is in the heap.
    ///
    /// # Safety
    /// It is in this heap or in none.
    pub(crate) unsafe fn remove(&mut self, thread: *mut Thread) {
        // SAFETY: `thread` is in this heap (it is active), and so are all that it is linked to.
        unsafe {
            let this = node(thread);
            if !this.active {
                return;
            }
            let below = merge_pairs(this.child);
            if thread == self.root {
                self.root = below;
            } else {
                let before = node(this.before);
                if before.child == thread {
                    before.child = this.next;
                } else {
                    before.next = this.next;
                }
                if !this.next.is_null() {
                    node(this.next).before = this.before;
                }
                self.root = merge(self.root, below);
            }
            *this = TimerNode::new();
        }
    }

    /// Takes a thread whose deadline is not after `now`.
    pub(crate) fn expire(&mut self, now: u64) -> Option<*mut Thread> {
        if self.earliest() > now || self.root.is_null() {
            return None;
        }
        let thread = self.root;
        // SAFETY: the root is in this heap.
        unsafe { self.remove(thread) };
        Some(thread)
    }
}

/// Joins two heaps; the root of the result.
///
/// # Safety
/// Both are null or roots of heaps without siblings.
unsafe fn merge(a: *mut Thread, b: *mut Thread) -> *mut Thread {
    if a.is_null() {
        return b;
    }
    if b.is_null() {
        return a;
    }
    // SAFETY: both live, by the caller's promise.
    unsafe {
        let (top, below) = if node(b).deadline < node(a).deadline {
            (b, a)
        } else {
            (a, b)
        };
        let child = node(top).child;
        node(below).next = child;
        node(below).before = top;
        if !child.is_null() {
            node(child).before = below;
        }
        node(top).child = below;
        node(top).next = null_mut();
        node(top).before = null_mut();
        top
    }
}

/// Joins a row of siblings to one heap: in pairs from the left, then all from the right, without recursion.
///
/// # Safety
/// `first` is null or the first of a row of siblings.
unsafe fn merge_pairs(first: *mut Thread) -> *mut Thread {
    // SAFETY: all siblings live, by the caller's promise; each is cut off before it is merged.
    unsafe {
        let mut pairs = null_mut();
        let mut at = first;
        while !at.is_null() {
            let a = at;
            let b = node(a).next;
            at = if b.is_null() {
                null_mut()
            } else {
                node(b).next
            };
            cut(a);
            if !b.is_null() {
                cut(b);
            }
            let pair = merge(a, b);
            node(pair).next = pairs;
            pairs = pair;
        }
        let mut root = null_mut();
        while !pairs.is_null() {
            let next = node(pairs).next;
            cut(pairs);
            root = merge(root, pairs);
            pairs = next;
        }
        root
    }
}

/// # Safety
/// `thread` lives.
unsafe fn cut(thread: *mut Thread) {
    // SAFETY: the caller's promise.
    unsafe {
        node(thread).next = null_mut();
        node(thread).before = null_mut();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Timers;
    use crate::thread::Thread;
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u16),
        Remove(usize),
        Expire(u16),
    }

    proptest! {
        /// The heap does what a sorted list does.
        #[test]
        fn like_a_sorted_list(ops in proptest::collection::vec(prop_oneof![
            any::<u16>().prop_map(Op::Insert), any::<usize>().prop_map(Op::Remove),
            any::<u16>().prop_map(Op::Expire)], 0..100)) {
            let mut timers = Timers::new();
            let mut model: Vec<(u64, *mut Thread)> = Vec::new();
            let mut all = Vec::new();
            for op in ops {
                match op {
                    Op::Insert(at) => {
                        let thread = Box::into_raw(Box::new(Thread::new()));
                        all.push(thread);
                        // SAFETY: fresh; freed after the test.
                        unsafe { timers.insert(thread, u64::from(at)) };
                        model.push((u64::from(at), thread));
                    }
                    Op::Remove(n) if !all.is_empty() => {
                        let thread = all[n % all.len()];
                        // SAFETY: in this heap or in none.
                        unsafe { timers.remove(thread) };
                        model.retain(|(_, t)| *t != thread);
                    }
                    Op::Remove(_) => {}
                    Op::Expire(now) => {
                        let now = u64::from(now);
                        let due = model.iter().map(|(at, _)| *at).min().filter(|at| *at <= now);
                        match timers.expire(now) {
                            Some(thread) => {
                                let i = model.iter().position(|(_, t)| *t == thread).expect("is in the model");
                                assert_eq!(Some(model.swap_remove(i).0), due);
                            }
                            None => assert_eq!(due, None),
                        }
                    }
                }
                assert_eq!(timers.earliest(), model.iter().map(|(at, _)| *at).min().unwrap_or(u64::MAX));
            }
            for thread in all {
                // SAFETY: made above by Box.
                drop(unsafe { Box::from_raw(thread) });
            }
        }
    }
}
