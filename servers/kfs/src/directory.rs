//! The entries of a directory.
//!
//! Entries lie in the order in which they were made, each with a cookie that only grows; a removed one leaves a gap
//! until there are many. A reader's position is a cookie, so whatever happens in between, an entry that stays is seen
//! exactly once. A small directory is searched from end to end; a larger one gets an index by hash. Position 0 is `.`,
//! position 1 is `..`, cookies begin at 2.

use crate::node::NodeRef;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;
use hashbrown::HashTable;
use k42_ipc::{Error, Result};
use k42_object::{Guard, Lasting};

/// First cookie of an entry.
pub const FIRST_COOKIE: u64 = 2;
/// Entries up to which a directory has no index: to look at so many costs no more than to ask one.
const SMALL: usize = 24;

/// One name.
#[derive(Debug)]
pub struct Entry {
    /// The name.
    pub name: Box<[u8]>,
    /// What it names.
    pub node: Named,
}

/// What a name stands for. A directory stays, when its name goes, for as long as walks that pass through it are under
/// way; so a walk need not count itself in the directory, which would move its cache line from CPU to CPU.
pub enum Named {
    /// A directory.
    Directory(Lasting<NodeRef>),
    /// Anything else.
    Other(NodeRef),
}

impl Named {
    /// ENOSPC.
    pub fn new(node: NodeRef) -> Result<Self> {
        if !node.is_directory() {
            return Ok(Self::Other(node));
        }
        let system = k42_object::system().ok_or(Error::ENOSPC)?;
        let lasting = Lasting::new(system, node).map_err(|_| Error::ENOSPC)?;
        Ok(Self::Directory(lasting))
    }
}

impl Deref for Named {
    type Target = NodeRef;

    #[inline]
    fn deref(&self) -> &NodeRef {
        match self {
            Self::Directory(node) => node,
            Self::Other(node) => node,
        }
    }
}

impl core::fmt::Debug for Named {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}

/// A node on the way of a walk.
#[derive(Clone)]
pub enum Step<'g> {
    /// It stays for as long as the walk's guard.
    Passing(&'g NodeRef),
    /// It is counted.
    Held(NodeRef),
}

impl Step<'_> {
    /// A counted reference.
    pub fn into_node(self) -> NodeRef {
        match self {
            Self::Passing(node) => node.clone(),
            Self::Held(node) => node,
        }
    }
}

impl Deref for Step<'_> {
    type Target = NodeRef;

    #[inline]
    fn deref(&self) -> &NodeRef {
        match self {
            Self::Passing(node) => node,
            Self::Held(node) => node,
        }
    }
}

#[derive(Debug)]
struct Slot {
    cookie: u64,
    hash: u64,
    first: FirstWord,
    entry: Option<Entry>,
}

impl Slot {
    /// The entry, if it is `name`, whose first word is `first`.
    #[inline]
    fn named(&self, name: &[u8], first: FirstWord) -> Option<&Entry> {
        if self.first != first {
            return None;
        }
        let is = |entry: &&Entry| {
            entry.name.len() == name.len() && (name.len() <= 8 || *entry.name == *name)
        };
        self.entry.as_ref().filter(is)
    }
}

/// The first eight bytes of a name, with zeros after a shorter one. With the length it is all of a name that is no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstWord(pub u64);

impl FirstWord {
    /// That of `name`.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        match name.first_chunk() {
            Some(first) => Self(u64::from_le_bytes(*first)),
            None => Self(short_word(name)),
        }
    }

    /// That of a name of `length` bytes with which `word`'s bytes begin, the lowest first.
    #[inline]
    pub fn masked(word: u64, length: usize) -> Self {
        match length {
            0..8 => Self(word & !(u64::MAX << (8 * length))),
            _ => Self(word),
        }
    }
}

/// Fewer than eight bytes as a word.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// All names in a directory.
#[derive(Debug)]
pub struct Entries {
    slots: Vec<Slot>,
    live: usize,
    next_cookie: u64,
    index: Option<HashTable<u32>>,
    seed: u64,
    /// The directory has been removed: nothing can be made in it.
    pub dead: bool,
}

/// Multiplies to twice the width and folds: the mixing step of the hash.
fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Hash of a name, keyed so that clients cannot choose names that collide.
fn hash(seed: u64, name: &[u8], first: FirstWord) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let key = K ^ seed.rotate_left(17);
    let state = seed ^ (name.len() as u64).wrapping_mul(K);
    let mut state = fold(state ^ first.0, key);
    if let Some(more) = name.get(8..) {
        let (words, rest) = more.as_chunks::<8>();
        for word in words {
            state = fold(state ^ u64::from_le_bytes(*word), key);
        }
        state = fold(state ^ short_word(rest), key);
    }
    fold(state, K | 1)
}

impl Entries {
    /// An empty directory; `seed` is secret.
    pub const fn new(seed: u64) -> Self {
        Self {
            slots: Vec::new(),
            live: 0,
            next_cookie: FIRST_COOKIE,
            index: None,
            seed,
            dead: false,
        }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The place of an entry, and the entry.
    #[inline(always)]
    fn find(&self, name: &[u8], first: FirstWord) -> Option<(usize, &Entry)> {
        match &self.index {
            None => {
                let mut slots = self.slots.iter().enumerate();
                slots.find_map(|(at, slot)| Some((at, slot.named(name, first)?)))
            }
            Some(index) => self.find_by(index, name, first),
        }
    }

    /// Apart, so that small directories do not pay for the registers that this needs.
    #[inline(never)]
    fn find_by(
        &self,
        index: &HashTable<u32>,
        name: &[u8],
        first: FirstWord,
    ) -> Option<(usize, &Entry)> {
        let named = |&at: &u32| {
            let slot = self.slots.get(at as usize)?;
            Some((at as usize, slot.named(name, first)?))
        };
        named(index.find(hash(self.seed, name, first), |at| named(at).is_some())?)
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        self.find(name, FirstWord::of(name)).map(|(at, _)| at)
    }

    /// What `name` names.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&NodeRef> {
        self.find(name, FirstWord::of(name))
            .map(|(_, entry)| &*entry.node)
    }

    /// As `get`, for a walk that goes on under `guard`.
    #[inline(always)]
    pub fn step<'g>(&self, name: &[u8], first: FirstWord, guard: &'g Guard) -> Option<Step<'g>> {
        Some(match &self.find(name, first)?.1.node {
            Named::Directory(node) => Step::Passing(node.under(guard)),
            Named::Other(node) => Step::Held(node.clone()),
        })
    }

    /// Makes sure that one more entry can be added without allocating.
    fn reserve(&mut self) -> Result<()> {
        if self.slots.len() >= 2 * self.live + 16 {
            self.compact();
        }
        if self.slots.len() >= u32::MAX as usize {
            return Err(Error::ENOSPC);
        }
        self.slots.try_reserve(1).map_err(|_| Error::ENOSPC)?;
        if self.index.is_none() && self.live >= SMALL {
            let mut index = HashTable::new();
            index
                .try_reserve(2 * SMALL, |_: &u32| 0)
                .map_err(|_| Error::ENOSPC)?;
            self.index = Some(index);
            self.reindex();
        }
        let slots = &self.slots;
        match &mut self.index {
            Some(index) => index
                .try_reserve(1, |&at| slots[at as usize].hash)
                .map_err(|_| Error::ENOSPC),
            None => Ok(()),
        }
    }

    /// Adds a name. EEXIST; ENOSPC if there is no memory for it; ENOENT in a directory that has been removed.
    pub fn insert(&mut self, name: &[u8], node: NodeRef) -> Result<()> {
        if self.dead {
            return Err(Error::ENOENT);
        }
        if self.position(name).is_some() {
            return Err(Error::EEXIST);
        }
        self.reserve()?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(name.len())
            .map_err(|_| Error::ENOSPC)?;
        copy.extend_from_slice(name);
        let node = Named::new(node)?;
        let first = FirstWord::of(name);
        let hash = hash(self.seed, name, first);
        let (at, slots) = (self.slots.len() as u32, &self.slots);
        if let Some(index) = &mut self.index {
            index.insert_unique(hash, at, |&at| slots[at as usize].hash);
        }
        let entry = Some(Entry {
            name: copy.into_boxed_slice(),
            node,
        });
        self.slots.push(Slot {
            cookie: self.next_cookie,
            hash,
            first,
            entry,
        });
        self.next_cookie += 1;
        self.live += 1;
        Ok(())
    }

    /// Lets an existing name stand for another node (rename over it). ENOENT if it is none.
    pub fn replace(&mut self, name: &[u8], node: Named) -> Result<()> {
        let at = self.position(name).ok_or(Error::ENOENT)?;
        let entry = self.slots[at].entry.as_mut().ok_or(Error::ENOENT)?;
        entry.node = node;
        Ok(())
    }

    /// Takes a name away.
    pub fn remove(&mut self, name: &[u8]) -> Option<NodeRef> {
        let at = self.position(name)?;
        if let Some(index) = &mut self.index
            && let Ok(found) = index.find_entry(self.slots[at].hash, |&found| found as usize == at)
        {
            found.remove();
        }
        let entry = self.slots[at].entry.take()?;
        self.live -= 1;
        if self.live == 0 {
            self.slots = Vec::new();
            self.index = None;
        } else if at + 1 == self.slots.len() {
            self.slots.pop();
        }
        Some(entry.node.clone())
    }

    /// Removes the gaps. Cookies stay, so readers notice nothing.
    fn compact(&mut self) {
        self.slots.retain(|slot| slot.entry.is_some());
        self.reindex();
    }

    /// Fills the index, which has room for all, anew.
    fn reindex(&mut self) {
        let slots = &self.slots;
        if let Some(index) = &mut self.index {
            index.clear();
            for (at, slot) in slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.entry.is_some())
            {
                index.insert_unique(slot.hash, at as u32, |&at| slots[at as usize].hash);
            }
        }
    }

    /// The cookie that the next new entry will get: a reader that starts now need not go further.
    pub fn end(&self) -> u64 {
        self.next_cookie
    }

    /// Entries with cookies in `from..end`, in order.
    pub fn range(&self, from: u64, end: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let start = self.slots.partition_point(|slot| slot.cookie < from);
        let within = self.slots[start..]
            .iter()
            .take_while(move |slot| slot.cookie < end);
        within.filter_map(|slot| slot.entry.as_ref().map(|entry| (slot.cookie, entry)))
    }

    /// The name under which `node` is found here, if it is.
    pub fn name_of(&self, node: &NodeRef) -> Option<&[u8]> {
        let is = |entry: &&Entry| alloc::sync::Arc::ptr_eq(&*entry.node, node);
        self.slots
            .iter()
            .filter_map(|slot| slot.entry.as_ref())
            .find(is)
            .map(|entry| &*entry.name)
    }
}
