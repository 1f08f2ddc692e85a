//! Suites about the source: formatting and lints, and that every crate builds for both
//! byte orders.

use super::Jobs;
use crate::cargo::{self, Package};
use crate::process;
use crate::repo::{Order, Repo};
use crate::{build, build::KERNEL};
use anyhow::Result;
use std::process::Command;

/// `lint`: formatting; clippy without a warning on the host and for both targets.
pub fn lint_suite(repo: &Repo, packages: &[Package]) -> Jobs {
    let mut jobs = Jobs::new("lint");
    let format = repo.clone();
    jobs.case("format", move || {
        run(cargo::cargo(&format, "fmt").args(["--all", "--", "--check", "-l"]))
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

fn run(command: &mut Command) -> Result<()> {
    process::check(command).map(drop)
}
