//! `bench`: guest instructions per operation, beside Linux's.
//!
//! The programs of `tests/bench` are compiled once, for Linux, and run in one boot. With
//! counted instructions a nanosecond of guest time is one instruction, so what they print
//! as time is read as instructions. Linux's figures were taken in the same way and stand
//! in `tests/bench/baseline.json`, with the targets; `--linux` takes them anew. With `--wall` the time is the
//! host's, and only what both systems measured in this run is compared.
//!
//! * [`programs`] makes the programs, [`figures`] runs them on a machine;
//! * [`table`] and [`plot`] show the result;
//! * [`scaling`] counts cache lines that move between CPUs.

mod figures;
mod plot;
mod programs;
mod scaling;
mod table;

use crate::cli::BenchOptions;
use crate::progress::Progress;
use crate::repo::Repo;
use crate::system::K42;
use anyhow::{Context, Result, ensure};
pub use figures::raw_figures;
use figures::{BOOT_ROW, Figures, OWN_ROWS, measure};
use k42_tests::archive::Tree;
use k42_tests::linux::Linux;
use k42_tests::machine::Clock;
pub use programs::{COMPILER, Programs};
use serde_json::Value;
use std::fs;
use table::Line;

/// Carries out `bench`.
pub fn command(repo: &Repo, options: &BenchOptions) -> Result<u8> {
    if options.scaling {
        return scaling::command(repo, options);
    }
    let progress = Progress::new(false);
    let baseline: Value =
        serde_json::from_slice(&fs::read(repo.root().join("tests/bench/baseline.json"))?)
            .context("tests/bench/baseline.json")?;
    let programs = Programs::compile(repo)?;
    let filter = options.filter.as_deref().unwrap_or("");
    let chosen = |row: &String| row.contains(filter);
    let linux_rows: Vec<String> = programs
        .rows()?
        .into_iter()
        .map(|row| row.name)
        .filter(chosen)
        .collect();
    let own_rows = OWN_ROWS
        .iter()
        .chain([&BOOT_ROW])
        .map(|row| row.to_string());
    // The targets and K42's own rows are about instructions.
    let own_rows = own_rows.filter(|row| chosen(row) && !options.wall);
    let (clock, unit) = match options.wall {
        true => (Clock::Wall, "nanoseconds"),
        false => (Clock::Instructions, "instructions"),
    };
    let rows: Vec<String> = linux_rows.iter().cloned().chain(own_rows).collect();
    ensure!(!rows.is_empty(), "no row matches '{filter}'");

    let files = match linux_rows.is_empty() {
        true => Tree::default(),
        false => programs.files(repo, progress)?,
    };
    let linux = if options.linux {
        let step = progress.step("measuring Linux");
        let linux = Linux::prepare(repo.root())?.with_clock(clock);
        let figures = measure(&linux, &files, &linux_rows)?;
        drop(step);
        Some(figures)
    } else {
        None
    };
    let step = progress.step("measuring K42");
    let k42 = K42::prepare(repo, progress)?.with_clock(clock);
    let mut figures = match linux_rows.is_empty() {
        true => Figures::new(),
        false => measure(&k42, &files, &linux_rows)?,
    };
    if rows.iter().any(|row| row == BOOT_ROW) {
        figures.extend(figures::boot(&k42)?);
    }
    if rows.iter().any(|row| OWN_ROWS.contains(&row.as_str())) {
        figures.extend(figures::own(repo)?);
    }
    drop(step);

    let lines: Vec<Line> = rows
        .iter()
        .map(|row| Line {
            row: row.clone(),
            figure: figures
                .get(row)
                .cloned()
                .unwrap_or_else(|| Err("not measured".into())),
            linux: match &linux {
                Some(measured) => measured.get(row).and_then(|f| f.as_ref().ok()).copied(),
                None => baseline[row]["linux"].as_f64(),
            },
            target: match options.wall {
                true => None,
                false => baseline[row]["target"].as_f64(),
            },
        })
        .collect();
    table::print(&lines, unit);
    if let Some(path) = &options.json {
        fs::write(path, table::to_json(&figures, linux.as_ref()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &options.plot {
        plot::write(path, &lines)?;
    }
    // What K42 does not offer yet is a row that says so, and no failure.
    let failed = |line: &Line| line.target.is_some() && line.figure.is_err();
    Ok(u8::from(lines.iter().any(failed)))
}
