//! A queue of threads, linked through the threads themselves. Belongs to one dispatcher, used disabled.

use crate::thread::Thread;
use core::ptr::null_mut;

/// First in, first out; also a stack.
pub(crate) struct Queue {
    head: *mut Thread,
    tail: *mut Thread,
    #[cfg(test)]
    length: usize,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self {
            head: null_mut(),
            tail: null_mut(),
            #[cfg(test)]
            length: 0,
        }
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }
    #[cfg(test)]
    fn len(&self) -> usize {
        self.length
    }

    /// Adds `thread` at the end.
    ///
    /// # Safety
    /// The thread lives as long as the queue and is in no other queue; so for `push_front`.
    pub(crate) unsafe fn push(&mut self, thread: *mut Thread) {
        // SAFETY: the thread is ours by the caller's promise, the tail because it is in this queue.
        unsafe {
            (*thread).next = null_mut();
            if self.tail.is_null() {
                self.head = thread;
            } else {
                (*self.tail).next = thread;
            }
        }
        self.tail = thread;
        #[cfg(test)]
        {
            self.length += 1;
        }
    }

    /// Adds `thread` before all others.
    ///
    /// # Safety
    /// As for `push`.
    pub(crate) unsafe fn push_front(&mut self, thread: *mut Thread) {
        // SAFETY: as in `push`.
        unsafe { (*thread).next = self.head };
        self.head = thread;
        if self.tail.is_null() {
            self.tail = thread;
        }
        #[cfg(test)]
        {
            self.length += 1;
        }
    }

    /// Takes the first one.
    pub(crate) fn pop(&mut self) -> Option<*mut Thread> {
        let thread = self.head;
        if thread.is_null() {
            return None;
        }
        // SAFETY: what is in the queue is ours.
        self.head = unsafe { core::mem::replace(&mut (*thread).next, null_mut()) };
        if self.head.is_null() {
            self.tail = null_mut();
        }
        #[cfg(test)]
        {
            self.length -= 1;
        }
        Some(thread)
    }

    /// Takes the first one for which `fits` holds.
    pub(crate) fn pop_where(
        &mut self,
        mut fits: impl FnMut(&Thread) -> bool,
    ) -> Option<*mut Thread> {
        let mut before: *mut Thread = null_mut();
        let mut at = self.head;
        while !at.is_null() {
            // SAFETY: what is in the queue is ours.
            let next = unsafe { (*at).next };
            // SAFETY: as above.
            if fits(unsafe { &*at }) {
                if before.is_null() {
                    self.head = next;
                } else {
                    // SAFETY: as above.
                    unsafe { (*before).next = next };
                }
                if self.tail == at {
                    self.tail = before;
                }
                // SAFETY: as above.
                unsafe { (*at).next = null_mut() };
                #[cfg(test)]
                {
                    self.length -= 1;
                }
                return Some(at);
            }
            before = at;
            at = next;
        }
        None
    }
}

impl Queue {
    /// Whether `holds` is true for one that is in the queue.
    pub(crate) fn any(&self, mut holds: impl FnMut(&Thread) -> bool) -> bool {
        let mut at = self.head;
        while !at.is_null() {
            // SAFETY: what is in the queue is ours.
            let thread = unsafe { &*at };
            if holds(thread) {
                return true;
            }
            at = thread.next;
        }
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Queue;
    use crate::thread::Thread;
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use std::collections::VecDeque;

    #[derive(Clone, Debug)]
    enum Op {
        Push,
        Front,
        Pop,
        Where(usize),
    }

    proptest! {
        /// The queue does what a VecDeque does.
        #[test]
        fn like_a_deque(ops in proptest::collection::vec(prop_oneof![
            Just(Op::Push), Just(Op::Front), Just(Op::Pop), any::<usize>().prop_map(Op::Where)], 0..60)) {
            let (mut queue, mut model) = (Queue::new(), VecDeque::new());
            let mut all = Vec::new();
            for op in ops {
                match op {
                    Op::Push | Op::Front => {
                        let thread = Box::into_raw(Box::new(Thread::new()));
                        all.push(thread);
                        // SAFETY: fresh, and freed at the end of the test.
                        unsafe {
                            if matches!(op, Op::Push) { queue.push(thread); model.push_back(thread); }
                            else { queue.push_front(thread); model.push_front(thread); }
                        }
                    }
                    Op::Pop => assert_eq!(queue.pop(), model.pop_front()),
                    Op::Where(n) if !model.is_empty() => {
                        let wanted = model[n % model.len()];
                        assert_eq!(queue.pop_where(|t| core::ptr::eq(t, wanted)), Some(wanted));
                        model.retain(|t| *t != wanted);
                    }
                    Op::Where(_) => assert_eq!(queue.pop_where(|_| true), None),
                }
                assert_eq!(queue.len(), model.len());
                assert_eq!(queue.is_empty(), model.is_empty());
            }
            while let Some(thread) = queue.pop() { assert_eq!(Some(thread), model.pop_front()); }
            for thread in all {
                // SAFETY: made above by Box.
                drop(unsafe { Box::from_raw(thread) });
            }
        }
    }
}
