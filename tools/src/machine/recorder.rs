//! Saves the guest's trace while it runs.
//!
//! The guest's memory is a file without a name that QEMU and this program share, so that nothing
//! has to be asked of the guest or of QEMU: not to read along, and not to read the rest when the
//! guest has panicked or QEMU is gone.

use super::sampler::Sampler;
use crate::monitor::Monitor;
use anyhow::{Context, Result, bail};
use k42_trace::decode::{Memory, OpenError, Stack, Stream};
use rustix::fs::MemfdFlags;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the buffers are looked at: while nothing comes, and while something does.
const IDLE: Duration = Duration::from_millis(2);
const BUSY: Duration = Duration::from_micros(100);

/// How much is collected before it is written.
const ENOUGH: usize = 1 << 20;

/// What is to be saved, from before the guest runs to its end.
pub struct Recorder {
    memory: File,
    out: PathBuf,
    counted: bool,
    /// How the CPUs can be looked at, and how often.
    looks: Option<(Monitor, u32)>,
    work: Option<Work>,
}

/// The threads that save, once the guest has said where its buffers are.
struct Work {
    thread: JoinHandle<Result<()>>,
    stop: Sender<()>,
    sampler: Option<Sampler>,
}

/// The guest's region within its memory.
struct GuestRegion {
    memory: File,
    start: u64,
    bytes: u64,
}

impl Memory for GuestRegion {
    type Error = io::Error;

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let place = self.start.checked_add(offset);
        self.memory
            .read_exact_at(into, place.ok_or(io::ErrorKind::UnexpectedEof)?)
    }
}

impl Recorder {
    /// For a machine that is yet to be started; saves in the file `out`. `counted`: whether its clock counts
    /// instructions.
    pub fn new(out: PathBuf, counted: bool) -> Result<Recorder> {
        let memory = rustix::fs::memfd_create("k42-memory", MemfdFlags::CLOEXEC)
            .context("no memory for the machine")?;
        Ok(Recorder {
            memory: memory.into(),
            out,
            counted,
            looks: None,
            work: None,
        })
    }

    /// The machine's CPUs are to be looked at as well, `hz` times a second, by QEMU's monitor.
    pub fn look_at_cpus(&mut self, monitor: Monitor, hz: u32) {
        self.looks = Some((monitor, hz));
    }

    /// The file that has to be the machine's memory, as another process can open it.
    pub fn memory(&self) -> PathBuf {
        let (process, file) = (std::process::id(), self.memory.as_raw_fd());
        Path::new("/proc").join(format!("{process}/fd/{file}"))
    }

    /// Begins to save: the guest has said where the region is, and at which address its kernel begins.
    pub fn start(&mut self, address: u64, bytes: u64, kernel: Option<u64>) -> Result<()> {
        if self.work.is_some() {
            return Ok(());
        }
        let region = GuestRegion {
            memory: self.memory.try_clone()?,
            start: address,
            bytes,
        };
        let file = File::create(&self.out)?;
        let (stop, stopped) = mpsc::channel();
        let (seen, stacks) = mpsc::channel();
        let sampler = match self.looks.take() {
            Some((monitor, hz)) => {
                Some(Sampler::start(monitor, self.memory.try_clone()?, hz, seen))
            }
            None => None,
        };
        let job = Job {
            region,
            counted: self.counted,
            kernel,
            stacks,
        };
        let thread = thread::spawn(move || {
            job.save(file, |pause| {
                stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout)
            })
        });
        self.work = Some(Work {
            thread,
            stop,
            sampler,
        });
        Ok(())
    }

    /// Saves the rest: the machine does not run any more.
    pub fn finish(self) -> Result<()> {
        let Some(work) = self.work else {
            bail!("the guest did not say where its trace is");
        };
        let looked = work.sampler.map_or(Ok(()), Sampler::finish);
        drop(work.stop);
        match work.thread.join() {
            Ok(result) => result.and(looked),
            Err(_) => bail!("the thread that saved it has panicked"),
        }
    }
}

/// What there is to be saved, and what is known of it.
struct Job {
    region: GuestRegion,
    counted: bool,
    kernel: Option<u64>,
    stacks: Receiver<Stack>,
}

impl Job {
    /// Saves while `go_on` says so after the pause that it is given, and then the rest.
    fn save(&self, mut to: impl Write, mut go_on: impl FnMut(Duration) -> bool) -> Result<()> {
        let region = &self.region;
        let mut out = Vec::new();
        let mut stream = match Stream::open(region, &mut out) {
            Ok(stream) => stream,
            Err(OpenError::Memory(e)) => return Err(e).context("the guest's memory"),
            Err(OpenError::Region(e)) => return Err(e).context("the guest's memory"),
        };
        if self.counted {
            stream.note_counted(&mut out);
        }
        if let Some(start) = self.kernel {
            stream.note_kernel(start, &mut out);
        }
        let mut pause = IDLE;
        while go_on(pause) {
            let before = out.len();
            stream.poll(region, &mut out)?;
            self.note_stacks(&stream, &mut out);
            pause = if out.len() > before { BUSY } else { IDLE };
            if out.len() >= ENOUGH {
                to.write_all(&out)?;
                out.clear();
            }
        }
        self.note_stacks(&stream, &mut out);
        stream.finish(region, &mut out)?;
        to.write_all(&out)?;
        to.flush()?;
        Ok(())
    }

    fn note_stacks(&self, stream: &Stream, out: &mut Vec<u8>) {
        for stack in self.stacks.try_iter() {
            stream.note_stack(&stack, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors() {
        let dir = tempfile::tempdir().expect("a folder");
        let recorder = Recorder::new(dir.path().join("t"), false).expect("memory");
        let error = recorder.finish().expect_err("nobody said where");
        assert!(format!("{error:#}").contains("did not say"));

        for (length, said) in [(1 << 20, "not a K42 trace"), (4096, "failed to fill")] {
            let mut recorder = Recorder::new(dir.path().join("t"), false).expect("memory");
            recorder.memory.set_len(length).expect("grows");
            recorder.start(4096, 65536, None).expect("starts");
            let error = recorder.finish().expect_err("nothing there");
            assert!(format!("{error:#}").contains(said), "{error:#}");
        }
        let nowhere = Recorder::new("/no/such/folder/t".into(), true);
        assert!(nowhere.expect("memory").start(0, 4096, None).is_err());
    }
}
