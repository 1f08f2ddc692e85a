//! Statistics: where the time of Linux calls, servers, processes, faults and locks went.

use super::filter::Filter;
use super::names;
use super::story::{Span, Story, What};
use k42_trace::decode::Trace;
use std::collections::HashMap;
use std::io::{self, Write};

/// Count, total and extremes of some times, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    count: u64,
    errors: u64,
    total: u64,
    min: u64,
    max: u64,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            count: 0,
            errors: 0,
            total: 0,
            min: u64::MAX,
            max: 0,
        }
    }
}

impl Times {
    fn add(&mut self, ticks: u64, failed: bool) {
        self.count += 1;
        self.errors += u64::from(failed);
        self.total = self.total.saturating_add(ticks);
        self.min = self.min.min(ticks);
        self.max = self.max.max(ticks);
    }
}

type Table = HashMap<String, Times>;

/// Writes all tables.
pub fn write(
    trace: &Trace,
    story: &Story,
    filter: &Filter,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut tables: [Table; 7] = Default::default();
    let [linux, methods, running, serving, faults, locks, marked] = &mut tables;
    let mut unfinished = 0;
    for span in story.spans.iter().filter(|span| filter.wants_span(span)) {
        let Some(end) = span.end else {
            unfinished += 1;
            continue;
        };
        let ticks = end.saturating_sub(span.start);
        let add = |table: &mut Table, name: String| {
            table.entry(name).or_default().add(ticks, span.result < 0);
        };
        match span.what {
            What::Run => add(running, story.names.label(span.process)),
            What::Linux { number } => add(linux, story.names.call(number)),
            What::Serve { caller, method } => {
                let method = names::method(method);
                add(
                    methods,
                    format!("{} {method}", story.names.of(span.process)),
                );
                // The kernel calls for those who fault, who have intervals of their own.
                if caller != 0 {
                    add(serving, story.names.label(caller));
                }
            }
            What::Fault { object, region, .. } => {
                add(serving, story.names.label(span.process));
                add(faults, object_name(story, span, object, region));
            }
            What::Lock { lock } => {
                add(locks, format!("{} {lock:#x}", story.names.of(span.process)));
            }
            What::Marked { name } => {
                let process = story.names.of(span.process);
                add(marked, format!("{process} {}", story.texts[name]));
            }
            What::Call { .. } => {}
        }
    }
    let titles = [
        "Linux call",
        "server and method",
        "process: has the CPU",
        "process: served by servers",
        "page faults: process and object",
        "lock waiting: process and lock",
        "marked by programs: process and interval",
    ];
    for (title, table) in titles.into_iter().zip(tables) {
        if !table.is_empty() {
            write_table(trace, title, table, out)?;
        }
    }
    if unfinished > 0 {
        writeln!(
            out,
            "{unfinished} intervals have no end in the trace and are not counted"
        )?;
    }
    Ok(())
}

fn object_name(story: &Story, span: &Span, object: u64, region: u64) -> String {
    let object = match story.objects.get(&object) {
        Some(name) => name.clone(),
        None if object == 0 => "no object".into(),
        None => format!("memory at {region:#x}"),
    };
    format!("{} {object}", story.names.of(span.process))
}

fn write_table(trace: &Trace, title: &str, table: Table, out: &mut impl Write) -> io::Result<()> {
    let mut rows: Vec<(String, Times)> = table.into_iter().collect();
    rows.sort_by(|(a, x), (b, y)| y.total.cmp(&x.total).then_with(|| a.cmp(b)));
    let micros = |ticks: f64| ticks * 1e6 / trace.clock_hz as f64;
    writeln!(
        out,
        "{title:<40} {:>8} {:>7} {:>12} {:>10} {:>10} {:>10}",
        "count", "errors", "total µs", "min", "mean", "max"
    )?;
    for (name, times) in rows {
        writeln!(
            out,
            "  {name:<38} {:>8} {:>7} {:>12.1} {:>10.2} {:>10.2} {:>10.2}",
            times.count,
            times.errors,
            micros(times.total as f64),
            micros(times.min as f64),
            micros(times.total as f64 / times.count as f64),
            micros(times.max as f64)
        )?;
    }
    writeln!(out)
}
