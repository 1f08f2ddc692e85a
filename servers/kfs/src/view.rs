//! What clients that transfer a file's data by themselves must know of it: a page of words (see
//! `k42_api::files::view`), which KFS writes and they have mapped for reading. A file gets one when the first client asks.

use crate::ports::PageStore;
use crate::quota::PAGE;
use crate::window::{Span, Window};
use core::sync::atomic::{AtomicBool, Ordering};
use k42_api::memory::MapOptions;
use k42_fslib::sync::Mutex;
use k42_ipc::{Handle, ProcessId, Result};

/// The page.
struct Page {
    object: Handle,
    window: Window,
}

/// A file's view, if it has one.
#[derive(Default)]
pub struct View {
    exists: AtomicBool,
    page: Mutex<Option<Page>>,
}

impl Page {
    fn new(store: &dyn PageStore) -> Result<Self> {
        let object = store.create(PAGE, b"")?;
        let made = Window::new(store, object, Span::at(0)).and_then(|mut window| {
            match store.populate(object, 0, PAGE) {
                Ok(()) => {
                    window.set(0..1);
                    Ok(window)
                }
                Err(error) => {
                    window.unmap(store);
                    Err(error)
                }
            }
        });
        match made {
            Ok(window) => Ok(Self { object, window }),
            Err(error) => {
                store.release(object);
                Err(error)
            }
        }
    }

    fn end(self, store: &dyn PageStore) {
        self.window.unmap(store);
        store.release(self.object);
    }
}

impl View {
    /// Whether anybody looks.
    #[inline]
    pub fn exists(&self) -> bool {
        self.exists.load(Ordering::Acquire)
    }

    /// A handle with which `process` can map the view.
    pub fn lend(&self, store: &dyn PageStore, process: ProcessId) -> Result<Handle> {
        if !self.exists() {
            let new = Page::new(store)?;
            let mut page = self.page.lock();
            let spare = if page.is_none() {
                *page = Some(new);
                None
            } else {
                Some(new)
            };
            drop(page);
            self.exists.store(true, Ordering::Release);
            if let Some(spare) = spare {
                spare.end(store);
            }
        }
        let object = self.page.lock().as_ref().map(|page| page.object);
        store.grant(
            object.ok_or(k42_ipc::Error::EIO)?,
            process,
            MapOptions::READ.bits(),
            b"",
        )
    }

    /// Stores what `word` gives, which is asked under the lock: of two changes the later one stays.
    pub fn show(&self, index: usize, word: impl FnOnce() -> u64) {
        if !self.exists() {
            return;
        }
        if let Some(page) = &*self.page.lock() {
            page.window.store_word(index, word());
        }
    }

    /// Gives the page up.
    pub fn end(&mut self, store: &dyn PageStore) {
        if let Some(page) = self.page.get_mut().take() {
            page.end(store);
        }
    }
}
