//! From the buffers of a running machine to a file, piece by piece.
//!
//! Nobody tells the reader anything: it looks at each buffer's index now and then and copies the sub-buffers that are
//! full. What the writers overwrote first is counted. A sub-buffer is left alone while the next one is filled, so that a
//! thread that was preempted in the middle of an event has had time to write it; unless half the ring is waiting.

use alloc::vec;
use alloc::vec::Vec;

use super::file::{Chunk, Head, kind};
use super::words::{Words, from_bytes, to_bytes};
use super::{DecodeError, PAGE, Stack, Table};
use crate::Side;
use crate::region;

/// The memory in which a trace region lies.
pub trait Memory {
    /// Why it cannot be read.
    type Error;

    /// Copies what is at an offset of the region.
    ///
    /// # Errors
    /// When it is not there.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error>;
}

impl Memory for [u8] {
    type Error = DecodeError;

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), DecodeError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let from = self.get(start..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(from.ok_or(DecodeError::TooShort)?);
        Ok(())
    }
}

/// Why a stream cannot be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError<E> {
    /// The memory cannot be read.
    Memory(E),
    /// It holds no region that this reader knows.
    Region(DecodeError),
}

/// How far a buffer has been read.
struct Cursor {
    cpu: u32,
    side: Side,
    /// Where the buffer lies in the region.
    offset: u64,
    /// The next word to read.
    next: u64,
    /// Dropped events that were told.
    dropped: u64,
}

/// A reader of a region.
pub struct Stream {
    head: Head,
    big: bool,
    cursors: Vec<Cursor>,
}

impl Stream {
    /// Finds the region, and writes the beginning of the file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open<M: Memory + ?Sized>(
        memory: &M,
        out: &mut Vec<u8>,
    ) -> Result<Stream, OpenError<M::Error>> {
        let mut page = [0; PAGE];
        memory.read(0, &mut page).map_err(OpenError::Memory)?;
        let words =
            Words::find(&page, region::MAGIC).ok_or(OpenError::Region(DecodeError::NotATrace))?;
        let field = |place| words.get(place).unwrap_or_default();
        if field(2) != region::VERSION {
            return Err(OpenError::Region(DecodeError::OtherVersion(field(2))));
        }
        let (buffer, head_bytes, table_bytes) = (field(5), field(7), field(8));
        let head = Head {
            cpus: u32::try_from(field(3)).unwrap_or(u32::MAX),
            clock_hz: field(4),
            boot_clock: field(9),
            ring: buffer.wrapping_sub(PAGE as u64) / 8,
            sub: field(6),
        };
        head.check().map_err(OpenError::Region)?;
        let room = head_bytes.saturating_sub(PAGE as u64);
        let bad_table = OpenError::Region(DecodeError::BadHeader("table of events"));
        if !(PAGE as u64..=1 << 24).contains(&head_bytes) || table_bytes > room {
            return Err(bad_table);
        }
        let mut table = vec![0; table_bytes as usize];
        memory
            .read(PAGE as u64, &mut table)
            .map_err(OpenError::Memory)?;
        if core::str::from_utf8(&table)
            .ok()
            .and_then(Table::parse)
            .is_none()
        {
            return Err(bad_table);
        }
        head.write(&table, words.big(), out);
        let cursors = [Side::Kernel, Side::User].into_iter().flat_map(|side| {
            let first = side as u64 * u64::from(head.cpus);
            (0..head.cpus).map(move |cpu| Cursor {
                cpu,
                side,
                offset: head_bytes + (first + u64::from(cpu)) * buffer,
                next: buffer.wrapping_sub(PAGE as u64) / 8,
                dropped: 0,
            })
        });
        let cursors = cursors.collect();
        Ok(Stream {
            head,
            big: words.big(),
            cursors,
        })
    }

    /// Notes that the machine's clock counts instructions.
    pub fn note_counted(&self, out: &mut Vec<u8>) {
        Chunk::about_all(kind::COUNTED).write(self.big, out);
    }

    /// Notes at which address the kernel's image begins.
    pub fn note_kernel(&self, start: u64, out: &mut Vec<u8>) {
        let chunk = Chunk {
            value: start,
            ..Chunk::about_all(kind::KERNEL)
        };
        chunk.write(self.big, out);
    }

    /// Writes where a CPU was, as the host saw it. A stack that is deeper than a sub-buffer is long loses its outermost
    /// functions; one of a CPU that has no buffer is nobody's.
    pub fn note_stack(&self, stack: &Stack, out: &mut Vec<u8>) {
        if stack.cpu >= self.head.cpus {
            return;
        }
        let room = self.head.sub as usize;
        let addresses = &stack.addresses[..stack.addresses.len().min(room)];
        let chunk = Chunk {
            cpu: stack.cpu,
            value: stack.time,
            payload: addresses.len(),
            ..Chunk::about_all(kind::STACK)
        };
        chunk.write(self.big, out);
        out.extend(addresses.iter().flat_map(|&word| to_bytes(word, self.big)));
    }

    /// Writes what has come since the last look, as far as whole sub-buffers go.
    ///
    /// # Errors
    /// When the memory cannot be read.
    pub fn poll<M: Memory + ?Sized>(
        &mut self,
        memory: &M,
        out: &mut Vec<u8>,
    ) -> Result<(), M::Error> {
        for cursor in &mut self.cursors {
            cursor.follow(&self.head, self.big, false, memory, out)?;
        }
        Ok(())
    }

    /// Writes all that is left, and the end. The machine stands still.
    ///
    /// # Errors
    /// When the memory cannot be read.
    pub fn finish<M: Memory + ?Sized>(
        mut self,
        memory: &M,
        out: &mut Vec<u8>,
    ) -> Result<(), M::Error> {
        for cursor in &mut self.cursors {
            cursor.follow(&self.head, self.big, true, memory, out)?;
        }
        Chunk::about_all(kind::END).write(self.big, out);
        Ok(())
    }
}

impl Cursor {
    fn follow<M: Memory + ?Sized>(
        &mut self,
        head: &Head,
        big: bool,
        last: bool,
        memory: &M,
        out: &mut Vec<u8>,
    ) -> Result<(), M::Error> {
        let word = |place: u64| {
            let mut bytes = [0; 8];
            memory.read(self.offset + place * 8, &mut bytes)?;
            Ok(from_bytes(bytes, big))
        };
        let note = |kind, index, value, payload| Chunk {
            kind,
            side: self.side,
            cpu: self.cpu,
            index,
            value,
            payload,
        };
        let (index, dropped) = (word(0)?, word(1)?);
        if dropped != self.dropped {
            let more = dropped.wrapping_sub(self.dropped);
            note(kind::DROPPED, index, more, 0).write(big, out);
            self.dropped = dropped;
        }
        if index < self.next {
            note(kind::SPOILED, index, 0, 0).write(big, out);
            self.next = index - index % head.sub;
        }
        // The oldest sub-buffer that nobody has begun to overwrite.
        let oldest = |index: u64| {
            let kept = index.saturating_sub(head.ring);
            kept.saturating_add(kept.wrapping_neg() % head.sub)
        };
        let end = if last {
            index
        } else {
            let full = index - index % head.sub;
            let hurry = index - self.next > head.ring / 2;
            full.saturating_sub(if hurry { 0 } else { head.sub })
        };
        let mut now = index;
        while self.next < end {
            if self.next < oldest(now) {
                let lost = oldest(now) - self.next;
                note(kind::LOST, self.next, lost, 0).write(big, out);
                self.next += lost;
                continue;
            }
            let length = (end - self.next).min(head.sub);
            let before = out.len();
            note(kind::PIECE, self.next, 0, length as usize).write(big, out);
            let from = out.len();
            out.resize(from + length as usize * 8, 0);
            let place = self.offset + PAGE as u64 + self.next % head.ring * 8;
            memory.read(place, &mut out[from..])?;
            // What was overwritten meanwhile is not used.
            now = word(0)?.max(now);
            if self.next < oldest(now) {
                out.truncate(before);
            } else {
                self.next += length;
            }
        }
        Ok(())
    }
}
