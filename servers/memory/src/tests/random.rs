//! Random histories against a model of plain byte maps.

use super::machine::{PAGE, Rig, Rng};
use k42_abi::{Error, ProcessId};
use k42_api::memory::{MapOptions, Memory};
use std::collections::BTreeMap;
use std::vec::Vec;

const RW: MapOptions = MapOptions::READ.union(MapOptions::WRITE);
const BASE: u64 = 0x4000_0000;
const PAGES: u64 = 160;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Content {
    Private(u64),
    Shared(usize),
}

#[derive(Clone, Copy, Debug)]
struct Page {
    content: Content,
    access: MapOptions,
}

struct Process {
    id: ProcessId,
    pages: BTreeMap<u64, Page>,
}

struct World {
    rig: Rig,
    rng: Rng,
    processes: Vec<Process>,
    /// Contents of shared pages.
    shared: Vec<u64>,
}

impl World {
    fn range(&mut self) -> (u64, u64) {
        let first = self.rng.below(PAGES);
        let most = if self.rng.below(4) == 0 {
            PAGES - first
        } else {
            (PAGES - first).min(8)
        };
        let pages = 1 + self.rng.below(most);
        (first, pages)
    }

    fn step(&mut self) {
        let at = self.rng.below(self.processes.len() as u64) as usize;
        let (first, pages) = self.range();
        let id = self.processes[at].id;
        let caller = Rig::caller(id);
        let (address, bytes) = (BASE + first * PAGE, pages * PAGE);
        match self.rng.below(40) {
            0..=2 => {
                self.rig
                    .map(id, address, pages, RW | MapOptions::FIXED)
                    .unwrap();
                for i in first..first + pages {
                    self.processes[at].pages.insert(
                        i,
                        Page {
                            content: Content::Private(0),
                            access: RW,
                        },
                    );
                }
            }
            3 => {
                self.rig
                    .map(
                        id,
                        address,
                        pages,
                        RW | MapOptions::FIXED | MapOptions::SHARED,
                    )
                    .unwrap();
                for i in first..first + pages {
                    self.shared.push(0);
                    let content = Content::Shared(self.shared.len() - 1);
                    self.processes[at].pages.insert(
                        i,
                        Page {
                            content,
                            access: RW,
                        },
                    );
                }
            }
            4..=5 => {
                self.rig.server.unmap(&caller, address, bytes).unwrap();
                self.processes[at]
                    .pages
                    .retain(|&i, _| i < first || i >= first + pages);
            }
            6..=8 => {
                let access =
                    [MapOptions::empty(), MapOptions::READ, RW, RW][self.rng.below(4) as usize];
                let all = (first..first + pages).all(|i| self.processes[at].pages.contains_key(&i));
                let result = self
                    .rig
                    .server
                    .protect(&caller, address, bytes, access.bits());
                assert_eq!(result, if all { Ok(()) } else { Err(Error::ENOMEM) });
                if all {
                    for i in first..first + pages {
                        self.processes[at].pages.get_mut(&i).unwrap().access = access;
                    }
                }
            }
            9 => {
                let _ = self.rig.server.advise(&caller, address, bytes, 4);
                for (_, page) in self.processes[at].pages.range_mut(first..first + pages) {
                    if let Content::Private(value) = &mut page.content {
                        *value = 0;
                    }
                }
            }
            10..=11 => self.remap(at, first, pages),
            12..=13 if self.processes.len() < 5 => {
                let child = self.rig.fork(id).unwrap();
                let pages = self.processes[at].pages.clone();
                self.processes.push(Process { id: child, pages });
            }
            14 if self.processes.len() > 1 => {
                let process = self.processes.swap_remove(at);
                self.rig.end(process.id);
            }
            15..=27 => {
                let value = self.rng.next();
                let page = self.processes[at].pages.get_mut(&first);
                let result = self.rig.store(id, BASE + first * PAGE + 16, value);
                match page {
                    None => assert_eq!(result, Err(Error::EFAULT.status())),
                    Some(page) if !page.access.contains(MapOptions::WRITE) => {
                        assert_eq!(result, Err(Error::EACCES.status()));
                    }
                    Some(page) => {
                        assert_eq!(result, Ok(()));
                        match &mut page.content {
                            Content::Private(old) => *old = value,
                            Content::Shared(index) => self.shared[*index] = value,
                        }
                    }
                }
            }
            _ => self.check_page(at, first),
        }
    }

    /// Moves a range to a free range, if both are as mremap wants them.
    fn remap(&mut self, at: usize, first: u64, pages: u64) {
        let to = self.rng.below(PAGES - pages + 1);
        if to < first + pages && first < to + pages {
            return;
        }
        let id = self.processes[at].id;
        let (from, target) = (BASE + first * PAGE, BASE + to * PAGE);
        let result = self.rig.server.remap(
            &Rig::caller(id),
            from,
            pages * PAGE,
            pages * PAGE,
            3,
            target,
        );
        let process = &mut self.processes[at];
        match result {
            Ok(place) => {
                assert_eq!(place, target);
                for i in 0..pages {
                    let page = process
                        .pages
                        .remove(&(first + i))
                        .expect("remap moved what is not mapped");
                    process.pages.insert(to + i, page);
                }
            }
            Err(error) => assert_eq!(error, Error::EFAULT),
        }
    }

    fn check_page(&mut self, at: usize, index: u64) {
        let process = &self.processes[at];
        let result = self.rig.load(process.id, BASE + index * PAGE + 16);
        match process.pages.get(&index) {
            None => assert_eq!(result, Err(Error::EFAULT.status())),
            Some(page) if page.access.is_empty() => assert_eq!(result, Err(Error::EACCES.status())),
            Some(Page {
                content: Content::Private(value),
                ..
            }) => assert_eq!(result, Ok(*value)),
            Some(Page {
                content: Content::Shared(object),
                ..
            }) => assert_eq!(result, Ok(self.shared[*object])),
        }
    }

    fn check(&mut self) {
        self.rig.check_exclusive();
        for at in 0..self.processes.len() {
            (0..PAGES).for_each(|index| self.check_page(at, index));
            let id = self.processes[at].id;
            let usage = self.rig.server.usage(&Rig::caller(id), id).unwrap();
            assert_eq!(usage.mapped, self.processes[at].pages.len() as u64 * PAGE);
            let space = self.rig.server.space(id).unwrap();
            assert_eq!(
                space.private(),
                space.count_private(),
                "private pages are miscounted"
            );
        }
    }
}

#[test]
fn random_histories_agree_with_the_model() {
    for seed in 1..=12 {
        let rig = Rig::new(8192);
        let id = rig.process();
        let mut world = World {
            rig,
            rng: Rng(seed * 7919),
            processes: Vec::from([Process {
                id,
                pages: BTreeMap::new(),
            }]),
            shared: Vec::new(),
        };
        for step in 0..3000 {
            world.step();
            if step % 250 == 0 {
                world.check();
            }
        }
        world.check();
        for process in &world.processes {
            world.rig.end(process.id);
        }
        assert_eq!(world.rig.in_use(), 0, "frames were lost (seed {seed})");
    }
}
