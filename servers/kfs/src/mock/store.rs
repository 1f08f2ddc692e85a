//! The memory server for the tests: objects in the host's memory. It checks that KFS keeps to the contract: populates
//! within the object's length, unmaps what it mapped, touches only what is there.

use crate::ports::PageStore;
use crate::window::Span;
use k42_ipc::{Error, Handle, ProcessId, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: u64 = 4096;

#[derive(Default)]
struct Object {
    size: u64,
    /// As last said when a handle was made.
    name: Vec<u8>,
    pages: BTreeSet<u64>,
    /// Chunks of the size of a window, as leaked host memory.
    chunks: BTreeMap<u64, usize>,
    mapped: usize,
}

#[derive(Default)]
struct Store {
    objects: BTreeMap<u64, Object>,
    next: u64,
    /// Window address to object.
    windows: HashMap<usize, u64>,
}

/// The memory server.
#[derive(Default)]
pub struct MockStore {
    store: Mutex<Store>,
    /// Frames that are left.
    pub frames: AtomicU64,
    /// Calls made.
    pub calls: AtomicU64,
}

impl Object {
    /// The host memory that stands for the window at `start`, and the window's place.
    fn chunk(&mut self, offset: u64) -> (usize, Span) {
        let span = Span::at(offset);
        let make = || {
            vec![0u8; span.bytes as usize]
                .leak()
                .as_mut_ptr()
                .expose_provenance()
        };
        (*self.chunks.entry(span.start).or_insert_with(make), span)
    }

    fn zero(&mut self, start: u64, end: u64) {
        for (place, address) in &self.chunks {
            let piece = Span::at(*place).cut(&(start..end));
            let pointer =
                std::ptr::with_exposed_provenance_mut::<u8>(*address + piece.start as usize);
            // SAFETY: within the leaked chunk.
            unsafe { pointer.write_bytes(0, (piece.end - piece.start) as usize) };
        }
    }
}

impl MockStore {
    fn with<T>(&self, object: Handle, f: impl FnOnce(&mut Object) -> T) -> T {
        self.calls.fetch_add(1, Ordering::Relaxed);
        f(self
            .store
            .lock()
            .unwrap()
            .objects
            .get_mut(&object.0)
            .expect("an object that exists"))
    }

    /// The name that was said last.
    pub fn name(&self, object: Handle) -> Vec<u8> {
        self.with(object, |o| o.name.clone())
    }

    fn drop_pages(&self, o: &mut Object, from: u64, to: u64) {
        let gone: Vec<u64> = o.pages.range(from..to).copied().collect();
        self.frames.fetch_add(gone.len() as u64, Ordering::Relaxed);
        gone.iter().for_each(|page| {
            o.pages.remove(page);
        });
        o.zero(from * PAGE, to.saturating_mul(PAGE));
    }

    /// A client stores through its own mapping: the page appears, whatever KFS knows.
    pub fn client_store(&self, object: Handle, offset: u64, bytes: &[u8]) {
        self.with(object, |o| {
            assert!(
                offset < o.size.next_multiple_of(PAGE),
                "stores beyond the end fault"
            );
            if o.pages.insert(offset / PAGE) {
                self.frames.fetch_sub(1, Ordering::Relaxed);
            }
            let (address, span) = o.chunk(offset);
            let address = address + (offset - span.start) as usize;
            // SAFETY: within the leaked chunk.
            unsafe {
                std::ptr::with_exposed_provenance_mut::<u8>(address)
                    .copy_from(bytes.as_ptr(), bytes.len())
            };
        });
    }

    /// A word as a client sees it that has the object mapped.
    pub fn client_load(&self, object: Handle, offset: u64) -> u64 {
        self.with(object, |o| {
            let (address, span) = o.chunk(offset);
            let address = address + (offset - span.start) as usize;
            // SAFETY: within the leaked chunk.
            unsafe { std::ptr::with_exposed_provenance::<u64>(address).read() }
        })
    }

    /// Objects that exist.
    pub fn objects(&self) -> usize {
        self.store.lock().unwrap().objects.len()
    }
}

impl PageStore for &'static MockStore {
    fn create(&self, bytes: u64, _: &[u8]) -> Result<Handle> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut store = self.store.lock().unwrap();
        store.next += 1;
        let id = store.next;
        store.objects.insert(
            id,
            Object {
                size: bytes,
                ..Object::default()
            },
        );
        Ok(Handle(id))
    }
    fn map(&self, object: Handle, offset: u64, bytes: u64) -> Result<usize> {
        let address = self.with(object, |o| {
            o.mapped += 1;
            let (address, span) = o.chunk(offset);
            assert_eq!((offset, bytes), (span.start, span.bytes));
            address
        });
        self.store.lock().unwrap().windows.insert(address, object.0);
        Ok(address)
    }
    fn unmap(&self, address: usize, _: u64) {
        let object = self
            .store
            .lock()
            .unwrap()
            .windows
            .remove(&address)
            .expect("a mapped window");
        self.with(Handle(object), |o| o.mapped -= 1);
    }
    fn resize(&self, object: Handle, bytes: u64) -> Result<()> {
        self.with(object, |o| {
            o.size = bytes;
            self.drop_pages(o, bytes.div_ceil(PAGE), u64::MAX / PAGE);
            o.zero(bytes, bytes.next_multiple_of(PAGE));
        });
        Ok(())
    }
    fn populate(&self, object: Handle, offset: u64, bytes: u64) -> Result<()> {
        assert_eq!((offset % PAGE, bytes % PAGE), (0, 0));
        self.with(object, |o| {
            assert!(
                offset + bytes <= o.size.next_multiple_of(PAGE),
                "populate lies within the object"
            );
            let missing = (offset / PAGE..(offset + bytes) / PAGE)
                .filter(|page| !o.pages.contains(page))
                .count() as u64;
            let take = |free: u64| free.checked_sub(missing);
            self.frames
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .map_err(|_| Error::ENOSPC)?;
            o.pages.extend(offset / PAGE..(offset + bytes) / PAGE);
            Ok(())
        })
    }
    fn punch(&self, object: Handle, offset: u64, bytes: u64) -> Result<()> {
        self.with(object, |o| {
            self.drop_pages(o, offset.div_ceil(PAGE), (offset + bytes) / PAGE)
        });
        Ok(())
    }
    fn grant(&self, object: Handle, _: ProcessId, _: u32, name: &[u8]) -> Result<Handle> {
        self.with(object, |o| {
            if !name.is_empty() {
                o.name = name.to_vec();
            }
        });
        Ok(object)
    }
    fn frames(&self, object: Handle) -> Result<u64> {
        Ok(self.with(object, |o| o.pages.len() as u64))
    }
    fn release(&self, object: Handle) {
        self.with(object, |o| {
            assert_eq!(o.mapped, 0, "windows are unmapped before the object goes");
            self.drop_pages(o, 0, u64::MAX / PAGE);
        });
        let mut store = self.store.lock().unwrap();
        let object = store.objects.remove(&object.0);
        for (start, address) in object.into_iter().flat_map(|o| o.chunks) {
            let bytes = std::ptr::slice_from_raw_parts_mut(
                std::ptr::with_exposed_provenance_mut(address),
                Span::at(start).bytes as usize,
            );
            // SAFETY: leaked by `chunk`, and no window on it is left.
            drop(unsafe { Box::<[u8]>::from_raw(bytes) });
        }
    }
}
