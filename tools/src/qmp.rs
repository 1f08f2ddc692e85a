//! The little of QEMU's control protocol that is needed: to hear that the guest ended, and
//! to end QEMU.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

/// What QEMU reported of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The guest is off; the text is QEMU's word for why (`guest-shutdown`, `guest-panic` …).
    Shutdown(String),
    /// The connection ended: QEMU is gone.
    Gone,
}

/// A connection to QEMU.
pub struct Qmp {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Qmp {
    /// Takes over the connection: reads the greeting, switches to command mode.
    pub fn new(stream: UnixStream) -> Result<Self> {
        let mut qmp = Qmp {
            reader: BufReader::new(stream.try_clone()?),
            writer: stream,
        };
        let greeting = qmp.read()?.context("QEMU's monitor said nothing")?;
        if greeting.get("QMP").is_none() {
            bail!("QEMU's monitor greeted with {greeting}");
        }
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Lets the guest run.
    pub fn resume(&mut self) -> Result<()> {
        self.execute("cont", json!({}))
    }

    /// Waits until the guest is off or QEMU gone.
    pub fn wait_for_end(&mut self) -> Event {
        while let Ok(Some(message)) = self.read() {
            if message["event"] == "SHUTDOWN" {
                let reason = message["data"]["reason"].as_str().unwrap_or("unknown");
                return Event::Shutdown(reason.into());
            }
        }
        Event::Gone
    }

    /// Ends QEMU.
    pub fn quit(&mut self) -> Result<()> {
        self.execute("quit", json!({}))
    }

    /// Runs one command and waits for its answer; events on the way are passed over.
    fn execute(&mut self, command: &str, arguments: Value) -> Result<()> {
        let request = json!({"execute": command, "arguments": arguments});
        writeln!(self.writer, "{request}")?;
        while let Some(answer) = self.read()? {
            if answer.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = answer.get("error") {
                bail!(
                    "QEMU refused {command}: {}",
                    error["desc"].as_str().unwrap_or("?")
                );
            }
        }
        bail!("QEMU ended before it answered {command}")
    }

    fn read(&mut self) -> Result<Option<Value>> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&line).context("QEMU's monitor")?))
    }
}
