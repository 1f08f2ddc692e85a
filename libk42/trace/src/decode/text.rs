//! Events as text for people, and the table as a document.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::{Event, Gap, Trace};
use crate::events::TABLE;
use crate::{Show, Side};

impl Trace {
    /// The line for an event: seconds since the start, CPU (`k` kernel, `u` user), class, name, arguments.
    pub fn line(&self, event: &Event) -> String {
        let mut line = self.place(event.time, event.cpu, event.side);
        // A string takes whatever is written to it.
        let _ = self.write_event(&mut line, event);
        line
    }

    /// The line for a gap.
    pub fn gap_line(&self, gap: &Gap) -> String {
        let place = self.place(gap.time, gap.cpu, gap.side);
        match gap.words {
            0 => format!("{place} the buffer's index was spoiled"),
            words => format!("{place} {words} words lost"),
        }
    }

    fn place(&self, time: u64, cpu: u32, side: Side) -> String {
        let side = if side == Side::Kernel { 'k' } else { 'u' };
        format!("{:14.9} {cpu:3}{side}", self.seconds(time))
    }

    fn write_event(&self, line: &mut String, event: &Event) -> fmt::Result {
        match self.table.class(event.class) {
            Some(class) => write!(line, " {}", class.name)?,
            None => write!(line, " class{}", event.class)?,
        }
        let entry = self.table.event(event.class, event.event);
        match entry {
            Some(entry) => write!(line, ".{}", entry.name)?,
            None => write!(line, ".{}", event.event)?,
        }
        for (place, &arg) in event.args.iter().enumerate() {
            match entry.and_then(|entry| entry.args.get(place)) {
                Some((name, show)) => {
                    write!(line, " {name}=")?;
                    write_arg(line, *show, arg)?;
                }
                None => write!(line, " {arg:#x}")?,
            }
        }
        Ok(())
    }

    /// All events and gaps in order of time, a line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let mut gaps = self.gaps.iter().peekable();
        let mut events = self.events.iter().peekable();
        core::iter::from_fn(move || match (events.peek(), gaps.peek()) {
            (Some(event), Some(gap)) if gap.time < event.time => {
                gaps.next().map(|g| self.gap_line(g))
            }
            (Some(_), _) => events.next().map(|e| self.line(e)),
            (None, _) => gaps.next().map(|g| self.gap_line(g)),
        })
    }
}

fn write_arg(out: &mut String, show: Show, arg: u64) -> fmt::Result {
    match show {
        Show::Dec => write!(out, "{arg}"),
        Show::Int => write!(out, "{}", arg as i64),
        Show::Hex => write!(out, "{arg:#x}"),
        Show::Text => {
            let bytes = arg.to_be_bytes();
            let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
            write!(out, "{}", text.escape_ascii())
        }
    }
}

/// The table of events as a page of documentation.
pub fn table_markdown() -> String {
    let mut page = String::from(
        "# Trace events\n\nMade from the table in `libk42/trace/src/events.rs`; do not edit.\n",
    );
    for (class, events) in TABLE {
        let _ = write!(
            page,
            "\n## {} (class {})\n\n| no. | event | arguments | meaning |\n|---|---|---|---|\n",
            class.name(),
            *class as u8
        );
        for info in *events {
            let args: Vec<_> = info.args.iter().map(|arg| arg.name).collect();
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                info.event,
                info.name,
                args.join(", "),
                info.doc
            );
        }
    }
    page
}
