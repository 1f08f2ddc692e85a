//! The object system of a program: all tables, one set per CPU.

use alloc::boxed::Box;
use alloc::vec::Vec;
use k42_sync::Once;

use crate::atomic::{Ordering, fence};
use crate::collect::Dying;
use crate::generation::{Generations, Token};
use crate::home::{Entry, Home, Life};
use crate::id::{Id, MAX_CPUS, MAX_INDEX};
use crate::memory::{Padded, try_box, try_slice};
use crate::rep::{RepHead, new_rep};
use crate::root::{Root, Single};
use crate::slots::Slots;
use crate::spread::{PerCpu as SpreadRoot, Seat};
use crate::{Error, Guard, Implemented, Ref};

use core::ptr::NonNull;

/// What happens to objects, for who wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// One was made.
    Created,
    /// A CPU calls one for the first time, and its root is asked.
    Missed,
    /// One was destroyed.
    Destroyed,
    /// One was freed after its grace periods.
    Freed,
}

/// Is told what happens to the object with a number.
pub type Watcher = fn(Happening, u64);

/// What the object system must be told by the program's runtime.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    watcher: Watcher,
    cpus: usize,
    current_cpu: fn() -> usize,
    refs_per_cpu: usize,
}

impl Config {
    /// For at most `cpus` CPUs. `current_cpu` tells which one the caller runs on: quickly, and only as a hint (a number
    /// that is too high counts as zero). On K42 it is the dispatcher's number; on the host whatever a test likes.
    pub const fn new(cpus: usize, current_cpu: fn() -> usize) -> Config {
        Config {
            watcher: |_, _| {},
            cpus,
            current_cpu,
            refs_per_cpu: 16_384,
        }
    }

    /// Who is told what happens to objects; nothing of it is on the path of a call.
    pub const fn watcher(self, watcher: Watcher) -> Config {
        Config { watcher, ..self }
    }

    /// How many objects each CPU can have made that exist at one time.
    pub const fn refs_per_cpu(self, refs_per_cpu: usize) -> Config {
        Config {
            refs_per_cpu,
            ..self
        }
    }
}

/// Counts of one CPU, for people and leak tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Guards that exist now.
    pub active: usize,
    /// Objects that were made here and still take memory.
    pub live: usize,
    /// Objects that were destroyed here and wait for their grace periods.
    pub dying: usize,
}

/// What one CPU has; nothing of it shares a cache line with another CPU's.
pub(crate) struct PerCpu {
    pub(crate) generations: Padded<Generations>,
    pub(crate) slots: Slots,
    pub(crate) home: Home,
    pub(crate) dying: Padded<Dying>,
}

/// The object system of a program; lives for ever. See the crate's documentation.
pub struct System {
    pub(crate) cpus: Box<[Padded<PerCpu>]>,
    pub(crate) token: Padded<Token>,
    current_cpu: fn() -> usize,
    watcher: Watcher,
}

static SYSTEM: Once<&'static System> = Once::new();

/// The program's object system, once it has been started.
pub fn system() -> Option<&'static System> {
    SYSTEM.get().copied()
}

/// Makes the calling thread active in the program's object system.
///
/// # Panics
/// If [`System::start`] was not called before: a mistake in the program's start-up.
#[inline]
pub fn enter() -> Guard {
    match SYSTEM.get() {
        Some(system) => system.enter(),
        None => panic!("object system entered before System::start"),
    }
}

impl System {
    /// Starts the program's object system.
    ///
    /// # Errors
    /// [`Error::AlreadyStarted`], [`Error::BadConfig`], [`Error::NoMemory`].
    pub fn start(config: Config) -> Result<&'static System, Error> {
        let mut started = false;
        let system = SYSTEM.try_call_once(|| {
            started = true;
            // SAFETY: it is the only one that safe code can get at; who makes others promises not to mix them.
            unsafe { System::new(config) }
        })?;
        if started {
            Ok(system)
        } else {
            Err(Error::AlreadyStarted)
        }
    }

    /// Makes an object system apart from the program's; for tests.
    ///
    /// # Safety
    /// References, guards and peers of different systems must not be mixed: a reference does not know its system, and
    /// would be taken for one of the other's.
    ///
    /// # Errors
    /// [`Error::BadConfig`], [`Error::NoMemory`].
    pub unsafe fn new(config: Config) -> Result<&'static System, Error> {
        let Config {
            watcher,
            cpus,
            current_cpu,
            refs_per_cpu,
        } = config;
        if !(1..=MAX_CPUS).contains(&cpus) || !(1..=MAX_INDEX).contains(&refs_per_cpu) {
            return Err(Error::BadConfig);
        }
        let mut made = try_slice(cpus, || None)?;
        for (cpu, place) in made.iter_mut().enumerate() {
            *place = Some(Padded(PerCpu {
                generations: Padded(Generations::new()),
                slots: Slots::new(cpus, refs_per_cpu)?,
                home: Home::new(cpu, refs_per_cpu)?,
                dying: Padded(Dying::new()),
            }));
        }
        let mut all = Vec::new();
        all.try_reserve_exact(cpus).map_err(|_| Error::NoMemory)?;
        all.extend(made.into_iter().flatten());
        let system = System {
            cpus: all.into_boxed_slice(),
            token: Padded(Token::new()),
            current_cpu,
            watcher,
        };
        Ok(Box::leak(try_box(system)?))
    }

    /// How many CPUs there are at most.
    pub fn cpus(&self) -> usize {
        self.cpus.len()
    }

    /// The CPU on which the caller runs, as a hint.
    #[inline]
    pub fn current_cpu(&self) -> usize {
        let cpu = (self.current_cpu)();
        if cpu < self.cpus.len() { cpu } else { 0 }
    }

    /// Makes the calling thread active on this CPU.
    #[inline]
    pub fn enter(&'static self) -> Guard {
        self.enter_on(self.current_cpu())
    }

    /// As [`enter`](Self::enter), for a caller who knows the CPU.
    #[inline]
    pub fn enter_on(&'static self, cpu: usize) -> Guard {
        let cpu = if cpu < self.cpus.len() { cpu } else { 0 };
        Guard::new(self, &self.cpus[cpu], cpu)
    }

    /// Makes an object of `value`, which becomes its one representative on all CPUs.
    ///
    /// # Errors
    /// [`Error::TableFull`], [`Error::NoMemory`]; `value` is dropped.
    pub fn create<I, T>(&'static self, value: T) -> Result<Ref<I>, Error>
    where
        I: Implemented<T> + ?Sized,
        T: Send + Sync + 'static,
    {
        self.create_with(|_| value)
    }

    /// As [`create`](Self::create), for a value that wants to know the reference to itself. Calls by it answer
    /// `Deleted` until `make` has returned.
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn create_with<I, T>(&'static self, make: impl FnOnce(Ref<I>) -> T) -> Result<Ref<I>, Error>
    where
        I: Implemented<T> + ?Sized,
        T: Send + Sync + 'static,
    {
        self.create_root(|id| {
            let root = Single(new_rep::<I, T>(id, make(Ref::from_id(id)))?);
            Ok(try_box(root)?)
        })
    }

    /// Makes an object with a representative per CPU. `make` is called on a CPU's first call to the object, with no lock
    /// held; it may be called twice for one CPU, and then one of the two results is dropped at once.
    ///
    /// # Errors
    /// [`Error::TableFull`], [`Error::NoMemory`]. An error of `make` is returned by the call that missed.
    pub fn create_per_cpu<I, T, F>(&'static self, make: F) -> Result<Ref<I>, Error>
    where
        I: Implemented<T> + ?Sized + 'static,
        T: Send + Sync + 'static,
        F: Fn(Seat<I, T>) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.create_root(|_| Ok(try_box(SpreadRoot::new(self, make)?)?))
    }

    fn create_root<I: ?Sized>(
        &self,
        make: impl FnOnce(Id) -> Result<Box<dyn Root>, Error>,
    ) -> Result<Ref<I>, Error> {
        let home = &self.cpus[self.current_cpu()].home;
        let id = home.reserve()?;
        match make(id).and_then(try_box) {
            Ok(root) => {
                home.publish(id, root);
                self.tell(Happening::Created, id);
                Ok(Ref::from_id(id))
            }
            Err(error) => {
                home.release(id);
                Err(error)
            }
        }
    }

    pub(crate) fn entry(&self, id: Id) -> Result<&Entry, Error> {
        self.cpus
            .get(id.home())
            .and_then(|cpu| cpu.home.entry(id.index()))
            .ok_or(Error::Deleted)
    }

    /// Makes the object's destruction wait for `guard`; from here to the guard's end its root and representatives stay.
    ///
    /// Either this sees that the object is dying, or who destroys it sees that the guard's CPU has touched it: each
    /// writes its word, passes a full fence, and reads the other's.
    pub(crate) fn touch(&self, guard: &Guard, id: Id) -> Result<&Entry, Error> {
        let entry = self.entry(id)?;
        if entry.is(id, Life::Alive) {
            entry.touch(guard.cpu());
            fence(Ordering::SeqCst);
            if entry.is(id, Life::Alive) {
                return Ok(entry);
            }
        }
        Err(Error::Deleted)
    }

    /// An empty slot, or a stale one: asks the root.
    #[cold]
    pub(crate) fn miss(&self, guard: &Guard, id: Id) -> Result<NonNull<RepHead>, Error> {
        let entry = self.touch(guard, id)?;
        // SAFETY: the entry was touched under the guard and then seen alive.
        let root = unsafe { entry.root() }.ok_or(Error::Deleted)?;
        self.tell(Happening::Missed, id);
        let rep = root.representative(id, guard.cpu())?;
        self.cpus[guard.cpu()].slots.fill(id, rep);
        Ok(rep)
    }

    pub(crate) fn destroy(&self, guard: &Guard, id: Id, everywhere: bool) -> Result<(), Error> {
        let entry = self.entry(id)?;
        if !entry.change(id, Life::Alive, Life::Dying) {
            return Err(Error::Deleted);
        }
        // SAFETY: this caller is the one who destroys it; it is not queued for the collector yet.
        if let Some(root) = unsafe { entry.root() } {
            root.close();
        }
        fence(Ordering::SeqCst); // the counterpart of the one in `touch`
        let local = !everywhere && entry.touched_by_none_but(guard.cpu());
        self.bury(guard.cpu(), id, local);
        self.tell(Happening::Destroyed, id);
        Ok(())
    }

    /// Tells the watcher.
    pub(crate) fn tell(&self, what: Happening, id: Id) {
        (self.watcher)(what, id.word());
    }

    /// The counts of one CPU.
    pub fn stats(&self, cpu: usize) -> Option<Stats> {
        let cpu = self.cpus.get(cpu)?;
        Some(Stats {
            active: cpu.generations.active(),
            live: cpu.home.live(),
            dying: cpu.dying.count(),
        })
    }
}
