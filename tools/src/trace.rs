//! `trace`: prints the events that `run --trace FILE` has saved.

use crate::cli::TraceOptions;
use anyhow::{Context, Result, bail};
use k42_trace::Class;
use k42_trace::decode::{Event, Trace};
use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};

/// Carries out `trace`.
pub fn command(options: &TraceOptions) -> Result<u8> {
    let shown = options.file.display();
    let bytes = fs::read(&options.file).with_context(|| format!("cannot read {shown}"))?;
    let trace = Trace::parse(&bytes).with_context(|| format!("{shown}"))?;
    drop(bytes);
    let filter = Filter::new(&trace, options).with_context(|| format!("{shown}"))?;
    match print(&trace, &filter, &mut BufWriter::new(io::stdout().lock())) {
        // The reader of a pipe may have seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(e) => Err(e).context("cannot write the events"),
        Ok(()) => Ok(complaints(&trace, &shown.to_string())),
    }
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
fn print(trace: &Trace, filter: &Filter, out: &mut impl Write) -> io::Result<()> {
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
    if filter.wants_all() {
        for line in trace.lines() {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    for event in trace.events.iter().filter(|event| filter.wants(event)) {
        let line = trace.line(event);
        if filter
            .text
            .as_deref()
            .is_none_or(|text| line.contains(text))
        {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Which events are wanted.
#[derive(Default)]
struct Filter {
    classes: Option<Vec<u8>>,
    cpu: Option<u32>,
    text: Option<String>,
}

impl Filter {
    /// As the options say, in the words of the trace's own table.
    fn new(trace: &Trace, options: &TraceOptions) -> Result<Filter> {
        let classes = options.class.as_deref().map(|list| classes(trace, list));
        Ok(Filter {
            classes: classes.transpose()?,
            cpu: options.cpu,
            text: options.filter.clone(),
        })
    }

    /// Nothing is filtered out, so gaps are shown too.
    fn wants_all(&self) -> bool {
        self.classes.is_none() && self.cpu.is_none() && self.text.is_none()
    }

    fn wants(&self, event: &Event) -> bool {
        let class = self.classes.as_ref();
        class.is_none_or(|classes| classes.contains(&event.class))
            && self.cpu.is_none_or(|cpu| cpu == event.cpu)
    }
}

/// The numbers of a list of classes of the trace.
fn classes(trace: &Trace, list: &str) -> Result<Vec<u8>> {
    let known = trace.table.classes();
    let mut numbers = Vec::new();
    for name in list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match known.iter().find(|class| class.name == name) {
            Some(class) => numbers.push(class.number),
            None => {
                let names: Vec<&str> = known.iter().map(|class| class.name.as_str()).collect();
                bail!("no class '{name}'; there are {}", names.join(", "));
            }
        }
    }
    Ok(numbers)
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
    use k42_trace::decode::Table;

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
            table: Table::own(),
            events,
            ..Trace::default()
        };
        let show = |class: Option<&str>, cpu, text: Option<&str>| {
            let options = TraceOptions {
                file: "x".into(),
                class: class.map(String::from),
                cpu,
                filter: text.map(String::from),
            };
            let filter = Filter::new(&trace, &options).expect("good options");
            let mut out = Vec::new();
            print(&trace, &filter, &mut out).expect("memory takes it");
            String::from_utf8(out).expect("text").lines().count() - 1
        };
        assert_eq!(show(None, None, None), 2);
        assert_eq!(show(Some("ipc"), None, None), 1);
        assert_eq!(show(Some("ipc, memory"), None, None), 2);
        assert_eq!(show(None, Some(1), None), 1);
        assert_eq!(show(None, Some(5), None), 0);
        assert_eq!(show(None, None, Some("memory.")), 1);
        let error = classes(&trace, "ipc,flun")
            .expect_err("unknown")
            .to_string();
        assert!(error.starts_with("no class 'flun'; there are exception, sched"));
    }

    #[test]
    fn classes_of_a_run() {
        assert_eq!(parse_classes("ipc"), Ok(Class::Ipc.bit()));
        let error = parse_classes("ipc,nonsense").expect_err("unknown");
        assert!(error.starts_with("no class 'nonsense'; there are all, none, exception"));
    }
}
