//! Backtraces in words: addresses in the log become function, file and line.
//!
//! A program of K42 that gives up logs `NAME: backtrace: 0xA 0xB …`, the addresses as
//! linked (its load address already taken off); without a name it is the kernel. The host
//! has the programs with their symbols, and prints below such a line what each address is.

use crate::build::{Built, KERNEL};
use addr2line::Loader;
use std::cell::OnceCell;
use std::path::PathBuf;

/// What marks such a line.
const MARK: &str = "backtrace:";

/// The programs of one build, opened when first asked about.
pub struct Symbols {
    programs: Vec<Program>,
}

struct Program {
    name: String,
    path: PathBuf,
    loader: OnceCell<Option<Loader>>,
}

impl Symbols {
    /// For these programs.
    pub fn new(built: &Built) -> Self {
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
                loader: OnceCell::new(),
            })
            .collect();
        Symbols { programs }
    }

    /// The lines that explain a line of the log; none for most.
    pub fn explain(&self, line: &str) -> Vec<String> {
        let Some((before, addresses)) = line.split_once(MARK) else {
            return Vec::new();
        };
        let named = |p: &&Program| before.split([' ', ':', '[', ']']).any(|w| w == p.name);
        let Some(program) = self.programs.iter().find(named).or(self.programs.first()) else {
            return Vec::new();
        };
        addresses
            .split_whitespace()
            .filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok())
            .flat_map(|address| program.frames(address))
            .collect()
    }
}

impl Program {
    /// One line per function, inlined ones first, as they were called inmost to outmost.
    fn frames(&self, address: u64) -> Vec<String> {
        let loader = self.loader.get_or_init(|| Loader::new(&self.path).ok());
        let Some(loader) = loader else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        if let Ok(mut frames) = loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                let function = frame.function.as_ref().and_then(|f| f.demangle().ok());
                let function = function.as_deref().unwrap_or("?").to_string();
                let place = frame.location.map_or_else(String::new, |l| {
                    format!("  {}:{}", l.file.unwrap_or("?"), l.line.unwrap_or(0))
                });
                lines.push(format!("    {address:#x}  {function}{place}"));
            }
        }
        if lines.is_empty() {
            let symbol = loader.find_symbol(address).unwrap_or("?");
            lines.push(format!(
                "    {address:#x}  {}",
                addr2line::demangle_auto(symbol.into(), None)
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test program stands in for the kernel: it has symbols and line numbers.
    fn symbols() -> Symbols {
        let path = std::env::current_exe().expect("a test program has a path");
        Symbols::new(&Built {
            kernel: Some(path),
            programs: Vec::new(),
        })
    }

    #[test]
    fn names_a_function() {
        let symbols = symbols();
        let loader = Loader::new(&symbols.programs[0].path).expect("opens");
        // Any address inside this crate's code will do: take the start of a known symbol.
        let address = (0..u64::MAX)
            .step_by(64)
            .take(200_000)
            .find(|&a| loader.find_symbol(a).is_some_and(|s| s.contains("symbols")))
            .expect("the program has this module");
        let lines = symbols.explain(&format!("kernel: backtrace: {address:#x}"));
        assert!(lines.iter().any(|l| l.contains("symbols")), "{lines:?}");
    }

    #[test]
    fn leaves_other_lines_alone() {
        assert!(symbols().explain("hello 0x1234").is_empty());
        assert!(symbols().explain("backtrace: nonsense").is_empty());
    }
}
