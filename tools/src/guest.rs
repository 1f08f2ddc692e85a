//! A guest whose output is kept: what tests and measurements boot.

use crate::console::Input;
use crate::machine::{self, End, Ends, Saved};
use crate::qemu::Machine;
use crate::symbols::Symbols;
use anyhow::Result;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a guest has shown.
#[derive(Debug)]
pub struct Seen {
    /// The console.
    pub console: String,
    /// Standard error of the command.
    pub errors: String,
    /// The log, with backtraces explained.
    pub log: String,
    /// How it ended.
    pub end: End,
}

impl Seen {
    /// The last lines of everything, for a failure's report.
    pub fn tail(&self) -> String {
        let mut text = format!("ended by {:?}\n", self.end.reason);
        let parts = [
            ("console", &self.console),
            ("errors", &self.errors),
            ("log", &self.log),
        ];
        for (name, part) in parts {
            for line in crate::process::tail(part, 20).lines() {
                text.push_str(&format!("{name}| {line}\n"));
            }
        }
        text
    }
}

/// Boots a machine, waits for its end, gives back what it showed. `trace`: where to save what
/// the guest traces.
pub fn observe(
    machine: &Machine,
    input: Input,
    limit: Duration,
    symbols: Option<Symbols>,
    trace: Option<PathBuf>,
) -> Result<Seen> {
    let [console, errors, log] = [(); 3].map(|()| Kept::default());
    let mut to_log = log.clone();
    let ends = Ends {
        input,
        raw: false,
        console: Box::new(console.clone()),
        errors: Box::new(errors.clone()),
        log: Box::new(move |line| {
            let explained = symbols.iter().flat_map(|s| s.explain(line));
            for line in [line.to_string()].into_iter().chain(explained) {
                // Memory takes everything.
                let _ = writeln!(to_log, "{line}");
            }
        }),
    };
    let saved = trace.map(|file| Saved { file, stacks: 0 });
    let end = machine::run(machine, ends, Some(limit), saved)?;
    Ok(Seen {
        console: console.text(),
        errors: errors.text(),
        log: log.text(),
        end,
    })
}

/// Bytes that several ends of a pipe share.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// What was written so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
