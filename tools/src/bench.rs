//! `bench`: guest instructions per operation, beside Linux's.
//!
//! The programs of `tests/bench` are compiled once, for Linux, and run in one boot. With
//! counted instructions a nanosecond of guest time is one instruction, so what they print
//! as time is read as instructions. Linux's figures were taken in the same way and stand
//! in `tests/bench/baseline.json`, with the targets; `--linux` takes them anew.

use crate::cli::BenchOptions;
use crate::process;
use crate::progress::Progress;
use crate::repo::{Order, Repo};
use crate::system::{self, K42};
use anyhow::{Context, Result, bail, ensure};
use k42_tests::archive::Tree;
use k42_tests::linux::Linux;
use k42_tests::machine::Machine;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// All rows together take a few minutes; a row that hangs must not hold up a test run.
const LIMIT: Duration = Duration::from_secs(900);

/// Rows that only K42 has: a protected call that does nothing, to another process and
/// back; a trace event that is switched off, and one that is on.
const OWN_ROWS: [&str; 3] = ["ppc_null", "trace_off", "trace_on"];

/// The timebase of QEMU's machine.
const TIMEBASE_HZ: f64 = 512e6;

/// Compiler of the programs.
const COMPILER: &str = "powerpc64le-linux-gnu-gcc";

/// What a machine measured: instructions, or why there is no figure.
type Figures = BTreeMap<String, Result<f64, String>>;

/// Carries out `bench`.
pub fn command(repo: &Repo, options: &BenchOptions) -> Result<u8> {
    let progress = Progress::new(false);
    let baseline: Value =
        serde_json::from_slice(&fs::read(repo.root().join("tests/bench/baseline.json"))?)
            .context("tests/bench/baseline.json")?;
    let programs = compile(repo)?;
    let filter = options.filter.as_deref().unwrap_or("");
    let chosen = |row: &String| row.contains(filter);
    let linux_rows: Vec<String> = rows(&programs)?
        .into_iter()
        .map(|row| row.name)
        .filter(chosen)
        .collect();
    let own_rows = OWN_ROWS.iter().map(|row| row.to_string()).filter(chosen);
    let rows: Vec<String> = linux_rows.iter().cloned().chain(own_rows).collect();
    ensure!(!rows.is_empty(), "no row matches '{filter}'");

    let linux = if options.linux {
        let step = progress.step("measuring Linux");
        let linux = Linux::prepare(repo.root())?;
        let figures = measure(&linux, &programs, &linux_rows)?;
        drop(step);
        Some(figures)
    } else {
        None
    };
    let step = progress.step("measuring K42");
    let mut figures = match linux_rows.is_empty() {
        true => Figures::new(),
        false => measure(&K42::prepare(repo, progress)?, &programs, &linux_rows)?,
    };
    if rows.iter().any(|row| OWN_ROWS.contains(&row.as_str())) {
        figures.extend(own_figures(repo)?);
    }
    drop(step);

    let mut failed = false;
    println!(
        "{:<20} {:>14} {:>14} {:>8}  target",
        "row", "instructions", "linux", "ratio"
    );
    for row in &rows {
        let figure = figures.get(row);
        // What K42 does not offer yet is a row that says so, and no failure.
        let wanted = !baseline[row]["target"].is_null();
        failed |= wanted && !matches!(figure, Some(Ok(_)));
        let beside = match &linux {
            Some(measured) => measured.get(row).and_then(|f| f.as_ref().ok()).copied(),
            None => baseline[row]["linux"].as_f64(),
        };
        println!(
            "{}",
            line(row, figure, beside, baseline[row]["target"].as_f64())
        );
    }
    if let Some(path) = &options.json {
        fs::write(path, to_json(&figures))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(u8::from(failed))
}

/// One line of the table.
fn line(
    row: &str,
    figure: Option<&Result<f64, String>>,
    linux: Option<f64>,
    target: Option<f64>,
) -> String {
    let beside = linux.map_or_else(|| "-".into(), number);
    let value = match figure {
        Some(Ok(value)) => *value,
        Some(Err(why)) => return format!("{row:<20} {why}"),
        None => return format!("{row:<20} not measured"),
    };
    let ratio = match linux {
        Some(linux) if linux > 0.0 => format!("{:.2}", value / linux),
        _ => "-".into(),
    };
    let judged = match target {
        Some(target) if value <= target => format!("{} met", number(target)),
        Some(target) => format!("{} missed by {}", number(target), number(value - target)),
        None => String::new(),
    };
    let value = number(value);
    format!("{row:<20} {value:>14} {beside:>14} {ratio:>8}  {judged}")
        .trim_end()
        .into()
}

/// A number with commas, and one decimal if it is small.
fn number(value: f64) -> String {
    if value < 100.0 && value.fract() >= 0.05 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The figures as one JSON object, row to instructions; rows without a figure are null.
fn to_json(figures: &Figures) -> String {
    let object: Map<String, Value> = figures
        .iter()
        .map(|(row, f)| (row.clone(), json!(f.as_ref().ok())))
        .collect();
    format!("{:#}\n", Value::Object(object))
}

/// The compiled programs.
pub struct Programs {
    /// The one that has the rows.
    pub bench: PathBuf,
    tiny: PathBuf,
}

impl Programs {
    /// Puts them where they expect each other.
    pub fn add_to(&self, files: &mut Tree) -> Result<()> {
        files.file("bench/bench", 0o755, fs::read(&self.bench)?);
        files.file("bench/tiny", 0o755, fs::read(&self.tiny)?);
        Ok(())
    }
}

/// A row of the program.
pub struct Row {
    /// Its name.
    pub name: String,
    /// How often it does its operation.
    pub times: u64,
}

/// Compiles the programs if a source is newer.
pub fn compile(repo: &Repo) -> Result<Programs> {
    let folder = repo.root().join("tests/bench");
    let to = repo.build_dir()?.join("bench");
    fs::create_dir_all(&to)?;
    let (mut sources, mut newest) = (Vec::new(), None);
    for entry in fs::read_dir(&folder).context("tests/bench")? {
        let path = entry?.path();
        newest = newest.max(fs::metadata(&path)?.modified().ok());
        if path.extension().is_some_and(|e| e == "c") && !path.ends_with("tiny.c") {
            sources.push(path);
        }
    }
    sources.sort();
    let programs = Programs {
        bench: to.join("bench"),
        tiny: to.join("tiny"),
    };
    let made = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    if made(&programs.bench) <= newest || made(&programs.tiny) <= newest {
        let flags = ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o"];
        let mut bench = Command::new(COMPILER);
        process::check(
            bench
                .args(flags)
                .arg(&programs.bench)
                .arg("-pthread")
                .args(&sources),
        )?;
        let mut tiny = Command::new(COMPILER);
        tiny.args(flags)
            .arg(&programs.tiny)
            .args(["-nostdlib", "-nostartfiles"]);
        process::check(tiny.arg(folder.join("tiny.c")))?;
    }
    Ok(programs)
}

/// All rows, told by the program.
pub fn rows(programs: &Programs) -> Result<Vec<Row>> {
    let list = process::stdout_of(Command::new("qemu-ppc64le").arg(&programs.bench).arg("-l"))?;
    let row = |line: &str| {
        let (name, times) = line.split_once(' ')?;
        Some(Row {
            name: name.into(),
            times: times.parse().ok()?,
        })
    };
    list.lines()
        .map(|line| row(line).with_context(|| format!("not a row: {line}")))
        .collect()
}

/// Runs rows on a machine.
fn measure(machine: &dyn Machine, programs: &Programs, rows: &[String]) -> Result<Figures> {
    let mut files = Tree::default();
    programs.add_to(&mut files)?;
    let console = machine.run(&files, &format!("/bench/bench {}", rows.join(" ")), LIMIT)?;
    let figures = parse(&console, rows);
    if figures.values().all(Result::is_err) {
        bail!(
            "{} measured nothing:\n{}",
            machine.name(),
            process::tail(&console, 20)
        );
    }
    Ok(figures)
}

/// Takes the figures that only K42 has, from the self-test program.
fn own_figures(repo: &Repo) -> Result<Figures> {
    let off = raw_figures(repo, "")?;
    let on = raw_figures(repo, "trace=app")?;
    let without_loop = |figures: &BTreeMap<String, f64>, name: &str| match (
        figures.get(name),
        figures.get("loop"),
    ) {
        (Some(figure), Some(empty)) => Ok((figure - empty).max(0.0)),
        _ => Err("no figure".into()),
    };
    let rows = [
        without_loop(&off, "ppc_null"),
        without_loop(&off, "event"),
        without_loop(&on, "event"),
    ];
    Ok(OWN_ROWS
        .iter()
        .map(|row| row.to_string())
        .zip(rows)
        .collect())
}

/// Boots the self-test program with counted instructions and reads its lines
/// `figure NAME TICKS TIMES`: instructions per operation, by name.
fn raw_figures(repo: &Repo, command_line: &str) -> Result<BTreeMap<String, f64>> {
    let (_, seen) = system::selftest(repo, Order::Little, 1, true, command_line, None)?;
    let figures: BTreeMap<String, f64> = seen.log.lines().filter_map(read_figure).collect();
    ensure!(
        !figures.is_empty(),
        "the self-test program gave no figures:\n{}",
        seen.tail()
    );
    Ok(figures)
}

fn read_figure(line: &str) -> Option<(String, f64)> {
    let mut words = line.split_once("figure ")?.1.split_whitespace();
    let name = words.next()?.to_string();
    let ticks: f64 = words.next()?.parse().ok()?;
    let times: f64 = words.next()?.parse().ok()?;
    Some((name, ticks / times * 1e9 / TIMEBASE_HZ))
}

/// Reads the program's lines, `ROW TENTHS` or `ROW failed: WHY`, from a console.
fn parse(console: &str, rows: &[String]) -> Figures {
    let mut figures: Figures = rows
        .iter()
        .map(|row| (row.clone(), Err("no figure".into())))
        .collect();
    for line in console.lines() {
        let Some((row, rest)) = line.trim().split_once(' ') else {
            continue;
        };
        if let Some(figure) = figures.get_mut(row) {
            *figure = match rest.parse::<f64>() {
                Ok(tenths) => Ok(tenths / 10.0),
                Err(_) => Err(rest.into()),
            };
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_console() {
        let rows = ["a", "b", "c"].map(String::from);
        let figures = parse("noise\r\na 3600\r\nb failed: fork: no\nd 1\n", &rows);
        assert_eq!(figures["a"], Ok(360.0));
        assert_eq!(figures["b"], Err("failed: fork: no".into()));
        assert_eq!(figures["c"], Err("no figure".into()));
        assert_eq!(
            to_json(&figures),
            "{\n  \"a\": 360.0,\n  \"b\": null,\n  \"c\": null\n}\n"
        );
    }

    #[test]
    fn reads_own_figures() {
        let (name, value) = read_figure("[memory] x INFO: figure a 512 1000").expect("one");
        assert_eq!((name.as_str(), value), ("a", 1.0));
        assert!(read_figure("figure a b").is_none());
    }

    #[test]
    fn writes_the_table() {
        let text = line("getpid", Some(&Ok(250.0)), Some(360.0), Some(300.0));
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>(),
            ["getpid", "250", "360", "0.69", "300", "met"]
        );
        let text = line("x", Some(&Ok(1234.0)), None, Some(1000.0));
        assert!(text.ends_with("1,000 missed by 234"), "{text}");
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(0.5), "0.5");
    }
}
