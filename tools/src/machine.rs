//! A running machine: QEMU, its sockets, and who listens on them.
//!
//! [`run`] starts QEMU, copies between its terminals and the given ends until the guest is
//! off, and cleans up whatever happens: sockets lie in a temporary folder, QEMU dies with
//! this program, and a signal ends the machine instead of leaving it behind.

mod child;
mod recorder;
mod relay;
mod sampler;

use crate::console::Input;
use crate::monitor::Monitor;
use crate::process;
use crate::qemu::{self, Machine};
use crate::qmp::{Event, Qmp};
use anyhow::{Context, Result, bail};
use child::{Guard, Signals, accept, end_with_parent, wait_a_little};
use recorder::Recorder;
use relay::{collect, copy, feed, joined, lines, relay_control, watch};
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long QEMU may take to open its sockets.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often the main loop looks at the clock, at QEMU and at signals.
const TICK: Duration = Duration::from_millis(20);

/// Where the terminals lead.
pub struct Ends {
    /// What is typed on the console.
    pub input: Input,
    /// The input comes from a terminal in raw mode.
    pub raw: bool,
    /// What the console shows.
    pub console: Box<dyn Write + Send>,
    /// Standard error of the command.
    pub errors: Box<dyn Write + Send>,
    /// The log; called once per line, without its end.
    pub log: Box<dyn FnMut(&str) + Send>,
}

/// Why the machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The guest powered off.
    PowerOff,
    /// The guest gave up; QEMU's word for how.
    Guest(String),
    /// Its time was over.
    Timeout,
    /// A signal to this program.
    Signal(i32),
    /// The user's Ctrl-].
    User,
    /// QEMU failed; what it said.
    Qemu(String),
}

/// What is known at the end.
#[derive(Debug)]
pub struct End {
    /// Why it ended.
    pub reason: Reason,
    /// The status that the guest reported.
    pub status: Option<i32>,
    /// The JSON of its `counts` lines.
    pub counts: Vec<String>,
    /// Whether the trace was saved, if it was asked for.
    pub trace: Option<Result<()>>,
}

/// What the threads tell the main loop.
enum Message {
    Control(String),
    Off(Event, Qmp),
    User,
}

/// What is to be saved of what happens in the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where what the guest traces goes.
    pub file: PathBuf,
    /// How often in a second the CPUs' stacks are read beside it; 0: not at all.
    pub stacks: u32,
}

/// Starts the machine and stays with it to its end.
pub fn run(
    machine: &Machine,
    ends: Ends,
    limit: Option<Duration>,
    trace: Option<Saved>,
) -> Result<End> {
    let signals = Signals::catch()?;
    let dir = tempfile::Builder::new().prefix("k42-").tempdir()?;
    let mut listeners = Vec::new();
    let stacks = trace.as_ref().map_or(0, |trace| trace.stacks);
    let sampler = (stacks > 0).then_some(&qemu::SAMPLER);
    for name in qemu::TERMINALS.iter().chain([&qemu::QMP]).chain(sampler) {
        let listener = UnixListener::bind(dir.path().join(name))?;
        listener.set_nonblocking(true)?;
        listeners.push(listener);
    }
    let recorder = trace.map(|trace| Recorder::new(trace.file, machine.icount));
    let mut recorder = recorder.transpose()?;
    let mut command = machine.command(dir.path());
    if let Some(recorder) = &recorder {
        machine.keep_memory_in(&recorder.memory(), &mut command);
    }
    if stacks > 0 {
        machine.let_be_sampled(dir.path(), &mut command);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    end_with_parent(&mut command);
    let child = command
        .spawn()
        .map_err(|e| process::not_started(&command, &e))?;
    let mut qemu = Guard(child);
    let complaints = collect(qemu.0.stderr.take().context("QEMU's standard error")?);

    let mut streams = Vec::new();
    for listener in &listeners {
        match accept(listener, &mut qemu.0)? {
            Some(stream) => streams.push(stream),
            None => bail!("QEMU did not start: {}", joined(complaints).trim()),
        }
    }
    let looks = if stacks > 0 { streams.pop() } else { None };
    let [console, log, errors, control, qmp] =
        <[UnixStream; 5]>::try_from(streams).map_err(|_| anyhow::anyhow!("sockets missing"))?;
    if let (Some(stream), Some(recorder)) = (looks, &mut recorder) {
        recorder.look_at_cpus(Monitor::new(stream)?, stacks);
    }

    let (sender, receiver) = mpsc::channel();
    let typed = console.try_clone()?;
    let readers = [
        copy(console, ends.console),
        copy(errors, ends.errors),
        lines(log, ends.log),
        relay_control(control, sender.clone()),
    ];
    feed(ends.input, typed, ends.raw, sender.clone());
    let started = Qmp::new(qmp).and_then(|mut qmp| {
        if !machine.gdb {
            qmp.resume()?;
        }
        Ok(qmp)
    });
    match started {
        Ok(qmp) => watch(qmp, sender),
        Err(e) => {
            drop(qemu);
            bail!("QEMU did not start: {e}: {}", joined(complaints).trim());
        }
    }

    let mut end = follow(&receiver, &mut qemu.0, &signals, limit, &mut recorder)?;
    drop(qemu);
    // The readers end with QEMU; only then has everything been delivered.
    for reader in readers {
        let _ = reader.join();
    }
    while let Ok(message) = receiver.try_recv() {
        if let Message::Control(line) = message {
            end.control(&line, &mut recorder);
        }
    }
    if let Some(recorder) = recorder
        && end.end.trace.is_none()
    {
        end.end.trace = Some(recorder.finish());
    }
    // A panic ends with an orderly power-off, once its report is out.
    if end.panicked && end.reason == Reason::PowerOff {
        end.reason = Reason::Guest("panic".into());
    }
    let said = joined(complaints);
    if let Reason::Qemu(text) = &mut end.reason {
        text.push_str(said.trim());
    }
    Ok(end.end)
}

/// The end as it becomes known.
struct Ending {
    end: End,
    panicked: bool,
}

impl std::ops::Deref for Ending {
    type Target = End;
    fn deref(&self) -> &End {
        &self.end
    }
}

impl std::ops::DerefMut for Ending {
    fn deref_mut(&mut self) -> &mut End {
        &mut self.end
    }
}

impl Ending {
    /// Takes one line of the control terminal. An unknown line is left alone, so that an
    /// older tool can run a newer guest.
    fn control(&mut self, line: &str, recorder: &mut Option<Recorder>) {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match word {
            "exit" => self.end.status = rest.trim().parse().ok().or(self.end.status),
            "panic" => self.panicked = true,
            "counts" => self.end.counts.push(rest.into()),
            "trace" => {
                let mut numbers = rest.split_whitespace().map(number);
                if let (Some(Some(address)), Some(Some(length)), Some(recorder)) =
                    (numbers.next(), numbers.next(), recorder)
                    && let Err(e) = recorder.start(address, length, numbers.next().flatten())
                {
                    self.end.trace = Some(Err(e));
                }
            }
            _ => {}
        }
    }
}

/// A number in decimal, or in hexadecimal after `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Waits for the end of the machine.
fn follow(
    receiver: &Receiver<Message>,
    qemu: &mut Child,
    signals: &Signals,
    limit: Option<Duration>,
    recorder: &mut Option<Recorder>,
) -> Result<Ending> {
    let start = Instant::now();
    let end = End {
        reason: Reason::PowerOff,
        status: None,
        counts: Vec::new(),
        trace: None,
    };
    let mut ending = Ending {
        end,
        panicked: false,
    };
    ending.reason = loop {
        match receiver.recv_timeout(TICK) {
            Ok(Message::Control(line)) => ending.control(&line, recorder),
            Ok(Message::User) => break Reason::User,
            Ok(Message::Off(Event::Shutdown(why), mut qmp)) => {
                // Control lines were written before the machine stopped, by another thread.
                while let Ok(message) = receiver.recv_timeout(TICK) {
                    if let Message::Control(line) = message {
                        ending.control(&line, recorder);
                    }
                }
                if qmp.quit().is_ok() {
                    wait_a_little(qemu);
                }
                break if why == "guest-shutdown" {
                    Reason::PowerOff
                } else {
                    Reason::Guest(why)
                };
            }
            Ok(Message::Off(Event::Gone, _)) | Err(RecvTimeoutError::Disconnected) => {
                let status = wait_a_little(qemu);
                break Reason::Qemu(status.map_or_else(String::new, |s| format!("{s} ")));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(signal) = signals.caught() {
            break Reason::Signal(signal);
        }
        if limit.is_some_and(|limit| start.elapsed() > limit) {
            break Reason::Timeout;
        }
    };
    Ok(ending)
}

#[cfg(test)]
mod tests;
