//! The trace region: a header page, the table of events as text, and the buffers of all CPUs.

use core::fmt;
use core::ptr::NonNull;

use crate::atomic::{AtomicU64, Ordering};
use crate::buffer::Buffer;
use crate::table::TABLE_TEXT;

/// Words of a sub-buffer (64 KiB).
pub const SUB_WORDS: usize = 8192;
/// Words of a buffer (1 MiB).
pub const WORDS: usize = 16 * SUB_WORDS;

/// The buffer that K42 uses.
pub type CpuBuffer = Buffer<SUB_WORDS, WORDS>;

/// `K42trace` as a number.
pub const MAGIC: u64 = 0x4b34_3274_7261_6365;
/// Version of the layout.
pub const VERSION: u64 = 2;
/// Written as a number; how its bytes lie tells a reader the byte order of everything.
pub const BYTE_ORDER: u64 = 0x0102_0304_0506_0708;

/// The region's first page. Programs see it read-only.
#[cfg_attr(not(loom), repr(C, align(4096)))]
pub struct RegionHeader {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`BYTE_ORDER`].
    pub byte_order: u64,
    /// [`VERSION`].
    pub version: u64,
    /// CPUs that have buffers.
    pub cpus: u64,
    /// Ticks of the clock in a second.
    pub clock_hz: u64,
    /// Bytes of one buffer, control page included.
    pub buffer_bytes: u64,
    /// Words of a sub-buffer.
    pub sub_words: u64,
    /// Bytes before the first buffer: this page and the table of events.
    pub head_bytes: u64,
    /// Bytes of the table's text, which begins on the next page.
    pub table_bytes: u64,
    /// The clock when the machine was started.
    pub boot_clock: u64,
    /// Classes that are on.
    pub mask: AtomicU64,
}

/// Who writes a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The kernel.
    Kernel = 0,
    /// Everybody else.
    User = 1,
}

/// Why memory is no trace region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// Not aligned to a page, or too small for a header and the buffers.
    BadMemory,
    /// The header is not that of a region of this version, byte order and size.
    BadHeader,
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegionError::BadMemory => "memory unfit for a trace region",
            RegionError::BadHeader => "no trace region of this version",
        })
    }
}

impl core::error::Error for RegionError {}

/// A trace region in memory.
#[derive(Clone, Copy)]
pub struct Region {
    header: NonNull<RegionHeader>,
    cpus: usize,
}

// SAFETY: a region is shared memory of atomics and of words that do not change.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Bytes before the first buffer.
    const HEAD: usize =
        size_of::<RegionHeader>() + TABLE_TEXT.len().next_multiple_of(size_of::<RegionHeader>());

    /// Where the programs' buffers begin, all of them side by side, so that one mapping makes them writable and another
    /// shows the rest read-only.
    pub const fn user_offset(cpus: usize) -> usize {
        Self::HEAD + cpus * size_of::<CpuBuffer>()
    }

    /// Bytes of a region for a number of CPUs.
    pub const fn bytes(cpus: usize) -> usize {
        Self::HEAD + cpus * 2 * size_of::<CpuBuffer>()
    }

    fn memory(base: NonNull<u8>, bytes: usize, cpus: usize) -> Result<Region, RegionError> {
        let header = base.cast::<RegionHeader>();
        if !header.is_aligned() || cpus > 4096 || bytes < Self::bytes(cpus) {
            return Err(RegionError::BadMemory);
        }
        Ok(Region { header, cpus })
    }

    /// Makes a region in zeroed memory, with everything off.
    ///
    /// # Safety
    /// The memory is zeroed, stays, and is used for nothing else.
    ///
    /// # Errors
    /// [`RegionError::BadMemory`].
    pub unsafe fn create(
        base: NonNull<u8>,
        bytes: usize,
        cpus: usize,
        clock_hz: u64,
        boot_clock: u64,
    ) -> Result<Region, RegionError> {
        let region = Self::memory(base, bytes, cpus)?;
        let header = RegionHeader {
            magic: MAGIC,
            byte_order: BYTE_ORDER,
            version: VERSION,
            cpus: cpus as u64,
            clock_hz,
            buffer_bytes: size_of::<CpuBuffer>() as u64,
            sub_words: SUB_WORDS as u64,
            head_bytes: Self::HEAD as u64,
            table_bytes: TABLE_TEXT.len() as u64,
            boot_clock,
            mask: AtomicU64::new(0),
        };
        // SAFETY: `memory` has checked alignment and size; the rest is the caller's promise.
        unsafe { region.header.write(header) };
        // SAFETY: the table's pages follow, and `memory` has counted them.
        unsafe {
            base.add(size_of::<RegionHeader>())
                .copy_from_nonoverlapping(NonNull::from(TABLE_TEXT).cast(), TABLE_TEXT.len());
        }
        for cpu in 0..cpus {
            for side in [Side::Kernel, Side::User] {
                if let Some(buffer) = region.buffer(cpu, side) {
                    // SAFETY: within the memory, and zeroed memory is a buffer.
                    unsafe { buffer.as_ref() }.start();
                }
            }
        }
        Ok(region)
    }

    /// Finds the region that someone else has made.
    ///
    /// # Safety
    /// The memory is readable, stays, and holds either a region or words that do not change.
    ///
    /// # Errors
    /// [`RegionError`].
    pub unsafe fn attach(base: NonNull<u8>, bytes: usize) -> Result<Region, RegionError> {
        Self::memory(base, bytes, 0)?;
        // SAFETY: aligned and large enough (just checked) and readable (the caller's promise).
        let header = unsafe { base.cast::<RegionHeader>().as_ref() };
        let ours = header.magic == MAGIC
            && header.byte_order == BYTE_ORDER
            && header.version == VERSION
            && header.buffer_bytes == size_of::<CpuBuffer>() as u64
            && header.sub_words == SUB_WORDS as u64
            && header.head_bytes == Self::HEAD as u64;
        if !ours {
            return Err(RegionError::BadHeader);
        }
        Self::memory(
            base,
            bytes,
            usize::try_from(header.cpus).map_err(|_| RegionError::BadHeader)?,
        )
    }

    /// The header.
    pub fn header(&self) -> &RegionHeader {
        // SAFETY: the memory was checked when the region was made or found.
        unsafe { self.header.as_ref() }
    }

    /// Switches classes on and off; the kernel's right (programs have the page read-only).
    pub fn set_mask(&self, mask: u64) {
        self.header().mask.store(mask, Ordering::Relaxed);
    }

    /// The classes that are on.
    #[inline]
    pub fn mask(&self) -> u64 {
        self.header().mask.load(Ordering::Relaxed)
    }

    /// A CPU's buffer.
    pub fn buffer(&self, cpu: usize, side: Side) -> Option<NonNull<CpuBuffer>> {
        let number = side as usize * self.cpus + cpu;
        let offset = Self::HEAD + number * size_of::<CpuBuffer>();
        // SAFETY: for an existing CPU the buffer lies within the memory, as checked when the region was made or found.
        (cpu < self.cpus).then(|| unsafe { self.header.byte_add(offset) }.cast())
    }
}
