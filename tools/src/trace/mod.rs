//! `trace`: shows what `run --trace FILE` has saved: as text, as statistics, as a flame graph, or for a browser.
//!
//! [`names`] and [`story`] find out from the events who is who and what happened; [`stats`], [`chrome`] and [`flame`] show
//! it; [`filter`] says what of it is wanted.

mod chrome;
mod filter;
mod flame;
mod marker;
mod names;
mod stats;
mod story;
#[cfg(test)]
mod tests;

use crate::cli::TraceOptions;
use crate::repo::{Order, Repo};
use anyhow::{Context, Result};
use filter::Filter;
use k42_trace::Class;
use k42_trace::decode::Trace;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use story::Story;

/// Carries out `trace`.
pub fn command(repo: &Repo, options: &TraceOptions) -> Result<u8> {
    let shown = options.file.display();
    let bytes = fs::read(&options.file).with_context(|| format!("cannot read {shown}"))?;
    let trace = Trace::parse(&bytes).with_context(|| format!("{shown}"))?;
    drop(bytes);
    let story = Story::new(&trace);
    let filter = Filter::new(&trace, &story, options).with_context(|| format!("{shown}"))?;
    if let Some(path) = &options.chrome {
        save(path, |out| chrome::write(&trace, &story, &filter, out))?;
    }
    if let Some(path) = &options.flame {
        let order = Order::from_flag(trace.big_endian);
        let programs =
            flame::Programs::open(repo, order, options.program.as_deref(), trace.kernel)?;
        let stacks = flame::stacks(&trace, &story, &filter, &programs);
        let mut picture = Vec::new();
        let name = options.file.file_stem().unwrap_or_default().display();
        let title = format!("{name}: {} samples", stacks.values().sum::<u64>());
        flame::draw(&stacks, &title, &mut picture).with_context(|| format!("{shown}"))?;
        save(path, |out| out.write_all(&picture))?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if options.stats {
        stats::write(&trace, &story, &filter, &mut out)
    } else if options.chrome.is_none() && options.flame.is_none() {
        print(&trace, &story, &filter, &mut out)
    } else {
        Ok(())
    };
    match written.and_then(|()| out.flush()) {
        // The reader of a pipe may have seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(e) => Err(e).context("cannot write the events"),
        Ok(()) => Ok(complaints(&trace, &shown.to_string())),
    }
}

/// Writes a file that the user named.
fn save(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let save = || {
        let mut out = BufWriter::new(File::create(path)?);
        write(&mut out)?;
        out.flush()
    };
    save().with_context(|| format!("cannot write {}", path.display()))
}

/// Says what is wrong with the file as a whole; gives the status to end with.
fn complaints(trace: &Trace, shown: &str) -> u8 {
    if trace.damaged_bytes > 0 {
        let bytes = trace.damaged_bytes;
        eprintln!("k42: {shown} is damaged: {bytes} bytes make no sense");
    }
    if !trace.complete {
        eprintln!("k42: {shown} is cut short: its end is missing");
    }
    u8::from(!trace.complete || trace.damaged_bytes > 0)
}

/// Writes the events that are asked for, with what is known of the whole.
fn print(trace: &Trace, story: &Story, filter: &Filter, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "# {} CPUs, {} Hz{}, {}-endian, {} events, {} lost, {} gaps",
        trace.cpus,
        trace.clock_hz,
        if trace.counted {
            " (counts instructions)"
        } else {
            ""
        },
        if trace.big_endian { "big" } else { "little" },
        trace.events.len(),
        trace.lost,
        trace.gaps.len()
    )?;
    if filter.wants_all() {
        for line in trace.lines() {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let whose = story.whose.iter().copied();
    for (event, whose) in trace.events.iter().zip(whose) {
        if !filter.wants(trace, story, event, whose) {
            continue;
        }
        let line = trace.line(event);
        let text = filter.text.as_deref();
        if text.is_none_or(|text| line.contains(text)) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// A list of classes such as `ipc,memory`, as a mask.
pub fn parse_classes(list: &str) -> Result<u64, String> {
    Class::mask_of(list).map_err(|name| {
        let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
        format!(
            "no class '{name}'; there are all, none, {}",
            names.join(", ")
        )
    })
}
