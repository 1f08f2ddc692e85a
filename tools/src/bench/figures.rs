//! Taking figures: what a machine measured, row by row.

use crate::guest::Seen;
use crate::process;
use crate::repo::{Order, Repo};
use crate::system::{self, K42};
use anyhow::{Context, Result, bail, ensure};
use k42_tests::archive::Tree;
use k42_tests::machine::Machine;
use std::collections::BTreeMap;
use std::time::Duration;

/// All rows together take a few minutes; a row that hangs must not hold up a test run.
const LIMIT: Duration = Duration::from_secs(1500);

/// Rows that only K42 has: a protected call that does nothing, to another process and
/// back; a trace event that is switched off, and one that is on.
pub const OWN_ROWS: [&str; 3] = ["ppc_null", "trace_off", "trace_on"];

/// The row for the start of the system: from the kernel's first instruction to the shell's prompt.
pub const BOOT_ROW: &str = "boot_to_prompt";

/// A boot takes a second or two; one that hangs must not hold up a run.
const BOOT_LIMIT: Duration = Duration::from_secs(120);

/// The timebase of QEMU's machine.
const TIMEBASE_HZ: f64 = 512e6;

/// What a machine measured: instructions, or why there is no figure.
pub type Figures = BTreeMap<String, Result<f64, String>>;

/// Runs rows on a machine.
pub fn measure(machine: &dyn Machine, files: &Tree, rows: &[String]) -> Result<Figures> {
    let console = machine.run(files, &format!("/bench/bench {}", rows.join(" ")), LIMIT)?;
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
pub fn own(repo: &Repo) -> Result<Figures> {
    let off = raw(repo, "")?;
    let on = raw(repo, "trace=app")?;
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

/// Measures the start. The prompt itself tells the time: the wall clock's, which begins at a whole second when the
/// kernel is entered.
pub fn boot(k42: &K42) -> Result<Figures> {
    let seen = k42.interactive(&["PS1=prompt at $EPOCHREALTIME "], BOOT_LIMIT)?;
    let figure = prompt_time(&seen.console).with_context(|| seen.tail())?;
    Ok(Figures::from([(BOOT_ROW.into(), Ok(figure))]))
}

/// The nanoseconds after the whole second at which the first prompt says that it was shown.
fn prompt_time(console: &str) -> Option<f64> {
    let (_, rest) = console.split_once("prompt at ")?;
    let (_, microseconds) = rest.split_whitespace().next()?.split_once('.')?;
    Some(microseconds.parse::<f64>().ok()? * 1e3)
}

/// Boots the self-test program with counted instructions and reads its lines
/// `figure NAME TICKS TIMES`: instructions per operation, by name.
fn raw(repo: &Repo, command_line: &str) -> Result<BTreeMap<String, f64>> {
    let (_, seen) = system::selftest(repo, Order::Little, 1, true, command_line, None)?;
    let figures = raw_figures(&seen);
    ensure!(
        !figures.is_empty(),
        "the self-test program gave no figures:\n{}",
        seen.tail()
    );
    Ok(figures)
}

/// The figures in a log of the self-test program.
pub fn raw_figures(seen: &Seen) -> BTreeMap<String, f64> {
    seen.log.lines().filter_map(read_figure).collect()
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
    }

    #[test]
    fn reads_a_prompt() {
        let console = "sh\r\nprompt at 1767225600.017868 \r\nprompt at 1767225600.5 ";
        assert_eq!(prompt_time(console), Some(17_868_000.0));
        assert_eq!(prompt_time("/ # "), None);
    }

    #[test]
    fn reads_own_figures() {
        let (name, value) = read_figure("[memory] x INFO: figure a 512 1000").expect("one");
        assert_eq!((name.as_str(), value), ("a", 1.0));
        assert!(read_figure("figure a b").is_none());
    }
}
