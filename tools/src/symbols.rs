//! Backtraces in words: addresses in the log become function, file and line.
//!
//! A program of K42 that gives up logs `NAME: backtrace: 0xA 0xB …`; without a name it is
//! the kernel. An address counts from the start of the program's image, or is the address
//! that it was linked at. The host has the programs with their symbols, and prints below
//! such a line what each address is.

use crate::build::{Built, KERNEL, PROGRAMS};
use crate::repo::Repo;
use addr2line::Loader;
use object::{Object, ObjectSegment};
use std::cell::{Cell, OnceCell};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What marks such a line.
const MARK: &str = "backtrace:";

/// The programs of one build, opened when first asked about.
pub struct Symbols {
    programs: Vec<Program>,
    root: PathBuf,
    /// The server that the last report of the kernel was about.
    failed: Cell<Option<&'static str>>,
}

/// The symbols of a program, and the addresses that its image is linked at.
type Opened = (Loader, Range<u64>);

struct Program {
    name: String,
    path: PathBuf,
    opened: OnceCell<Option<Opened>>,
}

impl Symbols {
    /// For these programs.
    pub fn new(repo: &Repo, built: &Built) -> Self {
        let kernel = built
            .kernel
            .iter()
            .map(|path| (KERNEL.trim_start_matches("k42-"), path));
        let others = built
            .programs
            .iter()
            .map(|(name, path)| (name.trim_start_matches("servers/"), path));
        let programs = kernel
            .chain(others)
            .map(|(name, path)| Program {
                name: name.into(),
                path: path.clone(),
                opened: OnceCell::new(),
            })
            .collect();
        Symbols {
            programs,
            root: repo.root().into(),
            failed: Cell::new(None),
        }
    }

    /// The lines that explain a line of the log; none for most.
    pub fn explain(&self, line: &str) -> Vec<String> {
        if let Some(name) = process_of(line) {
            self.failed.set(Some(name));
        }
        let Some((before, addresses)) = line.split_once(MARK) else {
            return Vec::new();
        };
        // "server backtrace:" is about the process that the kernel's report named.
        let before = match self.failed.get().filter(|_| before.ends_with("server ")) {
            Some(name) => name,
            None => before,
        };
        let named = |p: &Program| before.split([' ', ':', '[', ']']).any(|w| w == p.name);
        addresses
            .split_whitespace()
            .filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok())
            .enumerate()
            .flat_map(|(depth, address)| {
                // The one that the line names, if the address can be its own.
                let mut holders = self.programs.iter().filter(|p| p.holds(address));
                let first = holders.clone().next();
                match holders.find(|p| named(p)).or(first) {
                    Some(program) => program.frames(address, depth > 0, &self.root),
                    None => vec![format!("    {address:#x}  ?")],
                }
            })
            .collect()
    }
}

impl Program {
    fn opened(&self) -> Option<&Opened> {
        self.opened.get_or_init(|| open(&self.path)).as_ref()
    }

    /// Whether an address, linked or counted from the start, lies in the image.
    fn holds(&self, address: u64) -> bool {
        self.opened()
            .is_some_and(|(_, image)| image.contains(&address) || address < image.end - image.start)
    }

    /// One line per function, inlined ones first, as they were called inmost to outmost.
    /// A return address belongs to the call before it.
    fn frames(&self, address: u64, returns: bool, root: &Path) -> Vec<String> {
        let Some((loader, image)) = self.opened() else {
            return Vec::new();
        };
        let start = image.start;
        let linked = if address < start {
            start.wrapping_add(address)
        } else {
            address
        };
        let place = if returns {
            linked.saturating_sub(4)
        } else {
            linked
        };
        let mut lines = Vec::new();
        if let Ok(mut frames) = loader.find_frames(place) {
            while let Ok(Some(frame)) = frames.next() {
                let function = frame.function.as_ref().and_then(|f| f.demangle().ok());
                // Line tables alone name no functions.
                let function = match function {
                    Some(name) => name.into_owned(),
                    None => symbol_at(loader, place),
                };
                let line = frame.location.map_or_else(String::new, |l| {
                    format!(
                        "  {}:{}",
                        short(l.file.unwrap_or("?"), root),
                        l.line.unwrap_or(0)
                    )
                });
                lines.push(format!("    {address:#x}  {function}{line}"));
            }
        }
        if lines.is_empty() {
            lines.push(format!("    {address:#x}  {}", symbol_at(loader, place)));
        }
        lines
    }
}

/// The symbol that holds an address, `?` if there is none.
fn symbol_at(loader: &Loader, address: u64) -> String {
    let symbol = loader.find_symbol(address).unwrap_or("?");
    addr2line::demangle_auto(symbol.into(), None).into_owned()
}

/// The server whose process number a report names: servers are processes from 1 on, in the
/// order in which they are started.
fn process_of(line: &str) -> Option<&'static str> {
    let number = line.split_once("process 0x")?.1;
    let end = number
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(number.len());
    let number = usize::from_str_radix(&number[..end], 16).ok()?;
    let (_, name) = PROGRAMS.get(number.checked_sub(1)?)?;
    Some(name.trim_start_matches("servers/"))
}

/// A source file's path as seen from the checkout, or from the standard library's source.
fn short<'a>(file: &'a str, root: &Path) -> &'a str {
    let inside = Path::new(file)
        .strip_prefix(root)
        .ok()
        .and_then(Path::to_str);
    let library = file.split_once("/rustlib/src/rust/").map(|(_, rest)| rest);
    inside.or(library).unwrap_or(file)
}

/// Opens a program's symbols and finds where its image begins.
fn open(path: &Path) -> Option<Opened> {
    let data = fs::read(path).ok()?;
    let file = object::File::parse(data.as_slice()).ok()?;
    let start = file.segments().map(|s| s.address()).min()?;
    let end = file
        .segments()
        .map(|s| s.address().saturating_add(s.size()))
        .max()?;
    Some((Loader::new(path).ok()?, start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test program stands in for the kernel: it has symbols and line numbers.
    fn symbols() -> Symbols {
        let path = std::env::current_exe().expect("a test program has a path");
        Symbols::new(
            &Repo::find().expect("a checkout"),
            &Built {
                kernel: Some(path),
                programs: Vec::new(),
            },
        )
    }

    #[test]
    fn names_a_function() {
        let symbols = symbols();
        let loader = Loader::new(&symbols.programs[0].path).expect("opens");
        // Any address inside this module's code will do (the name is mangled: crate `k42`, module `symbols`).
        let address = (0..u64::MAX)
            .step_by(64)
            .take(200_000)
            .find(|&a| {
                loader
                    .find_symbol(a)
                    .is_some_and(|s| s.contains("3k427symbols"))
            })
            .expect("the program has this module");
        let lines = symbols.explain(&format!("kernel: backtrace: {address:#x}"));
        assert!(lines.iter().any(|l| l.contains("symbols")), "{lines:?}");
    }

    #[test]
    fn numbers_of_servers() {
        assert_eq!(
            process_of("kernel panic: broken: process 0x5 address 0x0"),
            Some("console")
        );
        assert_eq!(process_of("process 0x1"), Some("memory"));
        assert_eq!(process_of("process 0x0 process 0x99"), None);
    }

    #[test]
    fn leaves_other_lines_alone() {
        assert!(symbols().explain("hello 0x1234").is_empty());
        assert!(symbols().explain("backtrace: nonsense").is_empty());
    }
}
