//! Commands and options of `k42`, and how a wrong one is reported.

use crate::trace;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// K42: build it, boot it, test it, measure it.
#[derive(Parser)]
#[command(name = "k42", bin_name = "./k42", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Build everything, boot it and give a shell
    Run(RunOptions),
    /// Build the kernel, the servers and the Linux library
    Build(BuildOptions),
    /// Run the tests; the last line counts them
    Test(TestOptions),
    /// Count guest instructions per operation and compare with Linux
    Bench(BenchOptions),
    /// Show where the instructions of a benchmark's row, or of a command, go
    Profile(ProfileOptions),
    /// Write one bootable file: kernel, servers, library and root
    Image(ImageOptions),
    /// Show what run --trace has saved
    Trace(TraceOptions),
}

/// Options of `run`.
#[derive(Args, Clone)]
pub struct RunOptions {
    /// Number of CPUs
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
    /// Memory, as 512M or 2G; pseries wants a multiple of 256M
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_memory)]
    pub memory: u32,
    #[command(flatten)]
    pub root: RootOptions,
    /// Run COMMAND with the shell: its output and status become those of k42
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<String>,
    /// Give this standard input to the command of --exec (otherwise it has none)
    #[arg(long, requires = "exec")]
    pub stdin: bool,
    /// Count instructions: one per nanosecond of guest time, repeats exactly
    #[arg(long)]
    pub icount: bool,
    /// End the machine after this time, as 90, 90s or 5m, with status 124
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Wait for a debugger on TCP port 1234 before the first instruction
    #[arg(long)]
    pub gdb: bool,
    /// Write the log of kernel and servers here (default: standard error; quiet with --exec)
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Write what is traced here, while the machine runs
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Classes of events that are traced with --trace, as ipc,memory
    #[arg(long, value_name = "A,B", default_value = "all", requires = "trace",
          value_parser = parse_trace_classes)]
    pub trace_classes: String,
    /// Samples for flame graphs, per second and CPU, with --trace and class exception; 0: none
    #[arg(long, value_name = "HZ", default_value_t = 1000, requires = "trace",
          value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub sample: u32,
    /// Read the CPUs' stacks from outside so many times a second, for flame graphs with the kernel's functions, with --trace
    #[arg(long, value_name = "HZ", default_value_t = 0, requires = "trace", conflicts_with = "gdb",
          value_parser = clap::value_parser!(u32).range(..=1000))]
    pub stacks: u32,
    /// Firmware that starts the kernel
    #[arg(long, value_enum, default_value_t = Firmware::Vof)]
    pub firmware: Firmware,
    /// Boot the big-endian build (banner and self-tests so far)
    #[arg(long)]
    pub big_endian: bool,
}

/// Where the guest's files come from.
#[derive(Args, Clone)]
pub struct RootOptions {
    /// Debian packages (ppc64el) to unpack into the root, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "root",
          default_value = "busybox-static", value_parser = parse_package)]
    pub packages: Vec<String>,
    /// Use this folder or tar archive as the root in place of Debian packages
    #[arg(long, value_name = "DIR|TAR")]
    pub root: Option<PathBuf>,
    /// Put a file or folder of the host into the root; may be repeated
    #[arg(long, value_name = "HOST=GUEST", value_parser = parse_add)]
    pub add: Vec<(PathBuf, String)>,
}

/// Firmware of the pseries machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Firmware {
    /// QEMU's own small Open Firmware: starts at once
    Vof,
    /// SLOF, as on real machines: takes some seconds
    Slof,
}

/// Options of `build`.
#[derive(Args, Clone)]
pub struct BuildOptions {
    /// Build for big-endian
    #[arg(long)]
    pub big_endian: bool,
}

/// Options of `test`.
#[derive(Args, Clone)]
pub struct TestOptions {
    /// Run only the cases whose `suite/name` contains this text
    pub filter: Option<String>,
    /// Run also what tests/pending names as not passing yet
    #[arg(long)]
    pub pending: bool,
    /// Print the names of the cases and run none
    #[arg(long)]
    pub list: bool,
    /// CPUs of the machines on which the programs of tests/ and busybox's tests run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
}

/// Options of `bench`.
#[derive(Args, Clone)]
pub struct BenchOptions {
    /// Run only the rows whose name contains this text
    pub filter: Option<String>,
    /// Measure Debian's Linux too, instead of quoting recorded figures
    #[arg(long)]
    pub linux: bool,
    /// Measure the time on the host's clock instead of instructions: nanoseconds, which no two runs have in common
    #[arg(long, requires = "linux", conflicts_with = "scaling")]
    pub wall: bool,
    /// Write the figures as JSON, {"row": instructions}; with --linux one such object for each system
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Count the cache lines that move between 1, 2, 4 and 8 CPUs instead, and say where
    #[arg(long, conflicts_with_all = ["json", "plot"])]
    pub scaling: bool,
    /// With --scaling: on this number of CPUs only
    #[arg(long, value_name = "N", requires = "scaling", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: Option<u32>,
    /// Draw the ratios to Linux, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// Options of `profile`.
#[derive(Args, Clone)]
pub struct ProfileOptions {
    /// The row; the names are those of bench
    #[arg(required_unless_present = "exec", conflicts_with = "exec")]
    pub row: Option<String>,
    /// Count all that runs from power-on to the end of COMMAND instead
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<String>,
    /// Put a file into the root, for COMMAND; repeatable
    #[arg(long, value_name = "HOST=GUEST", value_parser = parse_add, requires = "exec")]
    pub add: Vec<(PathBuf, String)>,
    /// Tell inlined functions and lines apart
    #[arg(long)]
    pub lines: bool,
    /// How many functions are shown
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub top: usize,
}

/// Options of `image`.
#[derive(Args, Clone)]
pub struct ImageOptions {
    /// Where to write it
    #[arg(long, short, value_name = "FILE", default_value = "build/k42.elf")]
    pub output: PathBuf,
    #[command(flatten)]
    pub root: RootOptions,
    /// Make the image of the big-endian build
    #[arg(long)]
    pub big_endian: bool,
}

/// Options of `trace`.
#[derive(Args, Clone)]
pub struct TraceOptions {
    /// The file that was written
    pub file: PathBuf,
    /// Only events of these classes
    #[arg(long, value_name = "A,B")]
    pub class: Option<String>,
    /// Only these events, as ipc.call,linux.enter
    #[arg(long, value_name = "A,B")]
    pub event: Option<String>,
    /// Only this CPU
    #[arg(long, value_name = "N")]
    pub cpu: Option<u32>,
    /// Only these processes: pids, or names of programs and servers
    #[arg(long, value_name = "A,B")]
    pub process: Option<String>,
    /// Only from this second on
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub from: Option<f64>,
    /// Only up to this second
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub to: Option<f64>,
    /// Only lines that contain this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Print times per Linux call, server method and process, faults by object, lock waiting
    #[arg(long)]
    pub stats: bool,
    /// Write JSON that ui.perfetto.dev and chrome://tracing open
    #[arg(long, value_name = "FILE")]
    pub chrome: Option<PathBuf>,
    /// Draw a flame graph of the samples, as SVG
    #[arg(long, value_name = "FILE")]
    pub flame: Option<PathBuf>,
    /// The program that ran, with symbols, for --flame
    #[arg(long, value_name = "ELF", requires = "flame")]
    pub program: Option<PathBuf>,
}

/// Prints help and version as asked; reduces a usage error to its one line.
pub fn report_usage(e: &clap::Error) -> ExitCode {
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print!("{e}");
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{e}");
            ExitCode::from(2)
        }
        _ => {
            let text = e.to_string();
            let line = text
                .lines()
                .next()
                .unwrap_or("wrong use")
                .trim_start_matches("error: ");
            let missing: String = text
                .lines()
                .skip(1)
                .take_while(|l| l.starts_with("  ") && !l.trim_start().starts_with("tip:"))
                .map(|l| format!(" {}", l.trim()))
                .collect();
            eprintln!("k42: {line}{missing} (see ./k42 --help)");
            ExitCode::from(2)
        }
    }
}

/// Memory in MiB from `512M`, `2G` or a plain number of MiB.
fn parse_memory(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((i, 'G' | 'g')) => (&text[..i], 1024),
        Some((i, 'M' | 'm')) => (&text[..i], 1),
        _ => (text, 1),
    };
    let mib = digits
        .parse::<u32>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .ok_or("not a size such as 512M or 2G")?;
    if !(256..=1024 * 1024).contains(&mib) || !mib.is_multiple_of(256) {
        return Err("must be a multiple of 256M, at least 256M".into());
    }
    Ok(mib)
}

/// A time from `90`, `90s` or `5m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((i, 's')) => (&text[..i], 1),
        Some((i, 'm')) => (&text[..i], 60),
        _ => (text, 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .filter(|&n| n > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| "not a time such as 90s or 5m".into())
}

/// Seconds since the machine's start.
fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.trim_end_matches('s').parse();
    let good = seconds.ok().filter(|s: &f64| s.is_finite() && *s >= 0.0);
    good.ok_or_else(|| "not a time such as 1.25".into())
}

/// A Debian package name; checked here because it ends up in an apt command.
fn parse_package(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    if text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(good)
    {
        Ok(text.into())
    } else {
        Err("not a Debian package name".into())
    }
}

/// A list of trace classes, kept as it is for the kernel's command line.
fn parse_trace_classes(list: &str) -> Result<String, String> {
    trace::parse_classes(list).map(|_| list.into())
}

/// `HOST=GUEST` of --add: split at the first `=`, the guest's path absolute.
fn parse_add(text: &str) -> Result<(PathBuf, String), String> {
    let (host, guest) = text.split_once('=').ok_or("must be HOST=GUEST")?;
    if host.is_empty() || !guest.starts_with('/') || guest == "/" {
        return Err("must be HOST=GUEST with an absolute guest path".into());
    }
    if guest.split('/').any(|part| part == "..") {
        return Err("the guest path must not contain '..'".into());
    }
    Ok((PathBuf::from(host), guest.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn memory_sizes() {
        assert_eq!(parse_memory("512M"), Ok(512));
        assert_eq!(parse_memory("2G"), Ok(2048));
        assert_eq!(parse_memory("1024"), Ok(1024));
        for bad in ["", "G", "100M", "1T", "-1", "99999999G", "300M"] {
            assert!(parse_memory(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        for bad in ["", "0", "s", "5h", "-3"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn additions() {
        assert_eq!(parse_add("a=/b"), Ok(("a".into(), "/b".into())));
        assert_eq!(parse_add("a=/b=c"), Ok(("a".into(), "/b=c".into())));
        for bad in ["a", "=b", "a=", "a=b", "a=/", "a=/x/../../etc"] {
            assert!(parse_add(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn package_names() {
        assert!(parse_package("busybox-static").is_ok());
        assert!(parse_package("g++").is_ok());
        for bad in ["", "a", "Foo", "a b", "--x", "a;b"] {
            assert!(parse_package(bad).is_err(), "{bad}");
        }
    }
}
