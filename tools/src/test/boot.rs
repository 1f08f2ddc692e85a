//! Suite `boot`: whole machines start.
//!
//! The example `probe` of the crate `k42-boot` is the smallest kernel: it shows what the
//! firmware told, starts every CPU and powers off. It runs in both byte orders, under
//! both firmwares, on 1, 2 and 4 CPUs, and with an archive packed behind it. The kernel
//! itself is booted without an archive: it gets through its self-tests, says that there
//! is nothing to start, and its panic report must name the functions. With the program
//! `k42-selftest` in the memory server's place it runs threads, calls and faults.

use super::Jobs;
use crate::bench;
use crate::build::{self, Built, KERNEL};
use crate::cargo::{self, Package};
use crate::cli::Firmware;
use crate::console::Input;
use crate::guest::{self, Seen};
use crate::image;
use crate::machine::Reason;
use crate::process;
use crate::qemu::Machine;
use crate::repo::{Order, Repo};
use crate::symbols::Symbols;
use crate::system::{self, SELFTEST};
use anyhow::{Result, bail, ensure};
use std::path::PathBuf;
use std::time::Duration;

/// A boot that takes longer hangs: the slowest takes twenty seconds on an idle host.
const LIMIT: Duration = Duration::from_secs(120);

/// The package with the example.
const BOOT: &str = "k42-boot";

/// The cases that the workspace can run.
pub fn suite(repo: &Repo, packages: &[Package]) -> Jobs {
    let mut jobs = Jobs::new("boot");
    if !packages.iter().any(|p| p.name == BOOT) {
        return jobs;
    }
    for (order, cpus, firmware, name) in [
        (Order::Little, 1, Firmware::Vof, "probe-1cpu"),
        (Order::Little, 2, Firmware::Vof, "probe-2cpu"),
        (Order::Little, 4, Firmware::Vof, "probe-4cpu"),
        (Order::Little, 2, Firmware::Slof, "probe-slof"),
        (Order::Big, 1, Firmware::Vof, "probe-big-endian-1cpu"),
        (Order::Big, 4, Firmware::Vof, "probe-big-endian-4cpu"),
    ] {
        let repo = repo.clone();
        jobs.case(name, move || {
            let kernel = probe(&repo, order)?;
            let seen = boot(kernel, cpus, firmware, None)?;
            expect(&seen, &[verdict(order, cpus)])
        });
    }
    let packing = repo.clone();
    jobs.case("image", move || {
        let seen = packed(&packing)?;
        expect(&seen, &["payload Some".into(), verdict(Order::Little, 1)])
    });
    if packages.iter().any(|p| p.name == KERNEL) {
        kernel_cases(repo, &mut jobs);
        if packages.iter().any(|p| p.name == SELFTEST) {
            selftest_cases(repo, &mut jobs);
            twin_cases(repo, &mut jobs);
        }
    }
    jobs
}

/// The kernel alone, in both byte orders.
fn kernel_cases(repo: &Repo, jobs: &mut Jobs) {
    for (order, cpus, name) in [
        (Order::Little, 1, "kernel-1cpu"),
        (Order::Little, 2, "kernel-2cpu"),
        (Order::Little, 4, "kernel-4cpu"),
        (Order::Big, 1, "kernel-big-endian-1cpu"),
        (Order::Big, 4, "kernel-big-endian-4cpu"),
    ] {
        let repo = repo.clone();
        jobs.case(name, move || {
            let kernel = build::kernel(&repo, order)?;
            let built = Built {
                kernel: Some(kernel.clone()),
                programs: Vec::new(),
            };
            let seen = boot(
                kernel,
                cpus,
                Firmware::Vof,
                Some(Symbols::new(&repo, &built)),
            )?;
            let banner = format!("K42 in Rust, {}, {cpus} CPUs", order.name());
            let texts = [
                &banner,
                "self-test passed",
                "no boot archive",
                "kernel_main  kernel/src/start.rs",
            ];
            match texts.iter().find(|text| !seen.log.contains(**text)) {
                Some(text) => bail!("not in the log: {text}\n{}", seen.tail()),
                None => Ok(()),
            }
        });
    }
}

/// The kernel with the self-test program as process 1.
fn selftest_cases(repo: &Repo, jobs: &mut Jobs) {
    for (order, cpus, name) in [
        (Order::Little, 1, "selftest-1cpu"),
        (Order::Little, 2, "selftest-2cpu"),
        (Order::Little, 4, "selftest-4cpu"),
        (Order::Big, 1, "selftest-big-endian-1cpu"),
        (Order::Big, 2, "selftest-big-endian-2cpu"),
    ] {
        let repo = repo.clone();
        jobs.case(name, move || {
            let (_, seen) = system::selftest(&repo, order, cpus, false, "", None)?;
            ensure!(seen.end.reason == Reason::PowerOff, seen.tail());
            ensure!(seen.log.contains("selftest INFO: passed"), seen.tail());
            ensure!(seen.end.status == Some(0), seen.tail());
            Ok(())
        });
    }
}

/// Protected calls have a fast path in assembly, and a twin in Rust that the kernel takes when it is told to: the
/// self-test passes with both, and a call that does nothing shows that they are two.
fn twin_cases(repo: &Repo, jobs: &mut Jobs) {
    for (order, cpus, name) in [
        (Order::Little, 1, "twin-1cpu"),
        (Order::Little, 4, "twin-4cpu"),
        (Order::Big, 2, "twin-big-endian-2cpu"),
    ] {
        let repo = repo.clone();
        jobs.case(name, move || {
            let counted = cpus == 1;
            let (_, twin) = system::selftest(&repo, order, cpus, counted, "fastpath=off", None)?;
            for text in ["take the slow path", "selftest INFO: passed"] {
                ensure!(twin.log.contains(text), twin.tail());
            }
            if counted {
                let (_, fast) = system::selftest(&repo, order, cpus, counted, "", None)?;
                let figures = [&fast, &twin].map(bench::raw_figures);
                let [fast, twin] = figures.map(|f| f.get("ppc_null").copied().unwrap_or(0.0));
                ensure!(0.0 < fast && fast < twin, "fast {fast}, twin {twin}");
            }
            Ok(())
        });
    }
}

/// The probe's last line when it has found everything.
fn verdict(order: Order, cpus: u32) -> String {
    format!("probe: {}, {cpus} CPUs, all is well", order.name())
}

/// Builds the probe.
fn probe(repo: &Repo, order: Order) -> Result<PathBuf> {
    let mut command = cargo::cargo(repo, "build");
    command.args(["-p", BOOT, "--example", "probe"]);
    cargo::for_k42(&mut command, repo, order);
    process::check(&mut command)?;
    Ok(repo.release_dir(order).join("examples/probe"))
}

/// A machine without an archive.
fn bare(kernel: PathBuf, cpus: u32, firmware: Firmware) -> Machine {
    Machine {
        kernel,
        archive: None,
        command_line: String::new(),
        cpus,
        memory: 512,
        icount: false,
        gdb: false,
        firmware,
        plugin: None,
    }
}

/// Boots a kernel without an archive.
fn boot(kernel: PathBuf, cpus: u32, firmware: Firmware, symbols: Option<Symbols>) -> Result<Seen> {
    guest::observe(
        &bare(kernel, cpus, firmware),
        Input::None,
        LIMIT,
        symbols,
        None,
    )
}

/// Boots the probe with a payload behind it.
fn packed(repo: &Repo) -> Result<Seen> {
    let kernel = std::fs::read(probe(repo, Order::Little)?)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("image.elf");
    std::fs::write(&file, image::join(&kernel, &[0x5a; 100_000])?)?;
    boot(file, 1, Firmware::Vof, None)
}

/// The guest must have powered off and shown each text.
fn expect(seen: &Seen, texts: &[String]) -> Result<()> {
    let missing = texts.iter().find(|t| !seen.console.contains(t.as_str()));
    match (missing, &seen.end.reason) {
        (None, Reason::PowerOff) => Ok(()),
        (Some(text), _) => bail!("not shown: {text}\n{}", seen.tail()),
        (None, _) => bail!(seen.tail()),
    }
}
