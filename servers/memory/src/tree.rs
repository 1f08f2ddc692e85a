//! The page tree: which frame holds which page of an FCM, as a persistent radix tree.
//!
//! *Persistent* means that a copy of the whole tree costs one reference: fork clones the root, and both trees share all
//! nodes. Who then changes a page first copies the nodes on the way to it, and no others. A node owns one share of
//! every frame in it, so copying a leaf adds one owner to each of its frames.
//!
//! A page belongs to this tree alone if no node on its path is shared *and* its frame has one owner: then it may be
//! written in place. Otherwise it is copied on the first write. Since only an owner can make new owners, and the caller
//! holds the lock of this tree, an answer "alone" stays true until the caller itself clones the tree.
//!
//! The tree covers only as much as it must: it begins as one leaf of 64 pages around the first index, and grows upwards
//! when an index outside is used. Small mappings have one node wherever they lie.

use crate::frames::{Frame, Frames};
use alloc::sync::Arc;

const LEAF_BITS: u32 = 6;
const LEAF: usize = 1 << LEAF_BITS;
const INNER_BITS: u32 = 5;
const INNER: usize = 1 << INNER_BITS;

#[derive(Clone)]
enum Node {
    Leaf(Leaf),
    Inner([Option<Arc<Node>>; INNER]),
}

/// 64 pages; frame number zero stands for none (the kernel has that frame).
struct Leaf {
    frames: &'static Frames,
    /// Pages that are there.
    count: u32,
    slots: [u32; LEAF],
}

impl Clone for Leaf {
    fn clone(&self) -> Self {
        self.slots
            .iter()
            .filter(|&&frame| frame != 0)
            .for_each(|&frame| self.frames.share(Frame(frame)));
        Self {
            frames: self.frames,
            count: self.count,
            slots: self.slots,
        }
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.frames.release_all(
            self.slots
                .iter()
                .filter(|&&frame| frame != 0)
                .map(|&frame| Frame(frame)),
        );
    }
}

/// A page that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its frame.
    pub frame: Frame,
    /// Nobody else has it.
    pub alone: bool,
}

/// The tree. Dropping it gives up its share in all frames; no translation may be left that relies on it.
#[derive(Clone)]
pub struct PageTree {
    frames: &'static Frames,
    root: Option<Arc<Node>>,
    /// Levels of inner nodes above the leaves.
    height: u32,
    /// First index that the root covers.
    base: u64,
    /// Pages in all.
    pages: u64,
}

/// log2 of the pages that a node of `height` covers.
const fn bits(height: u32) -> u32 {
    LEAF_BITS + INNER_BITS * height
}

fn child_of(index: u64, height: u32) -> usize {
    (index >> bits(height - 1)) as usize % INNER
}

impl PageTree {
    /// An empty tree.
    pub const fn new(frames: &'static Frames) -> Self {
        Self {
            frames,
            root: None,
            height: 0,
            base: 0,
            pages: 0,
        }
    }

    /// Whether there is no page.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    fn covers(&self, index: u64) -> bool {
        bits(self.height) >= 64 || index >> bits(self.height) == self.base >> bits(self.height)
    }

    /// The page at `index`.
    pub fn find(&self, index: u64) -> Option<Found> {
        let mut found = None;
        self.near(index, index, index + 1, |_, page| found = Some(page));
        found
    }

    /// Visits the pages in `first..end` that lie in the same leaf as `index` (64 pages, aligned), in order.
    pub fn near(&self, index: u64, first: u64, end: u64, mut visit: impl FnMut(u64, Found)) {
        if !self.covers(index) {
            return;
        }
        let Some(mut node) = self.root.as_ref() else {
            return;
        };
        let mut height = self.height;
        let mut alone = true;
        loop {
            alone &= Arc::strong_count(node) == 1;
            match &**node {
                Node::Inner(children) => {
                    let Some(child) = &children[child_of(index, height)] else {
                        return;
                    };
                    node = child;
                    height -= 1;
                }
                Node::Leaf(leaf) => {
                    let base = index & !(LEAF as u64 - 1);
                    let (first, end) = (
                        first.max(base) - base,
                        end.min(base + LEAF as u64).saturating_sub(base),
                    );
                    for i in first..end {
                        let frame = Frame(leaf.slots[i as usize]);
                        if frame.0 != 0 {
                            visit(
                                base + i,
                                Found {
                                    frame,
                                    alone: alone && self.frames.owners(frame) == 1,
                                },
                            );
                        }
                    }
                    return;
                }
            }
        }
    }

    /// Puts `frame` (and the caller's share in it) at `index`; what was there is given up.
    pub fn insert(&mut self, index: u64, frame: Frame) {
        let frames = self.frames;
        let leaf = self.leaf(index);
        match core::mem::replace(&mut leaf.slots[index as usize % LEAF], frame.0) {
            0 => {
                leaf.count += 1;
                self.pages += 1;
            }
            old => frames.release(Frame(old)),
        }
    }

    /// Puts frames in a row (and the caller's share in each) at `index` and behind, where there must be no page.
    pub fn insert_row(&mut self, index: u64, first: Frame, pages: u32) {
        let mut done = 0;
        while done < pages {
            let at = index + u64::from(done);
            let leaf = self.leaf(at);
            let from = at as usize % LEAF;
            let count = (LEAF - from).min((pages - done) as usize);
            for (slot, frame) in leaf.slots[from..from + count]
                .iter_mut()
                .zip(first.0 + done..)
            {
                debug_assert_eq!(*slot, 0);
                *slot = frame;
            }
            leaf.count += count as u32;
            done += count as u32;
        }
        self.pages += u64::from(pages);
    }

    /// The leaf of `index`, in nodes that are this tree's alone.
    fn leaf(&mut self, index: u64) -> &mut Leaf {
        let frames = self.frames;
        if self.root.is_none() {
            self.height = 0;
            self.base = index & !(LEAF as u64 - 1);
        }
        while !self.covers(index) {
            // One level up; the old root becomes a child.
            let mut children: [Option<Arc<Node>>; INNER] = [const { None }; INNER];
            children[child_of(self.base, self.height + 1)] = self.root.take();
            self.height += 1;
            self.base = if bits(self.height) >= 64 {
                0
            } else {
                self.base >> bits(self.height) << bits(self.height)
            };
            self.root = Some(Arc::new(Node::Inner(children)));
        }
        let mut height = self.height;
        let mut place = &mut self.root;
        loop {
            let node = place.get_or_insert_with(|| {
                Arc::new(match height {
                    0 => Node::Leaf(Leaf {
                        frames,
                        count: 0,
                        slots: [0; LEAF],
                    }),
                    _ => Node::Inner([const { None }; INNER]),
                })
            });
            match Arc::make_mut(node) {
                Node::Leaf(leaf) => return leaf,
                Node::Inner(children) => {
                    place = &mut children[child_of(index, height)];
                    height -= 1;
                }
            }
        }
    }

    /// Visits all pages in `first..end` in order, until `visit` says false.
    pub fn each(&self, first: u64, end: u64, mut visit: impl FnMut(u64, Frame) -> bool) {
        if let Some(root) = &self.root {
            each(root, self.height, self.base, first, end, &mut visit);
        }
    }

    /// Pages in `first..end`.
    pub fn count(&self, first: u64, end: u64) -> u64 {
        if overlap(self.height, self.base, first, end)
            == overlap(self.height, self.base, 0, u64::MAX)
        {
            return self.pages;
        }
        let mut count = 0;
        self.each(first, end, |_, _| {
            count += 1;
            true
        });
        count
    }

    /// The last page in `first..end`.
    pub fn last(&self, first: u64, end: u64) -> Option<(u64, Frame)> {
        last(self.root.as_ref()?, self.height, self.base, first, end)
    }

    /// Gives up the pages in `first..end`; returns how many there were.
    pub fn remove(&mut self, first: u64, end: u64) -> u64 {
        let all = overlap(self.height, self.base, 0, u64::MAX);
        let removed = if overlap(self.height, self.base, first, end) == all {
            self.root = None;
            self.pages
        } else {
            remove(&mut self.root, self.height, self.base, first, end)
        };
        self.pages -= removed;
        if self.root.is_none() {
            self.height = 0;
        }
        removed
    }

    /// Moves the pages in `first..end` to a new tree.
    pub fn split_off(&mut self, first: u64, end: u64) -> Self {
        let mut other = Self::new(self.frames);
        self.each(first, end, |index, frame| {
            self.frames.share(frame);
            other.insert(index, frame);
            true
        });
        self.remove(first, end);
        other
    }
}

/// What `first..end` has in common with the node at `base`.
fn overlap(height: u32, base: u64, first: u64, end: u64) -> Option<(u64, u64)> {
    let top = if bits(height) >= 64 {
        u64::MAX
    } else {
        base.saturating_add(1 << bits(height))
    };
    let (first, end) = (first.max(base), end.min(top));
    (first < end).then_some((first, end))
}

fn each(
    node: &Node,
    height: u32,
    base: u64,
    first: u64,
    end: u64,
    visit: &mut impl FnMut(u64, Frame) -> bool,
) -> bool {
    let Some((first, end)) = overlap(height, base, first, end) else {
        return true;
    };
    match node {
        Node::Leaf(leaf) => (first..end).all(|index| {
            let frame = leaf.slots[(index - base) as usize];
            frame == 0 || visit(index, Frame(frame))
        }),
        Node::Inner(children) => (child_of(first, height)..=child_of(end - 1, height)).all(|i| {
            let base = base + ((i as u64) << bits(height - 1));
            children[i]
                .as_ref()
                .is_none_or(|child| each(child, height - 1, base, first, end, visit))
        }),
    }
}

fn last(node: &Node, height: u32, base: u64, first: u64, end: u64) -> Option<(u64, Frame)> {
    let (first, end) = overlap(height, base, first, end)?;
    match node {
        Node::Leaf(leaf) => (first..end).rev().find_map(|index| {
            let frame = leaf.slots[(index - base) as usize];
            (frame != 0).then_some((index, Frame(frame)))
        }),
        Node::Inner(children) => (child_of(first, height)..=child_of(end - 1, height))
            .rev()
            .find_map(|i| {
                let base = base + ((i as u64) << bits(height - 1));
                last(children[i].as_ref()?, height - 1, base, first, end)
            }),
    }
}

/// Pages below a node.
fn pages(node: &Node) -> u64 {
    match node {
        Node::Leaf(leaf) => u64::from(leaf.count),
        Node::Inner(children) => children.iter().flatten().map(|child| pages(child)).sum(),
    }
}

fn remove(place: &mut Option<Arc<Node>>, height: u32, base: u64, first: u64, end: u64) -> u64 {
    let Some(node) = place else { return 0 };
    let part = overlap(height, base, first, end);
    if part == overlap(height, base, 0, u64::MAX) {
        let removed = pages(node);
        *place = None;
        return removed;
    }
    let Some((first, end)) = part else { return 0 };
    // A node that is shared is copied only if something goes.
    if each(node, height, base, first, end, &mut |_, _| false) {
        return 0;
    }
    let (removed, empty) = match Arc::make_mut(node) {
        Node::Leaf(leaf) => {
            let gone = &mut leaf.slots[(first - base) as usize..(end - base) as usize];
            let count = gone.iter().filter(|&&frame| frame != 0).count();
            leaf.count -= count as u32;
            leaf.frames.release_all(
                gone.iter_mut()
                    .map(core::mem::take)
                    .filter(|&frame| frame != 0)
                    .map(Frame),
            );
            (count as u64, leaf.count == 0)
        }
        Node::Inner(children) => {
            let from = child_of(first, height);
            let mut removed = 0;
            for (i, child) in (from..).zip(&mut children[from..=child_of(end - 1, height)]) {
                let base = base + ((i as u64) << bits(height - 1));
                removed += remove(child, height - 1, base, first, end);
            }
            (removed, children.iter().all(Option::is_none))
        }
    };
    if empty {
        *place = None;
    }
    removed
}
