//! What users of objects hold: a reference, and for the length of a call a representative.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::atomic::{AtomicU64, Ordering};
use crate::id::Id;
use crate::rep::RepHead;
use crate::{Error, Guard, Interface};

/// Names an object with interface `I` (a `dyn Trait` declared by [`object_interface!`](crate::object_interface)).
///
/// One word, `Copy`, without lifetime: it may outlive its object, and then answers [`Error::Deleted`].
pub struct Ref<I: ?Sized> {
    id: Id,
    interface: PhantomData<fn(&I)>,
}

impl<I: ?Sized> Ref<I> {
    pub(crate) fn from_id(id: Id) -> Ref<I> {
        Ref {
            id,
            interface: PhantomData,
        }
    }

    /// A number that names the object for all time, for traces and messages to people.
    pub fn number(self) -> u64 {
        self.id.word()
    }

    /// Destroys the object: from now on every call answers [`Error::Deleted`]. Calls that have begun go on unharmed;
    /// memory is freed when they have ended, by [`System::poll`](crate::System::poll).
    ///
    /// # Errors
    /// [`Error::Deleted`] to all callers but the first.
    pub fn destroy(self, guard: &Guard) -> Result<(), Error> {
        guard.system().destroy(guard, self.id, false)
    }

    /// As [`destroy`](Self::destroy), for an object that other CPUs may know of without having called it.
    pub(crate) fn destroy_everywhere(self, guard: &Guard) -> Result<(), Error> {
        guard.system().destroy(guard, self.id, true)
    }
}

impl<I: Interface + ?Sized> Ref<I> {
    /// Borrows the representative that this CPU uses; methods of the interface are called on it.
    ///
    /// # Errors
    /// [`Error::Deleted`] if the object is gone or going. On the first call from a CPU also what the object's root has
    /// to say, for instance [`Error::NoMemory`].
    #[inline]
    pub fn get(self, guard: &Guard) -> Result<Rep<'_, I>, Error> {
        Ok(Rep {
            head: guard.find(self.id)?,
            borrow: PhantomData,
            interface: PhantomData,
        })
    }
}

/// A place for a reference that is read while another is put there. What was done before a reference is stored is seen by
/// who loads it.
pub struct AtomicRef<I: ?Sized> {
    word: AtomicU64,
    interface: PhantomData<fn(&I)>,
}

impl<I: ?Sized> AtomicRef<I> {
    /// A place with a reference.
    pub fn new(first: Ref<I>) -> Self {
        Self {
            word: AtomicU64::new(first.id.word()),
            interface: PhantomData,
        }
    }

    /// The reference that is there.
    ///
    /// # Panics
    /// Never: what is stored is always an id.
    #[inline]
    pub fn load(&self) -> Ref<I> {
        match Id::from_word(self.word.load(Ordering::Acquire)) {
            Some(id) => Ref::from_id(id),
            None => unreachable!("only ids are stored"),
        }
    }

    /// Puts another there.
    pub fn store(&self, new: Ref<I>) {
        self.word.store(new.id.word(), Ordering::Release);
    }
}

impl<I: ?Sized> fmt::Debug for AtomicRef<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

/// A representative, borrowed under a [`Guard`]. It implements its interface's trait.
pub struct Rep<'g, I: ?Sized> {
    head: NonNull<RepHead>,
    borrow: PhantomData<&'g Guard>,
    interface: PhantomData<fn(&I)>,
}

impl<I: Interface + ?Sized> Rep<'_, I> {
    /// The interface's functions for this representative.
    #[inline(always)]
    pub fn table(&self) -> &'static I::Table {
        // SAFETY: the head lives while the guard is borrowed; its table is static, and is an `I::Table`: the id of a
        // `Ref<I>` is only given to objects that were made with such a table.
        unsafe { self.head.as_ref().table().cast().as_ref() }
    }

    /// The representative itself, for the functions of the table.
    #[inline(always)]
    pub fn head(&self) -> NonNull<RepHead> {
        self.head
    }
}

impl<I: ?Sized> Clone for Rep<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: ?Sized> Copy for Rep<'_, I> {}

impl<I: ?Sized> Clone for Ref<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: ?Sized> Copy for Ref<I> {}

impl<I: ?Sized> PartialEq for Ref<I> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<I: ?Sized> Eq for Ref<I> {}

impl<I: ?Sized> Hash for Ref<I> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<I: ?Sized> fmt::Debug for Ref<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Ref({}.{}#{})",
            self.id.home(),
            self.id.index(),
            self.id.seq()
        )
    }
}

impl<I: Interface + ?Sized> fmt::Debug for Rep<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rep<{}>({:p})", I::NAME, self.head)
    }
}
