//! `trace`: prints the events that `run --trace FILE` has saved.

use crate::cli::TraceOptions;
use anyhow::{Context, Result};
use k42_trace::Class;
use k42_trace::decode::{Event, Trace};
use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};

/// Carries out `trace`.
pub fn command(options: &TraceOptions) -> Result<u8> {
    let shown = options.file.display();
    let bytes = fs::read(&options.file).with_context(|| format!("cannot read {shown}"))?;
    let trace = Trace::parse(&bytes).with_context(|| format!("{shown}"))?;
    match print(&trace, options, &mut BufWriter::new(io::stdout().lock())) {
        // The reader of a pipe may have seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(e) => Err(e).context("cannot write the events"),
        Ok(()) => {
            if trace.missing_bytes > 0 {
                eprintln!(
                    "k42: {shown} is cut short: {} bytes are missing",
                    trace.missing_bytes
                );
                return Ok(1);
            }
            Ok(0)
        }
    }
}

/// Writes the events that the options ask for, with what is known of the whole.
fn print(trace: &Trace, options: &TraceOptions, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "# {} CPUs, {} Hz, {}-endian, {} events, {} lost, {} gaps",
        trace.cpus,
        trace.clock_hz,
        if trace.big_endian { "big" } else { "little" },
        trace.events.len(),
        trace.lost,
        trace.gaps.len()
    )?;
    if !trace.same_table {
        writeln!(out, "# made by another version: events are shown by number")?;
    }
    if options.wants_all() {
        for line in trace.lines() {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    for event in trace.events.iter().filter(|event| options.wants(event)) {
        let line = trace.line(event);
        if options
            .filter
            .as_deref()
            .is_none_or(|text| line.contains(text))
        {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

impl TraceOptions {
    /// Nothing is filtered out, so gaps are shown too.
    fn wants_all(&self) -> bool {
        self.class.is_none() && self.cpu.is_none() && self.filter.is_none()
    }

    fn wants(&self, event: &Event) -> bool {
        let bit = Class::from_number(event.class).map_or(0, Class::bit);
        self.class.is_none_or(|mask| mask & bit != 0) && self.cpu.is_none_or(|cpu| cpu == event.cpu)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use k42_trace::Side;

    fn event(time: u64, cpu: u32, class: Class) -> Event {
        let args = vec![1, 2].into_boxed_slice();
        Event {
            time,
            cpu,
            side: Side::Kernel,
            class: class as u8,
            event: 0,
            args,
        }
    }

    #[test]
    fn filters() {
        let events = vec![event(10, 0, Class::Ipc), event(20, 1, Class::Memory)];
        let trace = Trace {
            cpus: 2,
            clock_hz: 10,
            same_table: true,
            events,
            ..Trace::default()
        };
        let show = |class, cpu, filter: Option<&str>| {
            let filter = filter.map(String::from);
            let options = TraceOptions {
                file: "x".into(),
                class,
                cpu,
                filter,
            };
            let mut out = Vec::new();
            print(&trace, &options, &mut out).expect("memory takes it");
            String::from_utf8(out).expect("text").lines().count() - 1
        };
        assert_eq!(show(None, None, None), 2);
        assert_eq!(show(Some(Class::Ipc.bit()), None, None), 1);
        assert_eq!(show(None, Some(1), None), 1);
        assert_eq!(show(None, Some(5), None), 0);
        assert_eq!(show(None, None, Some("memory.")), 1);
    }

    #[test]
    fn classes() {
        assert_eq!(parse_classes("ipc"), Ok(Class::Ipc.bit()));
        let error = parse_classes("ipc,nonsense").expect_err("unknown");
        assert!(error.starts_with("no class 'nonsense'; there are all, none, exception"));
    }
}
