//! Events as text for people, and the table as a document.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::{Event, Gap, Trace};
use crate::events::TABLE;
use crate::{Class, Show, Side};

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
        format!(
            "{} {} words lost",
            self.place(gap.time, gap.cpu, gap.side),
            gap.words
        )
    }

    fn place(&self, time: u64, cpu: u32, side: Side) -> String {
        let side = if side == Side::Kernel { 'k' } else { 'u' };
        format!("{:14.9} {cpu:3}{side}", self.seconds(time))
    }

    fn write_event(&self, line: &mut String, event: &Event) -> fmt::Result {
        let class = Class::from_number(event.class);
        match class {
            Some(class) => write!(line, " {}", class.name())?,
            None => write!(line, " class{}", event.class)?,
        }
        let info = event.info().filter(|_| self.same_table);
        match info {
            Some(info) => write!(line, ".{}", info.name)?,
            None => write!(line, ".{}", event.event)?,
        }
        for (place, &arg) in event.args.iter().enumerate() {
            match info.and_then(|info| info.args.get(place)) {
                Some(known) => {
                    write!(line, " {}=", known.name)?;
                    write_arg(line, known.show, arg)?;
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
