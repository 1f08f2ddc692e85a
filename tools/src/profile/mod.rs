//! `profile`: where the instructions of a benchmark's row, or of a command, go.
//!
//! QEMU's plugin (`tools/plugin`) counts how often each block of guest code runs; this module finds the program and
//! the function of each block and adds up. The figures are exact and repeat.

mod image;

use crate::bench::Programs;
use crate::build;
use crate::cargo;
use crate::cli::ProfileOptions;
use crate::process;
use crate::progress::Progress;
use crate::repo::{Order, Repo};
use crate::system::{self, K42};
use anyhow::{Context, Result, bail, ensure};
pub use image::Images;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A profiled run takes some ten times as long as another.
const LIMIT: Duration = Duration::from_secs(900);

/// A block of guest code, as the plugin reports it.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    address: u64,
    runs: u64,
    code: Vec<u8>,
}

impl Block {
    fn parse(line: &str) -> Option<Block> {
        let mut words = line.strip_prefix("block ")?.split(' ');
        let address = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
        let runs = words.next()?.parse().ok()?;
        let code = from_hex(words.next()?)?;
        Some(Block {
            address,
            runs,
            code,
        })
    }

    /// Instructions that ran.
    fn instructions(&self) -> u64 {
        self.runs * self.code.len() as u64 / 4
    }
}

/// Bytes from the plugin's hexadecimal digits.
pub fn from_hex(digits: &str) -> Option<Vec<u8>> {
    (0..digits.len() / 2)
        .map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok())
        .collect()
}

/// Carries out `profile`.
pub fn command(repo: &Repo, options: &ProfileOptions) -> Result<u8> {
    let progress = Progress::new(false);
    let own = options.row.as_deref();
    if let Some(interval) = OWN_ROWS.iter().position(|&row| Some(row) == own) {
        return own_row(repo, interval, options, progress);
    }
    let programs = Programs::compile(repo)?;
    let (guest_command, times, whole) = match (&options.row, &options.exec) {
        (Some(row), _) => {
            let rows = programs.rows()?;
            let known = rows.iter().find(|known| known.name == *row);
            let known = known.with_context(|| format!("no row is called '{row}'"))?;
            (format!("/bench/bench {row}"), known.times, false)
        }
        (None, Some(command)) => (command.clone(), 1, true),
        (None, None) => bail!("name a row, or give --exec 'COMMAND'"),
    };
    let mut files = programs.files(repo, progress)?;
    for (host, guest) in &options.add {
        let bytes = fs::read(host).with_context(|| format!("cannot add {}", host.display()))?;
        files.file(guest.trim_matches('/'), 0o755, bytes);
    }
    let plugin = plugin(repo)?;
    let scratch = tempfile::tempdir()?;
    let report = scratch.path().join("report");
    let whole = if whole { "on" } else { "off" };
    let argument = argument(
        &plugin,
        &["mode=profile", &format!("whole={whole}")],
        &report,
    );

    let k42 = K42::prepare(repo, progress)?.with_plugin(argument);
    let step = progress.step("counting");
    let seen = k42.exec(&files, &guest_command, LIMIT)?;
    drop(step);
    let report = fs::read_to_string(&report).context("the plugin left no report")?;
    let blocks: Vec<Block> = report.lines().filter_map(Block::parse).collect();
    ensure!(!blocks.is_empty(), "nothing was counted:\n{}", seen.tail());
    let images = Images::open(k42.built(), Some(&programs.bench))?;
    print(&blocks, &images, times, options);
    Ok(0)
}

/// What the self-test program measures, in this order, each [`OWN_TIMES`] times.
const OWN_ROWS: [&str; 3] = ["loop", "event", "ppc_null"];
const OWN_TIMES: u64 = 1000;

/// A row that the self-test program measures, in the memory server's place.
fn own_row(
    repo: &Repo,
    interval: usize,
    options: &ProfileOptions,
    progress: Progress,
) -> Result<u8> {
    let plugin = plugin(repo)?;
    let scratch = tempfile::tempdir()?;
    let report = scratch.path().join("report");
    let argument = argument(&plugin, &["mode=profile"], &report);
    let step = progress.step("counting");
    let (built, seen) = system::selftest(repo, Order::Little, 1, true, "", Some(argument))?;
    drop(step);
    let report = fs::read_to_string(&report).context("the plugin left no report")?;
    let blocks: Vec<Block> = report
        .split("interval ")
        .nth(interval + 1)
        .with_context(|| format!("the self-test program came to no row:\n{}", seen.tail()))?
        .lines()
        .filter_map(Block::parse)
        .collect();
    print(&blocks, &Images::open(&built, None)?, OWN_TIMES, options);
    Ok(0)
}

/// Builds the plugin.
pub fn plugin(repo: &Repo) -> Result<PathBuf> {
    process::check(cargo::cargo(repo, "build").args(["--release", "-p", "k42-plugin"]))?;
    Ok(repo.target_dir().join("release/libk42_plugin.so"))
}

/// QEMU's argument that loads the plugin.
pub fn argument(plugin: &Path, settings: &[&str], report: &Path) -> String {
    let quoted = |path: &Path| path.display().to_string().replace(',', ",,");
    format!(
        "{},{},out={}",
        quoted(plugin),
        settings.join(","),
        quoted(report)
    )
}

/// Prints the sums: by program, then by function.
fn print(blocks: &[Block], images: &Images, times: u64, options: &ProfileOptions) {
    let mut functions: HashMap<(String, String), u64> = HashMap::new();
    let mut programs: HashMap<String, u64> = HashMap::new();
    for block in blocks {
        let (program, shares) = images.explain(block.address, &block.code, options.lines);
        *programs.entry(program.clone()).or_default() += block.instructions();
        for (place, instructions) in shares {
            *functions.entry((program.clone(), place)).or_default() += instructions * block.runs;
        }
    }
    let total: u64 = programs.values().sum();
    let each = |count: u64| count as f64 / times as f64;
    println!(
        "{:>12.1} instructions per operation, {times} operations",
        each(total)
    );
    println!();
    for (program, count) in most_first(programs) {
        println!(
            "{:>12.1}  {:>5.1} %  {program}",
            each(count),
            percent(count, total)
        );
    }
    println!();
    for ((program, place), count) in most_first(functions).into_iter().take(options.top) {
        println!(
            "{:>12.1}  {:>5.1} %  {program:<9} {place}",
            each(count),
            percent(count, total)
        );
    }
}

fn percent(part: u64, total: u64) -> f64 {
    100.0 * part as f64 / total.max(1) as f64
}

fn most_first<K: Ord>(counts: HashMap<K, u64>) -> Vec<(K, u64)> {
    let mut list: Vec<_> = counts.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list
}

/// Names of the images, in the order in which a user block is looked for.
fn short(name: &str) -> &str {
    name.trim_start_matches("servers/")
        .trim_start_matches("k42-")
}

/// The kernel's name in the table.
const KERNEL: &str = build::KERNEL;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_block() {
        let block = Block::parse("block 0x1000 7 0011aabb00000060").unwrap();
        assert_eq!((block.address, block.runs), (0x1000, 7));
        assert_eq!(block.code, [0, 0x11, 0xaa, 0xbb, 0, 0, 0, 0x60]);
        assert_eq!(block.instructions(), 14);
        for bad in [
            "interval 1",
            "block 1000 7 00",
            "block 0x1 x 00",
            "block 0x1 1 zz",
        ] {
            assert_eq!(Block::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn doubles_commas() {
        let text = argument(Path::new("/a,b.so"), &["mode=lines"], Path::new("/r"));
        assert_eq!(text, "/a,,b.so,mode=lines,out=/r");
    }
}
