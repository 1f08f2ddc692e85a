//! Builds the guest's C programs with the Debian cross compiler.
//!
//! The small programs of the differential suite become one static binary,
//! `diffc`, which runs the case named by its first argument: two hundred static
//! binaries would be two hundred copies of the C library in the root archive.
//! Programs marked `@dynamic`, and the larger ones, are binaries of their own.
//! Objects are kept under `build/tests` by the hash of all that went into them.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};

/// One compilation: a C source and how to build it.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The name of the program, also of the case.
    pub name: String,
    /// Where the source is.
    pub source: PathBuf,
    /// What becomes of it.
    pub kind: Kind,
}

/// What becomes of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An object with `main` renamed to `case_NAME`, for `diffc`.
    Case,
    /// A static program.
    Static,
    /// A dynamically linked program.
    Dynamic,
    /// A static program without the C library.
    Bare,
}

/// The cross compiler and where its results go.
pub struct Compiler {
    prefix: String,
    build: PathBuf,
    include: PathBuf,
    headers: u64,
}

impl Compiler {
    /// The compiler with this prefix (`powerpc64le-linux-gnu-`).
    pub fn new(prefix: &str, root: &Path) -> Result<Self> {
        let cc = format!("{prefix}gcc");
        let version = Command::new(&cc)
            .arg("--version")
            .output()
            .with_context(|| {
                format!("{cc}: not found (Debian package gcc-powerpc64le-linux-gnu)")
            })?;
        let include = root.join("tests/kit");
        let mut hash = DefaultHasher::new();
        version.stdout.hash(&mut hash);
        let mut headers: Vec<_> = fs::read_dir(&include)?.collect::<Result<_, _>>()?;
        headers.sort_by_key(fs::DirEntry::file_name);
        for header in headers
            .iter()
            .filter(|h| h.path().extension().is_some_and(|e| e == "h"))
        {
            fs::read(header.path())?.hash(&mut hash);
        }
        let build = root.join("build/tests").join(prefix.trim_end_matches('-'));
        fs::create_dir_all(&build)?;
        Ok(Self {
            prefix: prefix.to_string(),
            build,
            include,
            headers: hash.finish(),
        })
    }

    /// Compiles all units, as many at once as there are processors; the paths in the same order.
    pub fn all(&self, units: &[Unit]) -> Result<Vec<PathBuf>> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Option<Result<PathBuf>>>> =
            Mutex::new(units.iter().map(|_| None).collect());
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = self.one(unit);
                        let index = units
                            .iter()
                            .position(|u| std::ptr::eq(u, unit))
                            .unwrap_or(0);
                        if let Ok(mut results) = results.lock() {
                            results[index] = Some(result);
                        }
                    }
                });
            }
        });
        let results = results.into_inner().unwrap_or_default();
        let (mut paths, mut errors) = (Vec::new(), Vec::new());
        for result in results {
            match result.context("a compilation was lost").flatten() {
                Ok(path) => paths.push(path),
                Err(error) => errors.push(format!("{error:#}")),
            }
        }
        ensure!(errors.is_empty(), "{}", errors.join("\n"));
        Ok(paths)
    }

    fn one(&self, unit: &Unit) -> Result<PathBuf> {
        let source = fs::read(&unit.source).with_context(|| unit.source.display().to_string())?;
        let mut hash = DefaultHasher::new();
        (self.headers, &source, unit.kind).hash(&mut hash);
        let suffix = if unit.kind == Kind::Case { ".o" } else { "" };
        let out = self
            .build
            .join(format!("{}-{:016x}{suffix}", unit.name, hash.finish()));
        if out.exists() {
            return Ok(out);
        }
        let temporary = out.with_extension(format!("new{suffix}"));
        let mut cc = self.gcc();
        cc.arg(&unit.source).arg("-o").arg(&temporary);
        let symbol = format!("case_{}", unit.name);
        match unit.kind {
            Kind::Case => drop(cc.arg("-c").arg(format!("-Dmain={symbol}"))),
            Kind::Static => drop(cc.args(["-static", "-s", "-pthread"])),
            Kind::Dynamic => drop(cc.args(["-s", "-pthread"])),
            Kind::Bare => drop(cc.args(["-static", "-s", "-nostdlib", "-ffreestanding"])),
        }
        run(&mut cc)?;
        if unit.kind == Kind::Case {
            // Each case keeps its own names to itself.
            let mut objcopy = Command::new(format!("{}objcopy", self.prefix));
            run(objcopy
                .arg(format!("--keep-global-symbol={symbol}"))
                .arg(&temporary))?;
        }
        fs::rename(&temporary, &out)?;
        Ok(out)
    }

    /// Links the cases into the one program that runs them by name.
    pub fn link_cases(&self, names: &[&str], objects: &[PathBuf]) -> Result<PathBuf> {
        let mut hash = DefaultHasher::new();
        (self.headers, names, objects).hash(&mut hash);
        let out = self.build.join(format!("diffc-{:016x}", hash.finish()));
        if out.exists() {
            return Ok(out);
        }
        let mut table = String::from(
            "#include <stdio.h>\n#include <string.h>\ntypedef int run(int, char **);\n",
        );
        for name in names {
            table += &format!("run case_{name};\n");
        }
        table += "static const struct { const char *name; run *run; } cases[] = {\n";
        for name in names {
            table += &format!("    {{ \"{name}\", case_{name} }},\n");
        }
        table += "};\nint main(int argc, char **argv)\n{\n\
                  \x20   for (unsigned i = 0; argc > 1 && i < sizeof cases / sizeof cases[0]; i++)\n\
                  \x20       if (!strcmp(argv[1], cases[i].name))\n\
                  \x20           return cases[i].run(argc - 1, argv + 1);\n\
                  \x20   fprintf(stderr, \"diffc: no such case\\n\");\n    return 127;\n}\n";
        let source = self.build.join("diffc.c");
        fs::write(&source, table)?;
        let temporary = out.with_extension("new");
        let mut cc = self.gcc();
        run(cc
            .arg(&source)
            .args(objects)
            .args(["-static", "-s", "-pthread", "-o"])
            .arg(&temporary))?;
        fs::rename(&temporary, &out)?;
        Ok(out)
    }

    fn gcc(&self) -> Command {
        let mut cc = Command::new(format!("{}gcc", self.prefix));
        cc.args([
            "-O2",
            "-std=gnu11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fno-strict-aliasing",
        ]);
        // The cases pass wrong arguments on purpose.
        cc.args([
            "-Wno-stringop-overflow",
            "-Wno-stringop-overread",
            "-Wno-array-bounds",
        ]);
        cc.args([
            "-Wno-nonnull",
            "-Wno-unused-result",
            "-Wno-infinite-recursion",
            "-Wno-clobbered",
            "-Wno-format-overflow",
        ]);
        cc.arg("-I").arg(&self.include);
        cc
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Refuses a name that cannot be a C symbol and a file name at once.
pub fn check_name(name: &str) -> Result<()> {
    let good = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    ensure!(good, "{name}: a case's name is made of a-z, 0-9 and _");
    Ok(())
}
