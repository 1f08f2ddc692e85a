//! Program images (ELF, in the machine's own byte order): servers, and linux-emu.
//!
//! The pages of an image are made once: file contents, zeroes behind them, and relative relocations applied for the
//! place where the image goes. (A program that also relocates itself finds every word already right.)

use crate::fcm::{Anonymous, Fcm, Image};
use crate::frames::{Frame, Kind, Need};
use crate::machine::Machine;
use crate::space::{PAGE, Region, Use};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_abi::map::LARGE_PAGE;
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;
use xmas_elf::ElfFile;
use xmas_elf::header;
use xmas_elf::program::{SegmentData, Type};
use xmas_elf::sections::SectionData;

const R_PPC64_RELATIVE: u32 = 22;

/// A page of an image.
struct Page {
    frame: Frame,
    access: MapOptions,
    /// Has contents from the file; otherwise zeroes only.
    is_filled: bool,
}

/// A program, ready to be mapped.
pub struct Program {
    core: Machine,
    pages: BTreeMap<u64, Page>,
    /// Address where it begins to run.
    pub entry: u64,
    /// Contents of the section `.vdso`, if there is one.
    pub vdso: Option<Arc<dyn Fcm>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.pages
            .values()
            .for_each(|page| self.core.frames.release(page.frame));
    }
}

impl Program {
    /// Makes the pages of `file`, to run at `base` if it can run anywhere.
    pub fn load(core: Machine, file: &[u8], base: u64) -> Result<Self> {
        let native = if cfg!(target_endian = "little") { 1 } else { 2 };
        if file.len() < 64 || file[..4] != *b"\x7fELF" || file[4] != 2 || file[5] != native {
            return Err(Error::ENOEXEC);
        }
        let bad = |_| Error::ENOEXEC;
        let elf = ElfFile::new(file).map_err(bad)?;
        // The crate takes the tables to be there.
        let header = &elf.header.pt2;
        let table = |offset: u64, size: u16, count: u16| {
            offset.checked_add(u64::from(size) * u64::from(count))
        };
        let ends = [
            table(
                header.ph_offset(),
                header.ph_entry_size(),
                header.ph_count(),
            ),
            table(
                header.sh_offset(),
                header.sh_entry_size(),
                header.sh_count(),
            ),
        ];
        if ends
            .iter()
            .any(|end| end.is_none_or(|end| end > file.len() as u64))
            || header.ph_entry_size() != 56
        {
            return Err(Error::ENOEXEC);
        }
        let segments = || {
            elf.program_iter()
                .filter(|segment| segment.get_type() == Ok(Type::Load))
        };
        let lowest = segments()
            .map(|segment| segment.virtual_addr())
            .min()
            .ok_or(Error::ENOEXEC)?;
        let movable = elf.header.pt2.type_().as_type() == header::Type::SharedObject;
        let shift = if movable && lowest < PAGE { base } else { 0 };
        let entry = elf.header.pt2.entry_point().wrapping_add(shift);
        let mut program = Self {
            core,
            pages: BTreeMap::new(),
            entry,
            vdso: None,
        };
        for segment in segments() {
            let mut access = MapOptions::READ;
            access.set(MapOptions::WRITE, segment.flags().is_write());
            access.set(MapOptions::EXECUTE, segment.flags().is_execute());
            let start = segment
                .virtual_addr()
                .checked_add(shift)
                .ok_or(Error::ENOEXEC)?;
            let from = usize::try_from(segment.offset()).map_err(|_| Error::ENOEXEC)?;
            let length = usize::try_from(segment.file_size()).map_err(|_| Error::ENOEXEC)?;
            let end = from.checked_add(length).ok_or(Error::ENOEXEC)?;
            let bytes = file.get(from..end).ok_or(Error::ENOEXEC)?;
            let size = segment.mem_size();
            // Constant contents with a large page to themselves lie in one, so that mapping them is one step.
            let is_alone = segments().all(|other| {
                let other = other.virtual_addr().wrapping_add(shift);
                other <= start || other >= start.saturating_add(LARGE_PAGE)
            });
            let large = !segment.flags().is_write() && start.is_multiple_of(LARGE_PAGE) && is_alone;
            program.add(start, size, bytes, access, large && size <= LARGE_PAGE)?;
        }
        for segment in elf
            .program_iter()
            .filter(|segment| segment.get_type() == Ok(Type::Dynamic))
        {
            program.relocate(&segment.get_data(&elf).map_err(bad)?, shift)?;
        }
        if let Some(section) = elf.find_section_by_name(".vdso")
            && let Ok(SectionData::Undefined(bytes)) = section.get_data(&elf)
        {
            program.vdso = Some(copy_of(core, bytes)?);
        }
        Ok(program)
    }

    /// Adds a segment; `large`: in a large page of its own, if there is one, which is then the program's to its end.
    fn add(
        &mut self,
        start: u64,
        bytes: u64,
        contents: &[u8],
        access: MapOptions,
        large: bool,
    ) -> Result<()> {
        let end = start
            .checked_add(bytes)
            .filter(|&end| end <= k42_abi::layout::USER_TOP)
            .ok_or(Error::ENOEXEC)?;
        if contents.len() as u64 > bytes {
            return Err(Error::ENOEXEC);
        }
        let row = large
            .then(|| self.core.zeroed_large(Kind::Pinned, Need::System))
            .flatten();
        let end = row.map_or(end, |_| start + LARGE_PAGE);
        let filled = start + contents.len() as u64;
        for at in (start / PAGE * PAGE..end).step_by(PAGE as usize) {
            if !self.pages.contains_key(&at) {
                let frame = match row {
                    Some(first) => first.plus(((at - start) / PAGE) as u32),
                    None => self.core.zeroed(Kind::Pinned, Need::System)?,
                };
                self.pages.insert(
                    at,
                    Page {
                        frame,
                        access: MapOptions::empty(),
                        is_filled: row.is_some(),
                    },
                );
            }
            let Some(page) = self.pages.get_mut(&at) else {
                continue;
            };
            // Two segments may meet in a page.
            page.access |= access;
            let (from, to) = (start.max(at), filled.min(at + PAGE));
            if from < to {
                page.is_filled = true;
                let piece = &contents[(from - start) as usize..(to - start) as usize];
                self.core
                    .window
                    .write(page.frame.address() + (from - at), piece);
            }
        }
        Ok(())
    }

    /// Real address of the word at `address`.
    fn word_at(&self, address: u64) -> Result<u64> {
        let page = self
            .pages
            .get(&(address / PAGE * PAGE))
            .ok_or(Error::ENOEXEC)?;
        if address.is_multiple_of(8) {
            Ok(page.frame.address() + address % PAGE)
        } else {
            Err(Error::ENOEXEC)
        }
    }

    fn relocate(&mut self, dynamic: &SegmentData<'_>, shift: u64) -> Result<()> {
        let SegmentData::Dynamic64(entries) = dynamic else {
            return Ok(());
        };
        let value = |wanted: u64| {
            let is_wanted = |entry: &&xmas_elf::dynamic::Dynamic<u64>| match entry.get_tag() {
                Ok(xmas_elf::dynamic::Tag::Rela) => wanted == 7,
                Ok(xmas_elf::dynamic::Tag::RelaSize) => wanted == 8,
                _ => false,
            };
            entries
                .iter()
                .find(is_wanted)
                .and_then(|entry| entry.get_val().or_else(|_| entry.get_ptr()).ok())
        };
        let (Some(table), Some(bytes)) = (value(7), value(8)) else {
            return Ok(());
        };
        for i in 0..bytes / 24 {
            let at = table.wrapping_add(shift).wrapping_add(i * 24);
            let word = |k: u64| {
                self.word_at(at.wrapping_add(k * 8))
                    .map(|real| self.core.window.word(real))
            };
            let (place, info, addend) = (word(0)?, word(1)?, word(2)?);
            match info as u32 {
                0 => {}
                R_PPC64_RELATIVE => {
                    let real = self.word_at(place.wrapping_add(shift))?;
                    self.core.window.set_word(real, addend.wrapping_add(shift));
                }
                _ => return Err(Error::ENOEXEC),
            }
        }
        Ok(())
    }

    /// Runs of neighbouring pages that are alike.
    fn runs(&self, alike: impl Fn(&Page, &Page) -> bool) -> Vec<(u64, Vec<&Page>)> {
        let mut runs: Vec<(u64, Vec<&Page>)> = Vec::new();
        for (&at, page) in &self.pages {
            if let Some((start, run)) = runs.last_mut()
                && *start + run.len() as u64 * PAGE == at
                && run.last().is_some_and(|last| alike(last, page))
            {
                run.push(page);
                continue;
            }
            runs.push((at, [page].into()));
        }
        runs
    }

    fn image_of(&self, run: &[&Page]) -> Arc<dyn Fcm> {
        let frames = run
            .iter()
            .map(|page| page.frame)
            .inspect(|&frame| self.core.frames.share(frame))
            .collect();
        Arc::new(Image::new(self.core, frames, b""))
    }

    /// Regions for a process that shares this program with others: what is read only is shared, what is written is
    /// copied from the image, and zeroes are anonymous. `options` are added to each region.
    pub fn template(&self, options: MapOptions) -> Vec<(u64, Region)> {
        let alike = |a: &Page, b: &Page| a.access == b.access && a.is_filled == b.is_filled;
        let region = |(start, run): (u64, Vec<&Page>)| {
            let access = run.first().map_or(MapOptions::empty(), |page| page.access);
            let is_zero = run.iter().all(|page| !page.is_filled);
            let fcm: Arc<dyn Fcm> = if is_zero {
                Arc::new(Anonymous::new(self.core))
            } else {
                self.image_of(&run)
            };
            let end = start + run.len() as u64 * PAGE;
            (
                start,
                Region {
                    end,
                    options: access | options,
                    may: access,
                    purpose: Use::Anonymous,
                    fcm,
                    index: 0,
                    attached: None,
                    keeps: false,
                },
            )
        };
        self.runs(alike).into_iter().map(region).collect()
    }

    /// Regions for the one process that has this program (a server): its writable pages are the image's own.
    pub fn sole(&self) -> Vec<(u64, Region)> {
        let region = |(start, run): (u64, Vec<&Page>)| {
            let access = run.first().map_or(MapOptions::empty(), |page| page.access);
            let fcm: Arc<dyn Fcm> = if access.contains(MapOptions::WRITE) {
                let own = Anonymous::new(self.core);
                for (index, page) in run.iter().enumerate() {
                    self.core.frames.share(page.frame);
                    own.own(index as u64, page.frame);
                }
                Arc::new(own)
            } else {
                self.image_of(&run)
            };
            let end = start + run.len() as u64 * PAGE;
            (
                start,
                Region {
                    end,
                    options: access,
                    may: access,
                    purpose: Use::Anonymous,
                    fcm,
                    index: 0,
                    attached: None,
                    keeps: false,
                },
            )
        };
        self.runs(|a, b| a.access == b.access)
            .into_iter()
            .map(region)
            .collect()
    }
}

/// An image of plain bytes.
fn copy_of(core: Machine, bytes: &[u8]) -> Result<Arc<dyn Fcm>> {
    let mut frames = Vec::new();
    for piece in bytes.chunks(PAGE as usize) {
        let frame = core.zeroed(Kind::Pinned, Need::System);
        let frame = frame.inspect_err(|_| {
            frames
                .drain(..)
                .for_each(|frame| core.frames.release(frame))
        })?;
        core.window.write(frame.address(), piece);
        frames.push(frame);
    }
    Ok(Arc::new(Image::new(core, frames, b"[vdso]")))
}
