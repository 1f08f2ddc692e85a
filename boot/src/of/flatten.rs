//! Copies a live device tree into the flattened form (Devicetree Specification, chapter 5).
//!
//! The live tree is reached node by node and property by property ([`TreeSource`]; Open
//! Firmware's client interface is one). The result is one block of memory that needs no
//! firmware any more: header, empty reservation list, structure, strings. While it is
//! built, the strings grow in the last quarter of the buffer, and are moved behind the
//! structure at the end; so one pass over the tree is enough (each step of it is a call
//! into slow firmware).

use core::ffi::CStr;

const MAGIC: u32 = 0xd00d_feed;
const VERSION: usize = 17;
const OLDEST_COMPATIBLE: usize = 16;
const HEADER: usize = 40;
const RESERVATIONS: usize = 16;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;
/// Deepest tree that is walked.
const DEPTH: usize = 32;
/// Room for a property's name with its zero byte. The standard has 32, but real trees go
/// beyond (`ibm,processor-radix-AP-encodings`), and firmware writes without asking.
pub const NAME: usize = 64;
/// Longest path of a node, and so of its name.
const PATH: usize = 256;

/// A live device tree.
pub trait TreeSource {
    /// Names a node.
    type Node: Copy;

    /// The root node.
    fn root(&self) -> Option<Self::Node>;
    /// The first child.
    fn child(&self, node: Self::Node) -> Option<Self::Node>;
    /// The next node under the same parent.
    fn peer(&self, node: Self::Node) -> Option<Self::Node>;
    /// The number by which properties refer to this node.
    fn handle(&self, node: Self::Node) -> u32;
    /// Writes the node's path into `buffer`; returns its length.
    fn path(&self, node: Self::Node, buffer: &mut [u8]) -> Option<usize>;
    /// Writes the name of the property behind `last` ("" for the first) into `buffer`, with
    /// a zero byte at its end; false when there is none.
    fn next_property(&self, node: Self::Node, last: &CStr, buffer: &mut [u8; NAME]) -> bool;
    /// Writes a property's value, as much as fits, into `buffer`; returns its full length.
    fn property(&self, node: Self::Node, name: &CStr, buffer: &mut [u8]) -> Option<usize>;
}

/// Why a tree could not be flattened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlattenError {
    /// The buffer is too small.
    Full,
    /// The tree is deeper than 32 levels.
    TooDeep,
    /// There is no root.
    Empty,
    /// The source gave a name that is not a string.
    BadName,
}

/// Flattens `source` into `buffer`; `boot_cpu` goes into the header. Returns the length
/// of the result, which begins at the start of `buffer`.
///
/// # Errors
/// See [`FlattenError`].
pub fn flatten<S: TreeSource>(
    source: &S,
    boot_cpu: u32,
    buffer: &mut [u8],
) -> Result<usize, FlattenError> {
    let for_strings = buffer.len() / 4;
    let (structure, strings) = buffer.split_at_mut(buffer.len() - for_strings);
    let mut out = Flattener {
        structure: Block {
            bytes: structure,
            length: 0,
        },
        strings: Block {
            bytes: strings,
            length: 0,
        },
    };
    out.structure.push(&[0; HEADER + RESERVATIONS])?;

    // The nodes between the root and the current one, both included.
    let mut path = [None; DEPTH];
    let mut depth = 0;
    let mut next = Some(source.root().ok_or(FlattenError::Empty)?);
    loop {
        if let Some(node) = next {
            *path.get_mut(depth).ok_or(FlattenError::TooDeep)? = Some(node);
            depth += 1;
            out.node(source, node)?;
            next = source.child(node);
            continue;
        }
        // This node is done: close it and go to its neighbour, or up.
        let Some(node) = depth.checked_sub(1).and_then(|index| path[index]) else {
            break;
        };
        out.structure.word(END_NODE)?;
        depth -= 1;
        next = if depth > 0 { source.peer(node) } else { None };
    }
    out.structure.word(END)?;
    let (structure, strings) = (out.structure.length, out.strings.length);
    // The strings come directly behind the structure.
    let from = buffer.len() - for_strings;
    buffer.copy_within(from..from + strings, structure);
    let total = structure + strings;
    let header = [
        MAGIC as usize,
        total,
        HEADER + RESERVATIONS,
        structure,
        HEADER,
        VERSION,
        OLDEST_COMPATIBLE,
        boot_cpu as usize,
        strings,
        structure - HEADER - RESERVATIONS,
    ];
    for (place, word) in buffer.chunks_exact_mut(4).zip(header) {
        place.copy_from_slice(&(word as u32).to_be_bytes());
    }
    Ok(total)
}

struct Block<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl Block<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<(), FlattenError> {
        let place = self
            .bytes
            .get_mut(self.length..)
            .and_then(|free| free.get_mut(..bytes.len()));
        place.ok_or(FlattenError::Full)?.copy_from_slice(bytes);
        self.length += bytes.len();
        Ok(())
    }

    fn word(&mut self, word: u32) -> Result<(), FlattenError> {
        self.push(&word.to_be_bytes())
    }

    fn align(&mut self) -> Result<(), FlattenError> {
        let padding = self.length.next_multiple_of(4) - self.length;
        self.push(&[0; 4][..padding])
    }
}

struct Flattener<'a> {
    structure: Block<'a>,
    strings: Block<'a>,
}

impl Flattener<'_> {
    /// Opens a node and writes all its properties.
    fn node<S: TreeSource>(&mut self, source: &S, node: S::Node) -> Result<(), FlattenError> {
        self.structure.word(BEGIN_NODE)?;
        let mut path = [0; PATH];
        let length = source.path(node, &mut path).ok_or(FlattenError::BadName)?;
        let path = path.get(..length).ok_or(FlattenError::BadName)?;
        // Some firmware counts the zero byte at the end.
        let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        self.structure.push(name)?;
        self.structure.push(&[0])?;
        self.structure.align()?;

        let mut has_handle = false;
        let mut last = [0; NAME];
        loop {
            let mut name = [0; NAME];
            let before = CStr::from_bytes_until_nul(&last).map_err(|_| FlattenError::BadName)?;
            if !source.next_property(node, before, &mut name) {
                break;
            }
            let property = CStr::from_bytes_until_nul(&name).map_err(|_| FlattenError::BadName)?;
            // "name" is what the node is already called by; the format has no such property.
            if property != c"name" {
                has_handle |= property == c"phandle";
                self.property(source, node, property)?;
            }
            last = name;
        }
        if !has_handle {
            self.begin_property(c"phandle", 4)?;
            self.structure.word(source.handle(node))?;
        }
        Ok(())
    }

    fn property<S: TreeSource>(
        &mut self,
        source: &S,
        node: S::Node,
        name: &CStr,
    ) -> Result<(), FlattenError> {
        let head = self.structure.length;
        self.begin_property(name, 0)?;
        let value = self.structure.length;
        let room = &mut self.structure.bytes[value..];
        // A property that goes away between two calls is an empty one.
        let length = source.property(node, name, room).unwrap_or(0);
        if length > room.len() {
            return Err(FlattenError::Full);
        }
        self.structure.bytes[head + 4..][..4].copy_from_slice(&(length as u32).to_be_bytes());
        self.structure.length += length;
        self.structure.align()
    }

    fn begin_property(&mut self, name: &CStr, length: usize) -> Result<(), FlattenError> {
        let name = self.string(name)?;
        self.structure.word(PROPERTY)?;
        self.structure.word(length as u32)?;
        self.structure.word(name)
    }

    /// The offset of `name` among the strings, where it is put when not there yet.
    fn string(&mut self, name: &CStr) -> Result<u32, FlattenError> {
        let wanted = name.to_bytes();
        let mut offset = 0;
        for known in self.strings.bytes[..self.strings.length].split(|byte| *byte == 0) {
            if known == wanted && offset < self.strings.length {
                return Ok(offset as u32);
            }
            offset += known.len() + 1;
        }
        let offset = self.strings.length;
        self.strings.push(name.to_bytes_with_nul())?;
        Ok(offset as u32)
    }
}
