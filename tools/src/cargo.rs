//! Cargo, seen from the tool: what the workspace holds, and how it is built.
//!
//! The tool builds what the workspace declares instead of a fixed list, so a crate that
//! is added is built and tested from the moment it is a member. A package says in its
//! manifest when it belongs to the host alone (`[package.metadata.k42] host = true`).

use crate::process;
use crate::repo::{Order, Repo};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Feature that a program of K42 turns on when it is built to run there: the same
/// package without it is what the host tests.
const TARGET_FEATURE: &str = "k42";

/// A package of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// For the host alone: the tools and the tests' own programs.
    pub host_only: bool,
    /// Its tests are to run under miri as well (`[package.metadata.k42] miri = true`).
    pub miri: bool,
    /// Runs inside the compiler.
    pub proc_macro: bool,
    /// Has a library.
    pub library: bool,
    /// Names of its programs.
    pub programs: Vec<String>,
    /// Has the feature for running on K42.
    target_feature: bool,
}

/// The packages of the workspace, sorted by name.
pub fn packages(repo: &Repo) -> Result<Vec<Package>> {
    let text = process::stdout_of(
        Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(repo.root()),
    )?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata")?;
    let mut packages: Vec<Package> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(package)
        .collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

/// Reads one package of cargo's metadata.
fn package(value: &Value) -> Option<Package> {
    let has_kind = |target: &Value, kind: &str| {
        target["kind"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|k| k == kind))
    };
    let targets = value["targets"].as_array()?;
    let manifest = PathBuf::from(value["manifest_path"].as_str()?);
    Some(Package {
        name: value["name"].as_str()?.into(),
        dir: manifest.parent()?.into(),
        host_only: value["metadata"]["k42"]["host"] == true,
        miri: value["metadata"]["k42"]["miri"] == true,
        proc_macro: targets.iter().any(|t| has_kind(t, "proc-macro")),
        library: targets
            .iter()
            .any(|t| has_kind(t, "lib") || has_kind(t, "rlib")),
        programs: targets
            .iter()
            .filter(|t| has_kind(t, "bin"))
            .filter_map(|t| t["name"].as_str().map(String::from))
            .collect(),
        target_feature: value["features"].get(TARGET_FEATURE).is_some(),
    })
}

impl Package {
    /// Is built for K42's targets.
    pub fn for_target(&self) -> bool {
        !self.host_only && !self.proc_macro
    }
}

/// A cargo command in the checkout, with no colour or progress in what is captured.
pub fn cargo(repo: &Repo, verb: &str) -> Command {
    let mut command = Command::new("cargo");
    command
        .arg(verb)
        .current_dir(repo.root())
        .env("CARGO_TERM_COLOR", "never");
    command
}

/// Where the compiler's libraries for the host lie; its programs are beside that folder.
pub fn target_libdir() -> Result<PathBuf> {
    let path = process::stdout_of(Command::new("rustc").args(["--print", "target-libdir"]))?;
    Ok(PathBuf::from(path))
}

/// Adds the arguments that build for K42 itself: our target, and the core library built
/// for it from source, with the memory functions that no C library provides there.
pub fn for_k42(command: &mut Command, repo: &Repo, order: Order) {
    command
        .arg("--release")
        .arg("--target")
        .arg(repo.target_file(order))
        .arg("-Zjson-target-spec")
        .arg("-Zbuild-std=core,alloc,compiler_builtins")
        .arg("-Zbuild-std-features=compiler-builtins-mem");
}

/// Adds `-p` for each package, with the target feature of those that have it.
pub fn select(command: &mut Command, packages: &[&Package]) {
    for package in packages {
        command.args(["-p", &package.name]);
        if package.target_feature {
            command.args(["--features", &format!("{}/{TARGET_FEATURE}", package.name)]);
        }
    }
}

/// Target of a Linux process of the other byte order, for host tests under `qemu-ppc64`.
const BIG_ENDIAN_LINUX: &str = "powerpc64-unknown-linux-gnu";

/// Adds the arguments that build tests for big-endian Linux.
pub fn for_big_endian_linux(command: &mut Command) {
    // The workspace's profile aborts on panic; tests unwind. Mixed, cargo builds the core
    // library once for each, and the compiler rejects the pair.
    command
        .args(["--target", BIG_ENDIAN_LINUX, "-Zbuild-std=std,panic_unwind"])
        .env("CARGO_PROFILE_DEV_PANIC", "unwind")
        // The emulator needs twenty times as long for code that is not optimised.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env(
            "CARGO_TARGET_POWERPC64_UNKNOWN_LINUX_GNU_LINKER",
            "powerpc64-linux-gnu-gcc",
        )
        .env(
            "CARGO_TARGET_POWERPC64_UNKNOWN_LINUX_GNU_RUNNER",
            EMULATOR.join(" "),
        );
}

/// Runs a program that was built for big-endian Linux.
pub const EMULATOR: [&str; 3] = ["qemu-ppc64", "-L", "/usr/powerpc64-linux-gnu"];
