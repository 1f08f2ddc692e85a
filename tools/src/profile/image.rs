//! From a block of guest code to program and function.
//!
//! Servers and Linux programs are linked at the same addresses, so a block belongs to the program that holds the same
//! instructions at its address. The kernel runs wherever it was loaded, and its vectors are copied; how far a piece has
//! moved is found by looking for its instructions.

use super::{KERNEL, short};
use crate::build::Built;
use addr2line::Loader;
use anyhow::{Context, Result};
use k42_abi::layout::KERNEL_WINDOW;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Fewer instructions than these are found too often by chance to tell how far the kernel has moved.
const TELLING: usize = 5 * 4;

/// All programs that a guest may run.
pub struct Images {
    kernel: Option<Image>,
    users: Vec<Image>,
    /// By how much pieces of the kernel have moved.
    moves: RefCell<Vec<u64>>,
}

struct Image {
    name: String,
    text: Vec<(u64, Vec<u8>)>,
    /// Start and name of functions, by address.
    functions: Vec<(u64, String)>,
    lines: Loader,
}

impl Images {
    /// Opens K42's programs, and perhaps one of the guest's.
    pub fn open(built: &Built, program: Option<&Path>) -> Result<Images> {
        let mut users = Vec::new();
        for (name, path) in &built.programs {
            users.push(Image::open(short(name), path)?);
        }
        if let Some(program) = program {
            users.push(Image::open("program", program)?);
        }
        let kernel = built.kernel.as_ref();
        Ok(Images {
            kernel: kernel
                .map(|path| Image::open(short(KERNEL), path))
                .transpose()?,
            users,
            moves: RefCell::default(),
        })
    }

    /// The program of a block, and how many of its instructions belong to which function (with `lines`: to which
    /// inlined function and line).
    pub fn explain(&self, address: u64, code: &[u8], lines: bool) -> (String, Vec<(String, u64)>) {
        let Some((image, linked)) = self.find(address, code) else {
            let count = code.len() as u64 / 4;
            return (
                nobody(address).into(),
                vec![(format!("{address:#x}"), count)],
            );
        };
        let mut shares: HashMap<String, u64> = HashMap::new();
        for offset in (0..code.len() as u64).step_by(4) {
            let place = match lines {
                true => image.line(linked + offset),
                false => image.function(linked + offset).to_string(),
            };
            *shares.entry(place).or_default() += 1;
        }
        (image.name.clone(), shares.into_iter().collect())
    }

    /// Program, function and line of one instruction; `code` is it and what follows, by which the program is found.
    pub fn place(&self, address: u64, code: &[u8]) -> String {
        match self.find(address, code) {
            Some((image, linked)) => format!("{} {}", image.name, image.line(linked)),
            None => format!("{} {address:#x}", nobody(address)),
        }
    }

    /// The program of a block, and the address that it is linked at there.
    fn find(&self, address: u64, code: &[u8]) -> Option<(&Image, u64)> {
        if address >= KERNEL_WINDOW {
            let kernel = self.kernel.as_ref()?;
            return Some((
                kernel,
                address.wrapping_sub(self.moved(kernel, address, code)?),
            ));
        }
        let holder = self.users.iter().find(|image| image.holds(address, code));
        holder.map(|image| (image, address))
    }

    /// By how much the piece of the kernel that this block lies in has moved.
    fn moved(&self, kernel: &Image, address: u64, code: &[u8]) -> Option<u64> {
        let mut moves = self.moves.borrow_mut();
        let known = moves
            .iter()
            .find(|&&by| kernel.holds(address.wrapping_sub(by), code));
        if let Some(&by) = known {
            return Some(by);
        }
        let by = address.wrapping_sub(kernel.search(code)?);
        moves.push(by);
        Some(by)
    }
}

/// What a block is called that no program holds.
fn nobody(address: u64) -> &'static str {
    if address >= KERNEL_WINDOW {
        "kernel"
    } else {
        "?"
    }
}

impl Image {
    fn open(name: &str, path: &Path) -> Result<Image> {
        let data = fs::read(path).with_context(|| path.display().to_string())?;
        let file =
            object::File::parse(data.as_slice()).with_context(|| path.display().to_string())?;
        let text = file
            .sections()
            .filter(|section| section.kind() == SectionKind::Text)
            .filter_map(|section| Some((section.address(), section.data().ok()?.to_vec())))
            .collect();
        let mut functions: Vec<(u64, String)> = file
            .symbols()
            .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown))
            .filter(|symbol| symbol.address() != 0)
            .filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?)))
            .filter(|(_, name)| !name.is_empty() && !name.starts_with(".L"))
            .map(|(address, name)| {
                let name = addr2line::demangle_auto(name.into(), None).into_owned();
                (address, name)
            })
            .collect();
        functions.sort();
        let lines =
            Loader::new(path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        Ok(Image {
            name: name.into(),
            text,
            functions,
            lines,
        })
    }

    /// Whether these instructions lie at this address.
    fn holds(&self, address: u64, code: &[u8]) -> bool {
        self.text.iter().any(|(start, bytes)| {
            address
                .checked_sub(*start)
                .and_then(|offset| {
                    bytes
                        .get(usize::try_from(offset).ok()?..)?
                        .get(..code.len())
                })
                .is_some_and(|there| there == code)
        })
    }

    /// The one address where these instructions lie.
    fn search(&self, code: &[u8]) -> Option<u64> {
        if code.len() < TELLING {
            return None;
        }
        let mut found = self.text.iter().flat_map(|(start, bytes)| {
            let places = bytes.windows(code.len()).step_by(4).enumerate();
            places
                .filter(|(_, there)| *there == code)
                .map(move |(index, _)| start + 4 * index as u64)
        });
        found.next().filter(|_| found.next().is_none())
    }

    fn function(&self, address: u64) -> &str {
        let after = self
            .functions
            .partition_point(|(start, _)| *start <= address);
        match after.checked_sub(1) {
            Some(index) => &self.functions[index].1,
            None => "?",
        }
    }

    /// The innermost inlined function at an address, and its line.
    fn line(&self, address: u64) -> String {
        let mut frames = match self.lines.find_frames(address) {
            Ok(frames) => frames,
            Err(_) => return self.function(address).into(),
        };
        let Ok(Some(frame)) = frames.next() else {
            return self.function(address).into();
        };
        let function = frame.function.as_ref().and_then(|f| f.demangle().ok());
        let function = function.map_or_else(|| self.function(address).into(), |f| f.into_owned());
        let place = frame.location.and_then(|l| {
            let file = l.file?;
            let file = file.rsplit('/').next().unwrap_or(file);
            Some(format!("  {file}:{}", l.line?))
        });
        format!(
            "{function}{}  in {}",
            place.unwrap_or_default(),
            self.function(address)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test program stands in for one of the guest's.
    fn image() -> Image {
        let path = std::env::current_exe().expect("a test program has a path");
        Image::open("test", &path).expect("it has symbols")
    }

    #[test]
    fn finds_instructions_again() {
        let image = image();
        let (start, bytes) = image
            .text
            .iter()
            .max_by_key(|(_, bytes)| bytes.len())
            .unwrap();
        let code = &bytes[256..256 + 200];
        assert!(image.holds(start + 256, code));
        assert!(!image.holds(start + 260, code));
        assert_eq!(image.search(&code[..TELLING - 4]), None);
    }

    #[test]
    fn names_functions() {
        let image = image();
        let named = image
            .functions
            .iter()
            .find(|(_, name)| name.contains("names_functions"));
        let (address, name) = named.expect("this very function");
        assert_eq!(image.function(address + 4), name);
        assert_eq!(image.function(0), "?");
    }
}
