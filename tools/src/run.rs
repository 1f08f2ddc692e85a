//! `run`: build, make the root, boot, and be the guest's terminal.

use crate::archive::{self, Init};
use crate::build::{self, Built};
use crate::cli::RunOptions;
use crate::console::{self, Input, RawMode};
use crate::guest::Kept;
use crate::machine::{self, End, Ends, Reason, Saved};
use crate::process;
use crate::progress::Progress;
use crate::qemu::Machine;
use crate::repo::{Order, Repo};
use crate::root;
use crate::symbols::Symbols;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, IsTerminal, LineWriter, Write};
use std::path::{Path, PathBuf};

/// Status after `--timeout`, as of the command `timeout`.
pub const TIMED_OUT: u8 = 124;

/// Status when the guest ended without giving one.
pub const NO_STATUS: u8 = 125;

/// Variables of the host that are handed on to the guest's first process when set.
const HANDED_ON: [&str; 2] = ["TERM", "K42_STRACE"];

/// Carries out `run`.
pub fn run(repo: &Repo, options: &RunOptions) -> Result<u8> {
    let progress = Progress::new(options.exec.is_some());
    // What the user named is looked at before anything takes time.
    let log = options.log.as_deref().map(create).transpose()?;
    if let Some(trace) = &options.trace {
        create(trace)?;
    }
    let tree = root::prepare(repo, &options.root, progress)?;
    let built = build::build(repo, Order::from_flag(options.big_endian), progress)?;
    let scratch = tempfile::Builder::new().prefix("k42-boot-").tempdir()?;
    let boot_archive = scratch.path().join("boot.tar");
    let init = Init {
        exec: options.exec.clone(),
        env: environment(options.exec.is_some()),
        size: console::size(),
    };
    archive::write(&boot_archive, &built, &init, &tree)?;
    let machine = Machine {
        kernel: kernel(&built)?,
        archive: Some(boot_archive),
        command_line: match options.trace {
            Some(_) => format!("trace={} sample={}", options.trace_classes, options.sample),
            None => String::new(),
        },
        cpus: options.cpus,
        memory: options.memory,
        icount: options.icount,
        gdb: options.gdb,
        firmware: options.firmware,
        plugin: None,
    };
    if options.gdb {
        eprintln!("waiting for a debugger: gdb-multiarch -ex 'target remote :1234'");
    }
    let interactive = options.exec.is_none();
    let quiet_log = Kept::default();
    let raw = if interactive { RawMode::enter()? } else { None };
    let to: Box<dyn Write + Send> = match log {
        Some(file) => Box::new(LineWriter::new(file)),
        None if interactive => Box::new(io::stderr()),
        None => Box::new(quiet_log.clone()),
    };
    let ends = Ends {
        input: if interactive || options.stdin {
            Input::Stdin
        } else {
            Input::None
        },
        raw: raw.is_some(),
        console: Box::new(io::stdout()),
        errors: Box::new(io::stderr()),
        log: log_sink(to, raw.is_some(), Symbols::new(repo, &built)),
    };
    let trace = options
        .trace
        .as_deref()
        .map(std::path::absolute)
        .transpose()?
        .map(|file| Saved {
            file,
            stacks: options.stacks,
        });
    let end = machine::run(&machine, ends, options.timeout, trace);
    drop(raw);
    let end = end?;
    if let Some(saved) = &end.trace
        && let Err(e) = saved
    {
        eprintln!("k42: the trace could not be saved: {e:#}");
    }
    let failed = match end.reason {
        Reason::Guest(_) => true,
        Reason::PowerOff => end.status.is_none() && !interactive,
        _ => false,
    };
    if failed && !quiet_log.text().is_empty() {
        // The log of a command is not shown; what it said last is wanted now.
        eprintln!("{}", process::tail(&quiet_log.text(), 40));
    }
    Ok(status(&end, interactive))
}

/// The kernel of a build.
pub fn kernel(built: &Built) -> Result<PathBuf> {
    built.kernel.clone().context("this workspace has no kernel")
}

/// Says what went wrong, if anything did, and gives the status to end with.
fn status(end: &End, interactive: bool) -> u8 {
    match (&end.reason, end.status) {
        (Reason::PowerOff, _) if interactive => 0,
        (Reason::PowerOff, Some(status)) => u8::try_from(status & 0xff).unwrap_or(NO_STATUS),
        (Reason::PowerOff, None) => {
            eprintln!("k42: the machine went off and the command gave no status");
            NO_STATUS
        }
        (Reason::Guest(why), _) => {
            eprintln!("k42: K42 stopped ({why}); see the log");
            NO_STATUS
        }
        (Reason::Timeout, _) => {
            eprintln!("k42: the time is over; the machine was ended");
            TIMED_OUT
        }
        (Reason::User, _) => {
            eprintln!("k42: ended by Ctrl-]");
            1
        }
        (Reason::Signal(signal), _) => {
            eprintln!("k42: ended by signal {signal}");
            u8::try_from(128 + signal).unwrap_or(NO_STATUS)
        }
        (Reason::Qemu(said), _) => {
            eprintln!("k42: QEMU ended unexpectedly: {said}");
            NO_STATUS
        }
    }
}

/// Environment for the first process, beyond the fixed part.
fn environment(exec: bool) -> Vec<String> {
    HANDED_ON
        .iter()
        .filter(|&&name| !(exec && name == "TERM"))
        .filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)))
        .collect()
}

/// Creates a file that the user named.
fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes log lines, with backtraces explained.
fn log_sink(
    mut to: Box<dyn Write + Send>,
    raw: bool,
    symbols: Symbols,
) -> Box<dyn FnMut(&str) + Send> {
    // A raw terminal does not return the carriage by itself.
    let end = if raw && io::stderr().is_terminal() {
        "\r\n"
    } else {
        "\n"
    };
    Box::new(move |line| {
        let mut text = format!("{line}{end}");
        for explanation in symbols.explain(line) {
            text.push_str(&format!("{explanation}{end}"));
        }
        // A log that cannot be written must not end the guest.
        let _ = to.write_all(text.as_bytes());
    })
}
