//! `bench --scaling`: which cache lines move between CPUs, per operation, on K42 and on Linux.
//!
//! The host has few CPUs, so speed on many cannot be measured on it. But what keeps a system from being faster on
//! many CPUs can be counted on any: lines that several of them write. QEMU's plugin (`tools/plugin`) does that,
//! and `tests/bench/scale` is the work.

use super::programs::COMPILER;
use crate::cli::BenchOptions;
use crate::process;
use crate::profile::{self, Images};
use crate::progress::Progress;
use crate::repo::Repo;
use crate::system::K42;
use anyhow::{Context, Result, ensure};
use k42_tests::archive::Tree;
use k42_tests::linux::Linux;
use k42_tests::machine::Machine;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A boot with all rows takes minutes under the plugin.
const LIMIT: Duration = Duration::from_secs(1500);

/// Numbers of CPUs that are tried.
const CPUS: [u32; 4] = [1, 2, 4, 8];

/// Memory of the guests in MiB, which the plugin must know.
const MEMORY: u32 = 2048;

/// What one row showed: lines moved and instructions per operation, and the places that moved most.
#[derive(Clone, Debug, PartialEq)]
struct Count {
    moves: f64,
    instructions: f64,
    places: Vec<(String, f64)>,
}

/// Counts by row; a row that could not be counted says why.
type Counts = BTreeMap<String, Result<Count, String>>;

/// Carries out `bench --scaling`.
pub fn command(repo: &Repo, options: &BenchOptions) -> Result<u8> {
    let progress = Progress::new(false);
    let program = compile(repo)?;
    let list = process::stdout_of(Command::new("qemu-ppc64le").arg(&program).args(["1", "-l"]))?;
    let filter = options.filter.as_deref().unwrap_or("");
    let rows: Vec<String> = list
        .lines()
        .filter(|row| row.contains(filter))
        .map(String::from)
        .collect();
    ensure!(!rows.is_empty(), "no row matches '{filter}'");
    let plugin = profile::plugin(repo)?;
    let scratch = tempfile::tempdir()?;
    let report = scratch.path().join("report");
    let settings = ["mode=lines", &format!("ram={MEMORY}"), "top=40"];
    let argument = profile::argument(&plugin, &settings, &report);
    let mut k42 = K42::prepare(repo, progress)?.with_plugin(argument.clone());
    let images = Images::open(k42.built(), Some(&program))?;

    println!("cache lines that move between CPUs, per operation");
    println!(
        "{:<16} {:>4} {:>10} {:>10} {:>14}  where on K42",
        "row", "cpus", "k42", "linux", "instructions"
    );
    let counts = options.cpus.map_or(CPUS.to_vec(), |cpus| vec![cpus]);
    for cpus in counts {
        let step = progress.step(format!("{cpus} CPUs"));
        k42 = k42.with_cpus(cpus);
        let counts = count(&k42, &program, cpus, &rows, &report, Some(&images))?;
        let linux = if options.linux {
            let linux = Linux::prepare(repo.root())?
                .with_cpus(cpus)
                .with_plugin(argument.clone());
            Some(count(&linux, &program, cpus, &rows, &report, None)?)
        } else {
            None
        };
        drop(step);
        for row in &rows {
            print(row, cpus, &counts[row], linux.as_ref().map(|l| &l[row]));
        }
    }
    Ok(0)
}

/// Prints a row's line, and the places below it.
fn print(row: &str, cpus: u32, k42: &Result<Count, String>, linux: Option<&Result<Count, String>>) {
    let beside = match linux {
        Some(Ok(count)) => format!("{:.2}", count.moves),
        Some(Err(_)) => "failed".into(),
        None => "-".into(),
    };
    match k42 {
        Ok(count) => {
            let mut places = count.places.iter();
            let place = |(name, share): &(String, f64)| format!("{share:.2} {name}");
            let first = places.next().map_or_else(String::new, place);
            println!(
                "{row:<16} {cpus:>4} {:>10.2} {beside:>10} {:>14.0}  {first}",
                count.moves, count.instructions
            );
            for other in places {
                println!("{:>59}{}", "", place(other));
            }
        }
        Err(why) => println!("{row:<16} {cpus:>4} {why} (linux {beside})"),
    }
}

/// Runs all rows in one boot under the plugin.
fn count(
    machine: &dyn Machine,
    program: &Path,
    cpus: u32,
    rows: &[String],
    report: &Path,
    images: Option<&Images>,
) -> Result<Counts> {
    let mut files = Tree::default();
    files.file("bench/scale", 0o755, fs::read(program)?);
    let console = machine.run(
        &files,
        &format!("/bench/scale {cpus} {}", rows.join(" ")),
        LIMIT,
    )?;
    let report = fs::read_to_string(report).context("the plugin left no report")?;
    Ok(assign(&console, &report, rows, images))
}

/// Gives each row its part of the report: the nth row that was counted has the nth interval.
fn assign(console: &str, report: &str, rows: &[String], images: Option<&Images>) -> Counts {
    let mut intervals = report.split("interval ").skip(1);
    let mut counts: Counts = rows
        .iter()
        .map(|row| (row.clone(), Err("not run".into())))
        .collect();
    for line in console.lines() {
        let Some((row, said)) = line.trim().split_once(' ') else {
            continue;
        };
        let Some(count) = counts.get_mut(row) else {
            continue;
        };
        *count = match said.trim() {
            "counted" => intervals
                .next()
                .map(|interval| read(interval, images))
                .ok_or_else(|| "the plugin did not see it".into()),
            why => Err(why.into()),
        };
    }
    counts
}

/// Reads one interval of a report.
fn read(interval: &str, images: Option<&Images>) -> Count {
    let (mut moves, mut instructions, mut operations) = (0, 0, 0);
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    for line in interval.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| {
            words
                .get(index)
                .and_then(|w| w.parse::<u64>().ok())
                .unwrap_or(0)
        };
        match words.first() {
            Some(&"cpu") => {
                instructions += number(2);
                operations += number(3);
                moves += number(6) + number(7);
            }
            Some(&"place") => {
                let name = words
                    .get(1)
                    .zip(words.get(3))
                    .map(|(address, code)| name(address, code, images));
                *places.entry(name.unwrap_or_default()).or_default() += number(2);
            }
            _ => {}
        }
    }
    let each = |count: u64| count as f64 / operations.max(1) as f64;
    let mut places: Vec<(String, f64)> = places
        .into_iter()
        .map(|(name, n)| (name, each(n)))
        .collect();
    places.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    places.retain(|(_, share)| *share >= 0.01);
    places.truncate(5);
    Count {
        moves: each(moves),
        instructions: each(instructions),
        places,
    }
}

/// Program and function of a place.
fn name(address: &str, code: &str, images: Option<&Images>) -> String {
    let place = u64::from_str_radix(address.trim_start_matches("0x"), 16).ok();
    match (images, place, profile::from_hex(code)) {
        (Some(images), Some(place), Some(code)) => images.place(place, &code),
        _ => address.into(),
    }
}

/// Compiles the program if its source is newer.
fn compile(repo: &Repo) -> Result<PathBuf> {
    let source = repo.root().join("tests/bench/scale/scale.c");
    let to = repo.build_dir()?.join("bench");
    fs::create_dir_all(&to)?;
    let program = to.join("scale");
    let made = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    if made(&program) <= made(&source) {
        let flags = [
            "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-pthread", "-o",
        ];
        process::check(
            Command::new(COMPILER)
                .args(flags)
                .arg(&program)
                .arg(&source),
        )?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_rows_their_intervals() {
        let rows = ["a", "b", "c", "d"].map(String::from);
        let report = "interval 0\ncpu 0 1000 10 5 5 3 2\ncpu 1 1000 10 5 5 0 5\nplace 0x10 10 00\n\
                      interval 1\ncpu 0 7 1 0 0 0 0\n";
        let console = "noise\r\na counted\r\nb failed: fork: no\nc counted\n";
        let counts = assign(console, report, &rows, None);
        let a = counts["a"].as_ref().unwrap();
        assert_eq!((a.moves, a.instructions), (0.5, 100.0));
        assert_eq!(a.places, [("0x10".to_string(), 0.5)]);
        assert_eq!(counts["b"], Err("failed: fork: no".into()));
        assert_eq!(counts["c"].as_ref().unwrap().instructions, 7.0);
        assert_eq!(counts["d"], Err("not run".into()));
    }

    #[test]
    fn a_report_that_is_short() {
        let rows = ["a".to_string()];
        let counts = assign("a counted", "", &rows, None);
        assert!(counts["a"].as_ref().unwrap_err().contains("plugin"));
    }
}
