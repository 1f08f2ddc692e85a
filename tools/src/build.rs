//! `build`: the kernel, the servers and the Linux library for one byte order.
//!
//! The kernel is built by itself: cargo would otherwise turn on, in the crates that both
//! share, the features that only the user-level programs ask for.

use crate::cargo::{self, Package};
use crate::cli::BuildOptions;
use crate::process;
use crate::progress::Progress;
use crate::repo::{Order, Repo};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// The package whose program is the kernel.
pub const KERNEL: &str = "k42-kernel";

/// The programs that user level starts with: package, and name in the boot archive. This
/// is also the order in which they lie there.
pub const PROGRAMS: [(&str, &str); 6] = [
    ("k42-memory", "servers/memory"),
    ("k42-process", "servers/process"),
    ("k42-name", "servers/name"),
    ("k42-kfs", "servers/kfs"),
    ("k42-console", "servers/console"),
    ("k42-linux-emu", "linux-emu"),
];

/// Paths of the programs that were built; `None` for what the workspace does not hold.
pub struct Built {
    /// The kernel.
    pub kernel: Option<PathBuf>,
    /// Name in the boot archive and file, for each user-level program.
    pub programs: Vec<(&'static str, PathBuf)>,
}

/// Carries out `build`.
pub fn command(repo: &Repo, options: &BuildOptions) -> Result<u8> {
    let order = Order::from_flag(options.big_endian);
    let built = build(repo, order, Progress::new(false))?;
    let files = built.kernel.iter().map(|k| ("kernel", k));
    for (name, path) in files.chain(built.programs.iter().map(|(n, p)| (*n, p))) {
        let shown = path.strip_prefix(repo.root()).unwrap_or(path);
        println!("{name:<16} {}", shown.display());
    }
    if built.kernel.is_none() && built.programs.is_empty() {
        println!("nothing to build: the workspace has no kernel and no servers");
    }
    Ok(0)
}

/// Builds all programs for K42 that the workspace holds.
pub fn build(repo: &Repo, order: Order, progress: Progress) -> Result<Built> {
    let packages = cargo::packages(repo)?;
    let find = |name: &str| {
        packages
            .iter()
            .find(|p| p.name == name && !p.programs.is_empty())
    };
    let release = repo.release_dir(order);
    let path = |p: &Package| release.join(&p.programs[0]);

    let kernel = find(KERNEL);
    if let Some(kernel) = kernel {
        let _step = progress.step(format!("building the kernel ({})", order.name()));
        build_packages(repo, order, &[kernel])?;
    }
    let present: Vec<(&'static str, &Package)> = PROGRAMS
        .iter()
        .filter_map(|&(p, name)| find(p).map(|p| (name, p)))
        .collect();
    if !present.is_empty() {
        let _step = progress.step(format!("building servers and library ({})", order.name()));
        build_packages(
            repo,
            order,
            &present.iter().map(|&(_, p)| p).collect::<Vec<_>>(),
        )?;
    }
    Ok(Built {
        kernel: kernel.map(path),
        programs: present
            .into_iter()
            .map(|(name, p)| (name, path(p)))
            .collect(),
    })
}

/// What was built before, for who wants symbols and no build.
pub fn present(repo: &Repo, order: Order) -> Result<Built> {
    let packages = cargo::packages(repo)?;
    let release = repo.release_dir(order);
    let path = |name: &str| {
        let package = packages.iter().find(|p| p.name == name)?;
        let path = release.join(package.programs.first()?);
        path.exists().then_some(path)
    };
    Ok(Built {
        kernel: path(KERNEL),
        programs: PROGRAMS
            .iter()
            .filter_map(|&(package, name)| Some((name, path(package)?)))
            .collect(),
    })
}

/// Builds the kernel alone.
pub fn kernel(repo: &Repo, order: Order) -> Result<PathBuf> {
    program(repo, KERNEL, order)
}

/// Builds one package and gives the path of its program.
pub fn program(repo: &Repo, name: &str, order: Order) -> Result<PathBuf> {
    let packages = cargo::packages(repo)?;
    let package = packages
        .iter()
        .find(|p| p.name == name && !p.programs.is_empty());
    let package = package.with_context(|| format!("the workspace has no program {name}"))?;
    build_packages(repo, order, &[package])?;
    Ok(repo.release_dir(order).join(&package.programs[0]))
}

/// Builds some packages for K42.
pub fn build_packages(repo: &Repo, order: Order, packages: &[&Package]) -> Result<()> {
    let mut command = cargo::cargo(repo, "build");
    cargo::for_k42(&mut command, repo, order);
    cargo::select(&mut command, packages);
    process::check(&mut command).map(drop)
}
