//! A heap of entries that know their place in it, so that any of them can be moved or taken out.
//!
//! Run queues (by virtual time) and timers (by deadline) are such heaps. Storage is handed in: the
//! kernel allocates nothing while it runs.

use core::cell::Cell;

/// What an entry must offer: its key, and a place to note its position.
pub trait Entry: Copy {
    /// Smaller keys come out first.
    fn key(&self) -> u64;
    /// Where the entry's position is kept; [`ABSENT`] outside any heap.
    fn position(&self) -> &Cell<u32>;
}

/// Position of an entry that is in no heap.
pub const ABSENT: u32 = u32::MAX;

/// A binary heap over storage of fixed size.
pub struct Heap<'a, T> {
    storage: &'a mut [Option<T>],
    length: usize,
}

impl<'a, T: Entry> Heap<'a, T> {
    /// An empty heap that holds at most `storage.len()` entries.
    pub const fn new(storage: &'a mut [Option<T>]) -> Self {
        Self { storage, length: 0 }
    }

    /// The entry with the smallest key.
    pub fn first(&self) -> Option<T> {
        self.storage.first().copied().flatten()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds `entry`, which is in no heap; false if there is no room.
    pub fn insert(&mut self, entry: T) -> bool {
        let Some(place) = self.storage.get_mut(self.length) else {
            return false;
        };
        *place = Some(entry);
        self.length += 1;
        self.rise(self.length - 1);
        true
    }

    /// Takes the entry with the smallest key out.
    pub fn pop(&mut self) -> Option<T> {
        let first = self.first()?;
        self.remove(first);
        Some(first)
    }

    /// Takes `entry` out; nothing happens if it is in no heap.
    pub fn remove(&mut self, entry: T) {
        let at = entry.position().replace(ABSENT);
        if at == ABSENT {
            return;
        }
        let at = at as usize;
        self.length -= 1;
        let last = self.storage[self.length].take();
        if at < self.length {
            self.storage[at] = last;
            self.sink(at);
            self.rise(at);
        }
    }

    fn at(&self, index: usize) -> T {
        self.storage[index].expect("every place below the length holds an entry")
    }

    fn put(&mut self, index: usize, entry: T) {
        entry.position().set(index as u32);
        self.storage[index] = Some(entry);
    }

    fn rise(&mut self, mut index: usize) {
        let entry = self.at(index);
        while index > 0 {
            let parent = self.at((index - 1) / 2);
            if parent.key() <= entry.key() {
                break;
            }
            self.put(index, parent);
            index = (index - 1) / 2;
        }
        self.put(index, entry);
    }

    fn sink(&mut self, mut index: usize) {
        let entry = self.at(index);
        loop {
            let mut child = 2 * index + 1;
            if child >= self.length {
                break;
            }
            if child + 1 < self.length && self.at(child + 1).key() < self.at(child).key() {
                child += 1;
            }
            if entry.key() <= self.at(child).key() {
                break;
            }
            let up = self.at(child);
            self.put(index, up);
            index = child;
        }
        self.put(index, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::{ABSENT, Cell, Entry, Heap};

    struct Item(u64, Cell<u32>);
    impl Entry for &Item {
        fn key(&self) -> u64 {
            self.0
        }
        fn position(&self) -> &Cell<u32> {
            &self.1
        }
    }

    #[test]
    fn comes_out_in_order_whatever_is_removed() {
        let items: Vec<Item> = (0..200u64)
            .map(|n| Item(n * 7919 % 211, Cell::new(ABSENT)))
            .collect();
        let mut storage = vec![None; 200];
        let mut heap = Heap::new(&mut storage);
        for item in &items {
            assert!(heap.insert(item));
        }
        for item in items.iter().step_by(3) {
            heap.remove(item);
            heap.remove(item);
        }
        let mut expected: Vec<u64> = items
            .iter()
            .enumerate()
            .filter(|(n, _)| n % 3 != 0)
            .map(|(_, i)| i.0)
            .collect();
        expected.sort();
        let mut found = vec![];
        while let Some(item) = heap.pop() {
            found.push(item.0);
        }
        assert_eq!(found, expected);
        assert!(items.iter().all(|i| i.1.get() == ABSENT));
    }

    #[test]
    fn full_heap_refuses() {
        let items = [Item(1, Cell::new(ABSENT)), Item(0, Cell::new(ABSENT))];
        let mut storage = [None; 1];
        let mut heap = Heap::new(&mut storage);
        assert!(heap.insert(&items[0]));
        assert!(!heap.insert(&items[1]));
        assert_eq!(heap.first().map(|i| i.0), Some(1));
    }
}
