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
use crate::profile;
use crate::qemu::Machine;
use crate::repo::{Order, Repo};
use crate::symbols::Symbols;
use crate::system::{self, SELFTEST};
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
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
    let counting = repo.clone();
    jobs.case("plugin-counts", move || plugin_counts(&counting));
    jobs.case("plugin-missing", || {
        // As good a file as any that is no plugin.
        let plugin = env!("CARGO_MANIFEST_PATH");
        for (argument, why) in [
            ("/no/such/plugin.so,mode=lines".into(), "/no/such/plugin.so"),
            (format!("{plugin},mode=lines"), plugin),
        ] {
            let mut machine = bare("no-kernel".into(), 1, Firmware::Vof);
            machine.plugin = Some(argument);
            let Err(error) = guest::observe(&machine, Input::None, LIMIT, None, None) else {
                bail!("a machine started without its plugin");
            };
            let error = format!("{error:#}");
            ensure!(
                error.starts_with("QEMU did not start: ") && error.contains(why),
                "not clear: {error}"
            );
        }
        Ok(())
    });
    let refusing = repo.clone();
    jobs.case("plugin-refuses", move || {
        let plugin = profile::plugin(&refusing)?;
        let mut machine = bare("no-kernel".into(), 1, Firmware::Vof);
        let nowhere = Path::new("/no/such/folder/report");
        for (settings, why) in [
            (["mode=flun"], "'mode=flun'"),
            (["ram=much"], "'ram=much'"),
            (["mode=lines"], "/no/such/folder/report"),
        ] {
            machine.plugin = Some(profile::argument(&plugin, &settings, nowhere));
            let Err(error) = guest::observe(&machine, Input::None, LIMIT, None, None) else {
                bail!("the plugin took {settings:?}");
            };
            let error = format!("{error:#}");
            ensure!(error.contains(why), "not clear: {error}");
        }
        Ok(())
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

/// A program on two CPUs of which it is known how often which line moves: the plugin counts just that.
fn plugin_counts(repo: &Repo) -> Result<()> {
    const ROUNDS: u64 = 1000;
    let folder = tempfile::tempdir()?;
    let (kernel, report) = (folder.path().join("guest"), folder.path().join("report"));
    process::check(
        Command::new("powerpc64-linux-gnu-gcc")
            .args(["-nostdlib", "-static", "-Wl,-N,-Ttext=0,--build-id=none"])
            .arg("-o")
            .arg(&kernel)
            .arg(repo.root().join("tools/tests/two-cpus.S")),
    )?;
    let plugin = profile::plugin(repo)?;
    let mut machine = bare(kernel, 2, Firmware::Vof);
    machine.plugin = Some(profile::argument(
        &plugin,
        &["mode=lines", "ram=512"],
        &report,
    ));
    machine.icount = true;
    let seen = guest::observe(&machine, Input::None, LIMIT, None, None)?;
    ensure!(seen.end.reason == Reason::PowerOff, seen.tail());
    let report = std::fs::read_to_string(report)?;
    let words = |start: &str| -> Vec<Vec<String>> {
        let lines = report.lines().filter(|line| line.starts_with(start));
        lines
            .map(|line| line.split(' ').map(String::from).collect())
            .collect()
    };
    let known = ROUNDS.to_string();
    for (cpu, words) in words("cpu ").iter().enumerate() {
        // CPU, instructions, operations, loads, stores, moved by load, moved by store.
        let [_, number, _, operations, _, stores, by_load, by_store] = &words[..] else {
            bail!("a line of the report has other words:\n{report}");
        };
        ensure!(
            *number == cpu.to_string()
                && *operations == known
                && *stores == (2 * ROUNDS).to_string(),
            "work of CPU {cpu}:\n{report}"
        );
        ensure!(
            *by_load == known && *by_store == known,
            "moves of CPU {cpu}:\n{report}"
        );
    }
    let lines = words("line ");
    ensure!(
        words("cpu ").len() == 2 && lines.len() == 1 && lines[0][3] == (4 * ROUNDS).to_string(),
        "it is one line that moves:\n{report}"
    );
    Ok(())
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
