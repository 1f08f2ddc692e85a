//! From destroyed to freed.
//!
//! Each CPU keeps what was destroyed there in four queues: objects that only this CPU has used, which wait for grace
//! periods of this CPU, and objects that several have used, which wait for rounds of the token; and of each kind those
//! that wait for the first time and those that wait for the second. What stands in a queue waits for numbers that do
//! not fall, so it is enough to look at the front.

use k42_sync::FairMutex;

use crate::atomic::{AtomicUsize, Ordering};
use crate::home::Entry;
use crate::id::Id;
use crate::system::{Happening, System};

/// How many objects may be dying on a CPU before [`System::poll`] takes the trouble to look.
const BATCH: usize = 16;

/// Which queue: who has used the object, and which wait it is in.
#[derive(Clone, Copy)]
enum Queue {
    LocalFirst = 0,
    LocalSecond = 1,
    SharedFirst = 2,
    SharedSecond = 3,
}

const QUEUES: [Queue; 4] = [
    Queue::SharedSecond,
    Queue::SharedFirst,
    Queue::LocalSecond,
    Queue::LocalFirst,
];

impl Queue {
    fn is_local(self) -> bool {
        matches!(self, Queue::LocalFirst | Queue::LocalSecond)
    }

    /// Where an object goes when this wait is over; `None`: it is freed.
    fn next(self) -> Option<Queue> {
        match self {
            Queue::LocalFirst => Some(Queue::LocalSecond),
            Queue::SharedFirst => Some(Queue::SharedSecond),
            Queue::LocalSecond | Queue::SharedSecond => None,
        }
    }
}

/// The queues of one CPU.
pub(crate) struct Dying {
    count: AtomicUsize,
    lists: FairMutex<[List; 4]>,
}

/// A queue through the entries' links; id words, zero at the end.
#[derive(Clone, Copy, Default)]
struct List {
    first: u64,
    last: u64,
}

impl Dying {
    pub(crate) fn new() -> Dying {
        Dying {
            count: AtomicUsize::new(0),
            lists: FairMutex::new([List::default(); 4]),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl System {
    /// Frees what can be freed of what was destroyed on this CPU, if it is worth while. Cheap when there is nothing to
    /// do: for the loop that serves requests. Best called under no guard and no lock: a guard of one's own keeps
    /// everything waiting, and destructors of representatives run here.
    #[inline]
    pub fn poll(&'static self) {
        let cpu = self.current_cpu();
        if self.cpus[cpu].dying.count() >= BATCH {
            self.collect_from(cpu);
        }
    }

    /// Frees everything that can be freed now, whatever CPU it was destroyed on; returns how many objects were freed.
    /// For idle loops, tests, and before giving up on a full table. Does not wait: what an active thread holds stays.
    pub fn collect(&'static self) -> usize {
        (0..self.cpus()).map(|cpu| self.collect_from(cpu)).sum()
    }

    /// Queues an object that has just been marked as dying.
    pub(crate) fn bury(&self, cpu: usize, id: Id, local: bool) {
        self.cpus[cpu].dying.count.fetch_add(1, Ordering::Relaxed);
        self.enqueue(
            cpu,
            if local {
                Queue::LocalFirst
            } else {
                Queue::SharedFirst
            },
            id,
        );
    }

    fn enqueue(&self, cpu: usize, queue: Queue, id: Id) {
        let Ok(entry) = self.entry(id) else { return };
        let mut lists = self.cpus[cpu].dying.lists.lock();
        // Under the lock, so that the numbers in a queue do not fall.
        let until = match queue.is_local() {
            true => self.cpus[cpu].generations.grace(),
            false => self.token.grace(),
        };
        entry.until.store(until, Ordering::Relaxed);
        entry.link.store(0, Ordering::Relaxed);
        let list = &mut lists[queue as usize];
        match Id::from_word(list.last).and_then(|last| self.entry(last).ok()) {
            Some(last) => last.link.store(id.word(), Ordering::Relaxed),
            None => list.first = id.word(),
        }
        list.last = id.word();
    }

    /// Takes the first object of a queue, if its wait is over.
    fn dequeue(&self, cpu: usize, queue: Queue) -> Option<(Id, &Entry)> {
        let mut lists = self.cpus[cpu].dying.lists.lock();
        let list = &mut lists[queue as usize];
        let id = Id::from_word(list.first)?;
        let entry = self.entry(id).ok()?;
        let until = entry.until.load(Ordering::Relaxed);
        let over = match queue.is_local() {
            true => self.cpus[cpu].generations.try_roll_to(until),
            false => self
                .token
                .try_advance_to(until, self.cpus(), |cpu| &self.cpus[cpu].generations),
        };
        if !over {
            return None;
        }
        list.first = entry.link.load(Ordering::Relaxed);
        if list.first == 0 {
            list.last = 0;
        }
        Some((id, entry))
    }

    #[cold]
    fn collect_from(&self, cpu: usize) -> usize {
        let mut freed = 0;
        // A pass moves what has waited once to the second wait, which is over at once if nobody is active.
        for _pass in 0..2 {
            if self.cpus[cpu].dying.count() == 0 {
                break;
            }
            for queue in QUEUES {
                while let Some((id, entry)) = self.dequeue(cpu, queue) {
                    match queue.next() {
                        Some(second) => {
                            self.clear_slots(cpu, queue.is_local(), id);
                            self.enqueue(cpu, second, id);
                        }
                        None => {
                            self.free(cpu, id, entry);
                            freed += 1;
                        }
                    }
                }
            }
        }
        freed
    }

    /// After the first wait nobody can fill a slot any more; so what is cleared stays clear.
    fn clear_slots(&self, cpu: usize, local: bool, id: Id) {
        if local {
            self.cpus[cpu].slots.clear(id);
        } else {
            self.cpus.iter().for_each(|cpu| cpu.slots.clear(id));
        }
    }

    /// After the second wait nobody can hold what a slot named.
    fn free(&self, cpu: usize, id: Id, entry: &Entry) {
        // SAFETY: both waits are over.
        let root = unsafe { entry.take_root() };
        self.cpus[cpu].dying.count.fetch_sub(1, Ordering::Relaxed);
        drop(root);
        self.cpus[id.home()].home.release(id);
        self.tell(Happening::Freed, id);
    }
}
