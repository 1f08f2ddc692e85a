//! Suites `host` and `host-be`: the tests of every crate that can run on the host, in the
//! host's byte order and, under `qemu-ppc64`, in the other. Suites `loom` and `miri`: the
//! models of the lock-free parts in every interleaving, and the parts with `unsafe` under
//! an interpreter that sees what is undefined.
//!
//! Cargo builds the test programs and tells where they are; this module runs them itself
//! and reads what libtest prints, so that each test counts and a failure brings its own
//! output.

use super::{Report, Suite, Verdict};
use crate::cargo::{self, Package};
use crate::process;
use crate::progress::Progress;
use crate::repo::Repo;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where host tests run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// The host itself.
    Native,
    /// A big-endian Linux process under emulation.
    BigEndian,
    /// The host, with atomics that loom schedules: for packages with `tests/loom.rs`.
    Loom,
    /// The interpreter: for packages that say `miri = true` in their metadata.
    Miri,
}

impl Machine {
    /// All of them, one suite each.
    pub const ALL: [Machine; 4] = [
        Machine::Native,
        Machine::BigEndian,
        Machine::Loom,
        Machine::Miri,
    ];

    fn name(self) -> &'static str {
        match self {
            Machine::Native => "host",
            Machine::BigEndian => "host-be",
            Machine::Loom => "loom",
            Machine::Miri => "miri",
        }
    }

    /// Whether a package has tests for it.
    fn takes(self, package: &Package) -> bool {
        match self {
            Machine::Native => true,
            Machine::BigEndian => package.for_target(),
            Machine::Loom => package.dir.join("tests/loom.rs").is_file(),
            Machine::Miri => package.miri,
        }
    }
}

/// A suite whose cases are packages.
pub struct Tests {
    repo: Repo,
    packages: Vec<Package>,
    machine: Machine,
}

impl Tests {
    /// The packages that have tests for a machine.
    pub fn find(repo: &Repo, packages: &[Package], machine: Machine) -> Self {
        let packages = packages.iter().filter(|package| machine.takes(package));
        Tests {
            repo: repo.clone(),
            packages: packages.cloned().collect(),
            machine,
        }
    }

    /// Builds all tests by one call of cargo, so that nothing is built twice; then runs every test program, and the
    /// documentation's tests.
    fn run_packages(&self, packages: &[&Package], report: &mut Report) -> Result<()> {
        if self.machine == Machine::Miri {
            return run_program(&mut self.miri(packages), "miri", report);
        }
        for test in self.build(packages)? {
            let name = format!("{}/{}", test.package.name, test.target);
            run_program(&mut self.command(&test)?, &name, report)?;
        }
        if self.machine == Machine::Native && packages.iter().any(|p| p.library) {
            let mut command = cargo::cargo(&self.repo, "test");
            command.args(["--quiet", "--doc", "--no-fail-fast"]);
            select(&mut command, packages.iter().filter(|p| p.library).copied());
            run_program(&mut command, "doc", report)?;
        }
        Ok(())
    }

    /// Cargo runs the interpreter itself.
    fn miri(&self, packages: &[&Package]) -> Command {
        let mut command = cargo::cargo(&self.repo, "miri");
        command.args(["test", "--quiet", "--no-fail-fast", "--lib", "--tests"]);
        command.args(["--target-dir", "target/miri"]);
        select(&mut command, packages.iter().copied());
        // Tests let go of whole systems of objects whose tables are made to live for ever.
        command.env("MIRIFLAGS", "-Zmiri-ignore-leaks");
        command
    }

    /// Has cargo build the tests.
    fn build<'a>(&self, packages: &[&'a Package]) -> Result<Vec<Test<'a>>> {
        let mut command = cargo::cargo(&self.repo, "test");
        command.args(["--no-run", "--message-format=json-render-diagnostics"]);
        select(&mut command, packages.iter().copied());
        match self.machine {
            Machine::Loom => {
                command.args(["--release", "--target-dir", "target/loom", "--test", "loom"]);
                command.env("RUSTFLAGS", "--cfg loom");
            }
            Machine::BigEndian => cargo::for_big_endian_linux(&mut command),
            Machine::Native | Machine::Miri => {}
        }
        let output = process::check(&mut command)?;
        let lines = output.stdout.split(|&b| b == b'\n');
        let mut tests = Vec::new();
        for line in lines.filter(|line| line.starts_with(b"{")) {
            let message: Value = serde_json::from_slice(line).context("cargo's messages")?;
            tests.extend(test_program(&message, packages));
        }
        Ok(tests)
    }

    /// The command that runs a test program.
    fn command(&self, test: &Test) -> Result<Command> {
        let mut command = if self.machine == Machine::BigEndian {
            let mut command = Command::new(cargo::EMULATOR[0]);
            command.args(&cargo::EMULATOR[1..]).arg(&test.program);
            command
        } else {
            Command::new(&test.program)
        };
        // Tests of a procedural macro are linked with the compiler's own libraries.
        if test.package.proc_macro {
            command.env("LD_LIBRARY_PATH", cargo::target_libdir()?);
        }
        command
            .current_dir(&test.package.dir)
            .env("CARGO_MANIFEST_DIR", &test.package.dir);
        Ok(command)
    }
}

impl Suite for Tests {
    fn name(&self) -> &str {
        self.machine.name()
    }

    fn cases(&self) -> Vec<String> {
        self.packages.iter().map(|p| p.name.clone()).collect()
    }

    fn run(self: Box<Self>, chosen: &dyn Fn(&str) -> bool, report: &mut Report) {
        let packages = self.packages.iter().filter(|p| chosen(&p.name));
        let packages: Vec<&Package> = packages.collect();
        let _step =
            Progress::new(true).step(format!("{}: {} packages", self.name(), packages.len()));
        if let Err(e) = self.run_packages(&packages, report) {
            report.record("build", Verdict::Fail(format!("{e:#}")));
        }
    }
}

/// Adds `-p` for each package.
fn select<'a>(command: &mut Command, packages: impl Iterator<Item = &'a Package>) {
    for package in packages {
        command.args(["-p", &package.name]);
    }
}

/// A test program.
struct Test<'a> {
    package: &'a Package,
    target: String,
    program: PathBuf,
}

/// The test program that one of cargo's messages tells of.
fn test_program<'a>(message: &Value, packages: &[&'a Package]) -> Option<Test<'a>> {
    let built = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let program = message["executable"].as_str().filter(|_| built)?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    Some(Test {
        package: packages.iter().find(|p| p.dir == folder)?,
        target: message["target"]["name"].as_str()?.into(),
        program: program.into(),
    })
}

/// Runs one test program and records each of its tests.
fn run_program(command: &mut Command, name: &str, report: &mut Report) -> Result<()> {
    let output = process::capture(command)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let parsed = parse(&text);
    let failed = parsed.failed.len();
    for test in parsed.failed {
        let detail = section(&text, &test).unwrap_or_else(|| "no output".into());
        report.record(&format!("{name}/{test}"), Verdict::Fail(detail));
    }
    for _ in 0..parsed.passed {
        report.record(name, Verdict::Pass);
    }
    if parsed.ignored > 0 {
        let reason = format!("{} tests are marked #[ignore]", parsed.ignored);
        report.record(name, Verdict::Skip(reason));
    }
    if !output.status.success() && failed == 0 {
        let text = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
        let detail = format!(
            "test program ended with {}\n{}",
            output.status,
            process::tail(&text, 40)
        );
        report.record(name, Verdict::Fail(detail));
    }
    Ok(())
}

/// What libtest said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parsed {
    passed: usize,
    ignored: usize,
    failed: Vec<String>,
}

/// Reads libtest's output: the summary lines for the counts (a quiet run prints no line
/// per test), the list under `failures:` for the names.
fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut in_list = false;
    for line in text.lines() {
        if let Some(result) = line.strip_prefix("test result: ") {
            in_list = false;
            let count = |word: &str| {
                let at = result.find(word)?;
                result[..at]
                    .trim_end()
                    .rsplit([' ', '.'])
                    .next()?
                    .parse()
                    .ok()
            };
            parsed.passed += count(" passed").unwrap_or(0);
            parsed.ignored += count(" ignored").unwrap_or(0);
        } else if line == "failures:" {
            in_list = true;
        } else if in_list && line.starts_with("    ") {
            let name = line.trim().to_string();
            if !parsed.failed.contains(&name) {
                parsed.failed.push(name);
            }
        } else if line.starts_with("---- ") {
            // The first "failures:" heads the captured output, not the list of names.
            in_list = false;
        }
    }
    parsed
}

/// The captured output of one failed test.
fn section(text: &str, test: &str) -> Option<String> {
    let head = format!("---- {test} ");
    let at = text.find(&head)?;
    let body = text[at..].split_once('\n')?.1;
    let ends = ["\n---- ", "\nfailures:\n"];
    let end = ends
        .iter()
        .filter_map(|e| body.find(e))
        .min()
        .unwrap_or(body.len());
    Some(body[..end].trim_end().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "
running 3 tests
test a::ok ... ok
test a::bad ... FAILED
test a::off ... ignored

failures:

---- a::bad stdout ----

thread 'a::bad' panicked at src/lib.rs:1:1:
    indented detail

failures:
    a::bad

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out
";

    #[test]
    fn reads_libtest() {
        let parsed = parse(SAMPLE);
        assert_eq!(
            parsed,
            Parsed {
                passed: 1,
                ignored: 1,
                failed: vec!["a::bad".into()]
            }
        );
        let detail = section(SAMPLE, "a::bad").expect("has a section");
        assert!(detail.contains("panicked at") && detail.ends_with("indented detail"));
    }

    #[test]
    fn adds_up_several_programs() {
        let ok = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured\n";
        assert_eq!(parse(&ok.repeat(2)).passed, 24);
    }
}
