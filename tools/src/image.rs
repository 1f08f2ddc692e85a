//! `image`: one bootable file with kernel, servers, library and root.
//!
//! The kernel's ELF file has room for this: a program header that is unused (`PT_NULL`,
//! see `boot/kernel.ld`). The image is the kernel's file with the boot archive after it;
//! the unused header becomes one that loads the archive right behind the kernel, and the
//! symbol `k42_payload` in the kernel's data is given the archive's distance from the start
//! of the image and its size, as two big-endian words.

use crate::archive::{self, Init};
use crate::build;
use crate::cli::ImageOptions;
use crate::progress::Progress;
use crate::repo::{Order, Repo};
use crate::{root, run};
use anyhow::{Context, Result, ensure};
use object::elf::{FileHeader64, PT_LOAD, PT_NULL, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader, Sym};
use object::{Endian, Endianness, U32, U64};
use std::fs;

/// Symbol that tells the kernel where its archive is.
const PAYLOAD: &[u8] = b"k42_payload";

/// Alignment of the archive, in the file and in memory: the largest base page.
const ALIGN: u64 = 0x1_0000;

/// Carries out `image`.
pub fn command(repo: &Repo, options: &ImageOptions) -> Result<u8> {
    let progress = Progress::new(false);
    let tree = root::prepare(repo, &options.root, progress)?;
    let built = build::build(repo, Order::from_flag(options.big_endian), progress)?;
    let scratch = tempfile::Builder::new().prefix("k42-image-").tempdir()?;
    let boot_archive = scratch.path().join("boot.tar");
    let init = Init {
        exec: None,
        env: vec!["TERM=vt100".into()],
        size: (24, 80),
    };
    archive::write(&boot_archive, &built, &init, &tree)?;
    let path = run::kernel(&built)?;
    let kernel = fs::read(&path)?;
    let image = join(&kernel, &fs::read(&boot_archive)?)
        .with_context(|| format!("{} cannot carry an archive", path.display()))?;
    if options.output.starts_with("build") {
        repo.build_dir()?;
    }
    fs::write(&options.output, &image)
        .with_context(|| format!("cannot write {}", options.output.display()))?;
    println!("{} ({} KiB)", options.output.display(), image.len() / 1024);
    Ok(0)
}

/// The kernel's file with the archive as one more segment.
pub fn join(kernel: &[u8], archive: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(kernel)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, kernel)?;
    let index = segments
        .iter()
        .position(|s| s.p_type(endian) == PT_NULL)
        .context("it has no program header for one")?;
    // `p_paddr` is the distance from the start of the image, wherever that is loaded.
    let loaded = segments.iter().filter(|s| s.p_type(endian) == PT_LOAD);
    let last = loaded
        .max_by_key(|s| s.p_paddr(endian))
        .context("it loads nothing")?;
    let behind = |start: u64| {
        let end = start.checked_add(last.p_memsz(endian))?;
        end.checked_next_multiple_of(ALIGN)
    };
    let distance = behind(last.p_paddr(endian)).context("its segments make no sense")?;
    let address = behind(last.p_vaddr(endian)).context("its segments make no sense")?;
    let size = archive.len() as u64;

    let mut image = kernel.to_vec();
    let place = image.len().next_multiple_of(usize::try_from(ALIGN)?);
    image.resize(place, 0);
    image.extend_from_slice(archive);

    let segment = ProgramHeader64 {
        p_type: U32::new(endian, PT_LOAD),
        p_flags: U32::new(endian, object::elf::PF_R),
        p_offset: U64::new(endian, place as u64),
        p_vaddr: U64::new(endian, address),
        p_paddr: U64::new(endian, distance),
        p_filesz: U64::new(endian, size),
        p_memsz: U64::new(endian, size),
        p_align: U64::new(endian, ALIGN),
    };
    let at = usize::try_from(header.e_phoff(endian))? + index * size_of_val(&segment);
    image[at..at + size_of_val(&segment)].copy_from_slice(object::pod::bytes_of(&segment));

    let at = usize::try_from(payload_offset(header, endian, kernel)?)?;
    ensure!(
        at + 16 <= kernel.len(),
        "its k42_payload lies outside the file"
    );
    image[at..at + 8].copy_from_slice(&distance.to_be_bytes());
    image[at + 8..at + 16].copy_from_slice(&size.to_be_bytes());
    Ok(image)
}

/// Where in the file the kernel's two payload words are.
fn payload_offset<E: Endian>(header: &FileHeader64<E>, endian: E, kernel: &[u8]) -> Result<u64> {
    let sections = header.sections(endian, kernel)?;
    let symbols = sections.symbols(endian, kernel, object::elf::SHT_SYMTAB)?;
    let symbol = symbols
        .iter()
        .find(|s| {
            symbols
                .symbol_name(endian, s)
                .is_ok_and(|name| name == PAYLOAD)
        })
        .context("it has no symbol k42_payload")?;
    let address = symbol.st_value(endian);
    header
        .program_headers(endian, kernel)?
        .iter()
        .filter(|s| s.p_type(endian) == PT_LOAD)
        .find_map(|s| {
            let inside = address.checked_sub(s.p_vaddr(endian))?;
            (inside + 16 <= s.p_filesz(endian)).then(|| s.p_offset(endian) + inside)
        })
        .context("its k42_payload is not in its data")
}
