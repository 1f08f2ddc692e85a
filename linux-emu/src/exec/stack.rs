//! The stack of a new program, as the ABI wants it at entry:
//!
//! ```text
//! top      strings: arguments, environment, path of the program, platform, 16 random bytes
//!          AT_* pairs, ending with AT_NULL
//!          environment pointers, NULL
//!          argument pointers, NULL
//! r1  ->   argument count                     (16-byte aligned)
//! ```

use alloc::vec::Vec;
use k42_abi::{Error, Result};

/// Longest single string (Linux's MAX_ARG_STRLEN with 4 KiB pages).
pub const MOST_STRING: usize = 128 << 10;
/// Arguments and environment together.
pub const MOST_TOTAL: usize = 2 << 20;

/// Tags of the auxiliary vector.
pub mod at {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const DCACHEBSIZE: u64 = 19;
    pub const ICACHEBSIZE: u64 = 20;
    pub const UCACHEBSIZE: u64 = 21;
    pub const SECURE: u64 = 23;
    pub const BASE_PLATFORM: u64 = 24;
    pub const RANDOM: u64 = 25;
    pub const HWCAP2: u64 = 26;
    pub const EXECFN: u64 = 31;
    pub const SYSINFO_EHDR: u64 = 33;
}

/// A list of strings, one after the other, each with its NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    bytes: Vec<u8>,
    count: usize,
}

impl Strings {
    /// None.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            count: 0,
        }
    }
    /// Adds one (without NUL). E2BIG beyond the limits.
    pub fn push(&mut self, text: &[u8]) -> Result<()> {
        if text.len() >= MOST_STRING
            || self.bytes.len() + text.len() + 1 + 8 * (self.count + 1) > MOST_TOTAL
        {
            return Err(Error::E2BIG);
        }
        self.bytes
            .try_reserve(text.len() + 1)
            .map_err(|_| Error::ENOMEM)?;
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.count += 1;
        Ok(())
    }
    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }
    /// All bytes, NULs included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&b| b == 0).take(self.count)
    }
}

/// What goes on the stack.
pub struct Contents<'a> {
    /// Arguments.
    pub arguments: &'a Strings,
    /// Environment.
    pub environment: &'a Strings,
    /// Path of the program as it was given.
    pub path: &'a [u8],
    /// AT_PLATFORM and AT_BASE_PLATFORM.
    pub platform: &'a [u8],
    /// AT_RANDOM's bytes.
    pub random: [u8; 16],
    /// Pairs whose values are known; those that point to the strings above are added.
    pub auxiliary: &'a [(u64, u64)],
}

/// The finished stack.
#[derive(Debug, PartialEq, Eq)]
pub struct Built {
    /// Bytes, of which the last is just below `top`.
    pub bytes: Vec<u8>,
    /// r1.
    pub pointer: u64,
    /// Address of argv[0]'s pointer.
    pub argv: u64,
    /// Address of the first environment pointer.
    pub envp: u64,
    /// Address of the auxiliary vector.
    pub auxv: u64,
}

/// Builds the stack that ends at `top` (16-byte aligned). E2BIG if it is larger than the program's strings may be.
pub fn build(top: u64, contents: &Contents<'_>) -> Result<Built> {
    let Contents {
        arguments,
        environment,
        path,
        platform,
        random,
        auxiliary,
    } = contents;
    let strings =
        arguments.bytes.len() + environment.bytes.len() + path.len() + 1 + platform.len() + 1 + 16;
    let words = 1 + arguments.count + 1 + environment.count + 1 + 2 * (auxiliary.len() + 5);
    let total = ((strings + 15) & !15) + ((words * 8 + 15) & !15);
    if total > MOST_TOTAL + MOST_STRING {
        return Err(Error::E2BIG);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(total).map_err(|_| Error::ENOMEM)?;
    let base = top - total as u64;
    // Strings first, to know where they are: they lie at the end.
    let strings_base = top - ((strings + 15) & !15) as u64;
    let arguments_at = strings_base;
    let environment_at = arguments_at + arguments.bytes.len() as u64;
    let path_at = environment_at + environment.bytes.len() as u64;
    let platform_at = path_at + path.len() as u64 + 1;
    let random_at = platform_at + platform.len() as u64 + 1;

    let mut word = |value: u64| bytes.extend_from_slice(&value.to_ne_bytes());
    word(arguments.count as u64);
    for (list, mut at) in [(arguments, arguments_at), (environment, environment_at)] {
        for text in list.iter() {
            word(at);
            at += text.len() as u64 + 1;
        }
        word(0);
    }
    for &(tag, value) in auxiliary.iter() {
        word(tag);
        word(value);
    }
    for (tag, value) in [
        (at::EXECFN, path_at),
        (at::PLATFORM, platform_at),
        (at::BASE_PLATFORM, platform_at),
        (at::RANDOM, random_at),
        (at::NULL, 0),
    ] {
        word(tag);
        word(value);
    }
    bytes.resize((strings_base - base) as usize, 0);
    for part in [
        arguments.bytes(),
        environment.bytes(),
        path,
        &[0],
        platform,
        &[0],
        random,
    ] {
        bytes.extend_from_slice(part);
    }
    bytes.resize(total, 0);
    let argv = base + 8;
    let envp = argv + 8 * (arguments.count as u64 + 1);
    let auxv = envp + 8 * (environment.count as u64 + 1);
    Ok(Built {
        bytes,
        pointer: base,
        argv,
        envp,
        auxv,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(built: &Built, at: u64) -> u64 {
        let at = (at - built.pointer) as usize;
        u64::from_ne_bytes(built.bytes[at..at + 8].try_into().unwrap())
    }
    fn text(built: &Built, at: u64) -> &str {
        let bytes = &built.bytes[(at - built.pointer) as usize..];
        core::str::from_utf8(&bytes[..bytes.iter().position(|&b| b == 0).unwrap()]).unwrap()
    }

    #[test]
    fn the_program_finds_everything() {
        let (mut arguments, mut environment) = (Strings::new(), Strings::new());
        for a in ["ls", "", "-l"] {
            arguments.push(a.as_bytes()).unwrap();
        }
        environment.push(b"HOME=/").unwrap();
        let top = 0x7000_0000_0000;
        let built = build(
            top,
            &Contents {
                arguments: &arguments,
                environment: &environment,
                path: b"/bin/ls",
                platform: b"power9",
                random: [7; 16],
                auxiliary: &[(at::PAGESZ, 4096)],
            },
        )
        .unwrap();
        assert_eq!(built.pointer % 16, 0);
        assert_eq!(built.pointer + built.bytes.len() as u64, top);
        assert_eq!(word(&built, built.pointer), 3);
        let argv: Vec<_> = (0..3)
            .map(|i| text(&built, word(&built, built.argv + 8 * i)))
            .collect();
        assert_eq!(argv, ["ls", "", "-l"]);
        assert_eq!(word(&built, built.argv + 24), 0);
        assert_eq!(text(&built, word(&built, built.envp)), "HOME=/");
        assert_eq!(word(&built, built.envp + 8), 0);
        let mut found = Vec::new();
        let mut at = built.auxv;
        while word(&built, at) != at::NULL {
            found.push((word(&built, at), word(&built, at + 8)));
            at += 16;
        }
        let of = |tag| found.iter().find(|(t, _)| *t == tag).unwrap().1;
        assert_eq!(of(at::PAGESZ), 4096);
        assert_eq!(text(&built, of(at::EXECFN)), "/bin/ls");
        assert_eq!(text(&built, of(at::PLATFORM)), "power9");
        let random = (of(at::RANDOM) - built.pointer) as usize;
        assert_eq!(&built.bytes[random..random + 16], &[7; 16]);
    }

    #[test]
    fn limits() {
        let mut strings = Strings::new();
        assert_eq!(strings.push(&[b'a'; MOST_STRING]), Err(Error::E2BIG));
        let piece = [b'a'; MOST_STRING - 1];
        while strings.push(&piece).is_ok() {}
        assert!(strings.count() >= 15 && strings.bytes().len() <= MOST_TOTAL);
    }
}
