//! What an ELF program asks to be mapped. Input is a file that anybody may have written: whatever does not fit
//! is ENOEXEC, nothing panics.

use crate::user::LIMIT;
use alloc::vec::Vec;
use k42_abi::{Error, Result};
use xmas_elf::ElfFile;
use xmas_elf::header::{Class, Data, Machine, Type as FileType};
use xmas_elf::program::{ProgramHeader, Type as SegmentType};

/// Page size.
pub const PAGE: u64 = 4096;
/// Bytes of a file that are read for its headers.
pub const HEADER_BYTES: usize = 4096;
/// Most program headers.
const MOST_HEADERS: u16 = 64;

/// A PT_LOAD segment, cut to pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of the first page, before the bias.
    pub start: u64,
    /// Offset of that page in the file.
    pub offset: u64,
    /// Bytes of the file from there on.
    pub file_bytes: u64,
    /// Bytes of memory from there on; more than `file_bytes` is zero.
    pub memory_bytes: u64,
    /// PF_R.
    pub read: bool,
    /// PF_W.
    pub write: bool,
    /// PF_X.
    pub execute: bool,
}

/// A program or interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Position-independent: goes where the loader likes.
    pub movable: bool,
    /// Entry address, before the bias.
    pub entry: u64,
    /// Address of the program headers in memory, before the bias; zero if no segment holds them.
    pub headers: u64,
    /// How many there are.
    pub header_count: u16,
    /// Segments, by address.
    pub segments: Vec<Segment>,
    /// Place of the interpreter's path in the file: offset and length without the NUL.
    pub interpreter: Option<(u64, usize)>,
    /// PT_GNU_STACK asks for an executable stack.
    pub executable_stack: bool,
    /// Greatest alignment that a segment asks for.
    pub alignment: u64,
}

impl Image {
    /// First byte in memory.
    pub fn start(&self) -> u64 {
        self.segments.first().map_or(0, |s| s.start)
    }
    /// End in memory.
    pub fn end(&self) -> u64 {
        self.segments.last().map_or(0, |s| s.start + s.memory_bytes)
    }
}

#[cfg(target_endian = "little")]
const NATIVE: Data = Data::LittleEndian;
#[cfg(target_endian = "big")]
const NATIVE: Data = Data::BigEndian;

/// Memory that the ELF crate may look at: it wants its structures aligned.
#[repr(C, align(16))]
pub struct HeaderBuffer(pub [u8; HEADER_BYTES]);

/// Reads the headers; `bytes` are the file's first bytes, at most [`HEADER_BYTES`].
pub fn parse(buffer: &HeaderBuffer, length: usize) -> Result<Image> {
    let bytes = buffer.0.get(..length).ok_or(Error::ENOEXEC)?;
    if length < 64 || !bytes.starts_with(b"\x7fELF") {
        return Err(Error::ENOEXEC);
    }
    // Checked before the crate looks at them, since it would trip over them.
    let table = u64::from_ne_bytes(bytes[32..40].try_into().map_err(|_| Error::ENOEXEC)?);
    let entry_size = u16::from_ne_bytes([bytes[54], bytes[55]]);
    let count = u16::from_ne_bytes([bytes[56], bytes[57]]);
    let table_end = table
        .checked_add(u64::from(count) * 56)
        .ok_or(Error::ENOEXEC)?;
    if bytes[4] != 2
        || entry_size != 56
        || table % 8 != 0
        || count == 0
        || count > MOST_HEADERS
        || table_end > length as u64
    {
        return Err(Error::ENOEXEC);
    }
    let file = ElfFile::new(bytes).map_err(|_| Error::ENOEXEC)?;
    let header = &file.header;
    let right = header.pt1.class() == Class::SixtyFour
        && header.pt1.data() == NATIVE
        && matches!(header.pt2.machine().as_machine(), Machine::Other(EM_PPC64));
    if !right {
        return Err(Error::ENOEXEC);
    }
    let movable = match header.pt2.type_().as_type() {
        FileType::Executable => false,
        FileType::SharedObject => true,
        _ => return Err(Error::ENOEXEC),
    };
    // ELFv2 little-endian only, or unmarked.
    let flags = u32::from_ne_bytes([bytes[48], bytes[49], bytes[50], bytes[51]]);
    if flags & 3 == 1 {
        return Err(Error::ENOEXEC);
    }
    let mut image = Image {
        movable,
        entry: header.pt2.entry_point(),
        headers: 0,
        header_count: count,
        segments: Vec::new(),
        interpreter: None,
        executable_stack: false,
        alignment: PAGE,
    };
    for index in 0..count {
        let ProgramHeader::Ph64(segment) =
            file.program_header(index).map_err(|_| Error::ENOEXEC)?
        else {
            return Err(Error::ENOEXEC);
        };
        match segment.get_type() {
            Ok(SegmentType::Load) if segment.mem_size > 0 => {
                let part = cut(
                    segment.virtual_addr,
                    segment.offset,
                    segment.file_size,
                    segment.mem_size,
                )?;
                let part = Segment {
                    read: segment.flags.is_read(),
                    write: segment.flags.is_write(),
                    execute: segment.flags.is_execute(),
                    ..part
                };
                if part.start < image.end() && !image.segments.is_empty() {
                    return Err(Error::ENOEXEC);
                }
                if table >= segment.offset && table_end <= segment.offset + segment.file_size {
                    image.headers = segment.virtual_addr + (table - segment.offset);
                }
                if segment.align.is_power_of_two() && segment.align <= 1 << 30 {
                    image.alignment = image.alignment.max(segment.align);
                }
                image.segments.try_reserve(1).map_err(|_| Error::ENOMEM)?;
                image.segments.push(part);
            }
            Ok(SegmentType::Interp) if image.interpreter.is_none() => {
                let length = usize::try_from(segment.file_size).map_err(|_| Error::ENOEXEC)?;
                if !(2..=4096).contains(&length) {
                    return Err(Error::ENOEXEC);
                }
                image.interpreter = Some((segment.offset, length - 1));
            }
            Ok(SegmentType::OsSpecific(GNU_STACK)) => {
                image.executable_stack = segment.flags.is_execute()
            }
            _ => {}
        }
    }
    if image.segments.is_empty() || image.end() > LIMIT {
        return Err(Error::ENOEXEC);
    }
    Ok(image)
}

/// e_machine of 64-bit Power.
const EM_PPC64: u16 = 21;
/// p_type of the segment that says whether the stack is executable.
const GNU_STACK: u32 = 0x6474_e551;

/// Widens a segment to page boundaries.
fn cut(address: u64, offset: u64, file_size: u64, memory_size: u64) -> Result<Segment> {
    let inside = address % PAGE;
    let end = address.checked_add(memory_size).ok_or(Error::ENOEXEC)?;
    offset.checked_add(file_size).ok_or(Error::ENOEXEC)?;
    if offset % PAGE != inside || file_size > memory_size || end > LIMIT {
        return Err(Error::ENOEXEC);
    }
    Ok(Segment {
        start: address - inside,
        offset: offset - inside,
        file_bytes: file_size + inside,
        memory_bytes: memory_size + inside,
        read: false,
        write: false,
        execute: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Maker(Vec<u8>);

    impl Maker {
        fn new(kind: u16, headers: &[[u64; 7]]) -> Self {
            let mut out = Vec::new();
            out.extend_from_slice(b"\x7fELF\x02");
            out.push(if cfg!(target_endian = "little") { 1 } else { 2 });
            out.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            out.extend_from_slice(&kind.to_ne_bytes());
            out.extend_from_slice(&21u16.to_ne_bytes());
            out.extend_from_slice(&1u32.to_ne_bytes());
            out.extend_from_slice(&0x1000_0100u64.to_ne_bytes());
            out.extend_from_slice(&64u64.to_ne_bytes());
            out.extend_from_slice(&0u64.to_ne_bytes());
            out.extend_from_slice(&2u32.to_ne_bytes());
            for half in [64u16, 56, headers.len() as u16, 64, 0, 0] {
                out.extend_from_slice(&half.to_ne_bytes());
            }
            for [kind, flags, offset, address, file_size, memory_size, align] in headers {
                out.extend_from_slice(&(*kind as u32).to_ne_bytes());
                out.extend_from_slice(&(*flags as u32).to_ne_bytes());
                for word in [offset, address, address, file_size, memory_size, align] {
                    out.extend_from_slice(&word.to_ne_bytes());
                }
            }
            Self(out)
        }
        fn parse(&self) -> Result<Image> {
            let mut buffer = HeaderBuffer([0; HEADER_BYTES]);
            buffer.0[..self.0.len()].copy_from_slice(&self.0);
            parse(&buffer, self.0.len())
        }
    }

    const TEXT: [u64; 7] = [1, 5, 0, 0x1000_0000, 0x5000, 0x5000, 0x10000];
    const DATA: [u64; 7] = [1, 6, 0x5f00, 0x1001_5f00, 0x200, 0x900, 0x10000];

    #[test]
    fn a_static_program() {
        let image = Maker::new(2, &[TEXT, DATA, [0x6474_e551, 6, 0, 0, 0, 0, 16]])
            .parse()
            .unwrap();
        assert!(!image.movable && !image.executable_stack);
        assert_eq!(image.headers, 0x1000_0040);
        assert_eq!((image.start(), image.end()), (0x1000_0000, 0x1001_6800));
        assert_eq!(image.segments[1].start, 0x1001_5000);
        assert_eq!(
            (image.segments[1].offset, image.segments[1].file_bytes),
            (0x5000, 0x1100)
        );
        assert!(image.segments[0].execute && !image.segments[0].write);
        assert_eq!(image.alignment, 0x10000);
    }

    #[test]
    fn an_interpreter() {
        let image = Maker::new(
            3,
            &[
                [3, 4, 0x238, 0x238, 15, 15, 1],
                [1, 5, 0, 0, 0x1000, 0x1000, 0x10000],
            ],
        )
        .parse()
        .unwrap();
        assert!(image.movable);
        assert_eq!(image.interpreter, Some((0x238, 14)));
    }

    #[test]
    fn odd_segments_are_refused() {
        let cases: [[u64; 7]; 5] = [
            [1, 5, 1, 0x1000_0000, 16, 16, 0x1000],
            [1, 5, 0, u64::MAX - 4095, 16, 8192, 0x1000],
            [1, 5, 0, 0x1000_0000, 32, 16, 0x1000],
            [1, 5, u64::MAX - 4095, 0x1000_0000, 4096, 8192, 0x1000],
            [1, 5, 0, LIMIT - 4096, 16, 8192, 0x1000],
        ];
        for case in cases {
            assert_eq!(
                Maker::new(2, &[case]).parse(),
                Err(Error::ENOEXEC),
                "{case:x?}"
            );
        }
        assert_eq!(Maker::new(2, &[DATA, TEXT]).parse(), Err(Error::ENOEXEC));
        assert_eq!(Maker::new(1, &[TEXT]).parse(), Err(Error::ENOEXEC));
        assert_eq!(Maker::new(2, &[]).parse(), Err(Error::ENOEXEC));
    }

    #[test]
    fn no_garbage_panics() {
        let good = Maker::new(2, &[TEXT, DATA]);
        let mut random = 12345u64;
        for _ in 0..20_000 {
            let mut bytes = Maker(good.0.clone());
            for _ in 0..3 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let at = (random >> 33) as usize % bytes.0.len();
                bytes.0[at] = (random >> 20) as u8;
            }
            let _ = bytes.parse();
        }
        for length in 0..good.0.len() {
            let _ = Maker(good.0[..length].to_vec()).parse();
        }
    }
}
