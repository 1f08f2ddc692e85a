//! What the suite runs on: a machine takes files and a command and gives back
//! its console.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::archive::Tree;

/// A system that can be booted to run one command.
pub trait Machine {
    /// What it is called on the command line.
    fn name(&self) -> &'static str;

    /// Boots with `extra` added to the root, runs `command` with the shell and
    /// gives back all that came over the console; stops the machine after `limit`.
    fn run(&self, extra: &Tree, command: &str, limit: Duration) -> Result<String>;
}

/// What a machine's clock goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clock {
    /// Every instruction takes one nanosecond of guest time, so that a run repeats.
    #[default]
    Instructions,
    /// The host's time, which no two runs have in common.
    Wall,
}

/// QEMU's pseries as the project uses it for tests.
pub fn pseries(memory: &str, cpus: u32, clock: Clock) -> Command {
    let mut qemu = Command::new("qemu-system-ppc64");
    qemu.args([
        "-M",
        "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
        "-cpu",
        "power9",
        "-nographic",
        "-no-reboot",
        "-vga",
        "none",
        "-net",
        "none",
        "-seed",
        "1",
        "-rtc",
        "base=2026-01-01,clock=vm",
    ]);
    if clock == Clock::Instructions {
        qemu.args(["-icount", "shift=0,sleep=off"]);
    }
    qemu.args(["-m", memory, "-smp", &cpus.to_string()]);
    qemu
}

/// Runs QEMU to its end, or for `limit`, and gives back its console.
pub fn console(qemu: &mut Command, limit: Duration) -> Result<String> {
    let mut child = qemu
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .context("qemu-system-ppc64: not found (Debian package qemu-system-ppc)")?;
    let mut stdout = child.stdout.take().context("no console")?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is still worth reading.
        let _ = stdout.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(reader.join().unwrap_or_default())
}
