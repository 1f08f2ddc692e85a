//! Suites about the source: formatting and lints, files that the documents name, and that
//! every crate builds for both byte orders.

use super::Jobs;
use crate::cargo::{self, Package};
use crate::process;
use crate::repo::{Order, Repo};
use crate::{build, build::KERNEL};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;

/// `lint`: formatting; clippy without a warning on the host and for both targets; the documents.
pub fn lint_suite(repo: &Repo, packages: &[Package]) -> Jobs {
    let mut jobs = Jobs::new("lint");
    let format = repo.clone();
    jobs.case("format", move || {
        run(cargo::cargo(&format, "fmt").args(["--all", "--", "--check", "-l"]))?;
        let fuzz = ["--manifest-path", "tests/fuzz/Cargo.toml"];
        run(cargo::cargo(&format, "fmt")
            .args(fuzz)
            .args(["--", "--check", "-l"]))
    });
    let documents = repo.clone();
    jobs.case("documents", move || {
        documents_name_what_is_there(&documents)
    });
    let host = repo.clone();
    jobs.case("clippy-host", move || {
        let mut command = cargo::cargo(&host, "clippy");
        command.args([
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]);
        run(&mut command)
    });
    for order in [Order::Little, Order::Big] {
        let (repo, groups) = (repo.clone(), groups(packages));
        jobs.case(format!("clippy-{}", order.target()), move || {
            groups
                .iter()
                .filter(|g| !g.is_empty())
                .try_for_each(|group| {
                    let mut command = cargo::cargo(&repo, "clippy");
                    command.arg("--quiet");
                    cargo::for_k42(&mut command, &repo, order);
                    cargo::select(&mut command, &group.iter().collect::<Vec<_>>());
                    run(command.args(["--", "-D", "warnings"]))
                })
        });
    }
    jobs
}

/// `build`: every crate that runs on K42, for both byte orders.
pub fn build_suite(repo: &Repo, packages: &[Package]) -> Jobs {
    let mut jobs = Jobs::new("build");
    for order in [Order::Little, Order::Big] {
        let (repo, groups) = (repo.clone(), groups(packages));
        jobs.case(order.target(), move || {
            groups
                .iter()
                .filter(|g| !g.is_empty())
                .try_for_each(|group| {
                    let group: Vec<&Package> = group.iter().collect();
                    build::build_packages(&repo, order, &group)
                })
        });
    }
    jobs
}

/// The crates for K42, the kernel apart from the rest for the reason given in [`build`].
fn groups(packages: &[Package]) -> [Vec<Package>; 2] {
    let target = packages.iter().filter(|p| p.for_target()).cloned();
    let (kernel, rest) = target.partition(|p| p.name == KERNEL);
    [kernel, rest]
}

/// Every file of the tree that a document names exists: what moves takes its documents along.
fn documents_name_what_is_there(repo: &Repo) -> Result<()> {
    let mut gone = Vec::new();
    let mut documents = vec![
        repo.root().join("README.md"),
        repo.root().join("CONTRIBUTING.md"),
    ];
    for entry in fs::read_dir(repo.root().join("docs")).context("docs")? {
        documents.push(entry?.path());
    }
    for document in documents
        .iter()
        .filter(|d| d.extension().is_some_and(|e| e == "md"))
    {
        let text = fs::read_to_string(document)?;
        for name in source_files(&text) {
            if !repo.root().join(name).is_file() {
                let shown = document.strip_prefix(repo.root()).unwrap_or(document);
                gone.push(format!("{} names {name}", shown.display()));
            }
        }
    }
    ensure!(
        gone.is_empty(),
        "these files do not exist:\n{}",
        gone.join("\n")
    );
    Ok(())
}

/// The source files, with a folder, that a text names in code style.
fn source_files(text: &str) -> impl Iterator<Item = &str> {
    let folders = [
        "boot/",
        "kernel/",
        "libk42/",
        "servers/",
        "linux-emu/",
        "tools/",
        "tests/",
    ];
    let endings = [".rs", ".S", ".c", ".h", ".sh", ".json", ".ld"];
    text.split('`').skip(1).step_by(2).filter(move |word| {
        folders.iter().any(|folder| word.starts_with(folder))
            && endings.iter().any(|ending| word.ends_with(ending))
            && !word.contains([' ', '*', '{', '<'])
            && !word
                .chars()
                .any(|c| c.is_ascii_uppercase() && word.ends_with(".c"))
    })
}

fn run(command: &mut Command) -> Result<()> {
    process::check(command).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_files_that_a_text_names() {
        let text = "see `kernel/src/ipc.rs`, `ipc.rs`, `servers/{a,b}/c.rs`, `tests/diff/NAME.c` and `boot/x.S`";
        let found: Vec<&str> = source_files(text).collect();
        assert_eq!(found, ["kernel/src/ipc.rs", "boot/x.S"]);
    }
}
