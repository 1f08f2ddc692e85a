//! Saves the guest's trace while it runs.
//!
//! The guest's memory is a file without a name that QEMU and this program share, so that nothing
//! has to be asked of the guest or of QEMU: not to read along, and not to read the rest when the
//! guest has panicked or QEMU is gone.

use anyhow::{Context, Result, bail};
use k42_trace::decode::{Memory, OpenError, Stream};
use rustix::fs::MemfdFlags;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
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
    work: Option<Work>,
}

/// The thread that saves, once the guest has said where its buffers are.
struct Work {
    thread: JoinHandle<Result<()>>,
    stop: Sender<()>,
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
            work: None,
        })
    }

    /// The file that has to be the machine's memory, as another process can open it.
    pub fn memory(&self) -> PathBuf {
        let (process, file) = (std::process::id(), self.memory.as_raw_fd());
        Path::new("/proc").join(format!("{process}/fd/{file}"))
    }

    /// Begins to save: the guest has said where the region is.
    pub fn start(&mut self, address: u64, bytes: u64) -> Result<()> {
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
        let counted = self.counted;
        let thread = thread::spawn(move || {
            save(&region, file, counted, |pause| {
                stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout)
            })
        });
        self.work = Some(Work { thread, stop });
        Ok(())
    }

    /// Saves the rest: the machine does not run any more.
    pub fn finish(self) -> Result<()> {
        let Some(work) = self.work else {
            bail!("the guest did not say where its trace is");
        };
        drop(work.stop);
        match work.thread.join() {
            Ok(result) => result,
            Err(_) => bail!("the thread that saved it has panicked"),
        }
    }
}

/// Saves a region while `go_on` says so after the pause that it is given, and then the rest of it.
fn save(
    region: &GuestRegion,
    mut to: impl Write,
    counted: bool,
    mut go_on: impl FnMut(Duration) -> bool,
) -> Result<()> {
    let mut out = Vec::new();
    let mut stream = match Stream::open(region, &mut out) {
        Ok(stream) => stream,
        Err(OpenError::Memory(e)) => return Err(e).context("the guest's memory"),
        Err(OpenError::Region(e)) => return Err(e).context("the guest's memory"),
    };
    if counted {
        stream.note_counted(&mut out);
    }
    let mut pause = IDLE;
    while go_on(pause) {
        let before = out.len();
        stream.poll(region, &mut out)?;
        pause = if out.len() > before { BUSY } else { IDLE };
        if out.len() >= ENOUGH {
            to.write_all(&out)?;
            out.clear();
        }
    }
    stream.finish(region, &mut out)?;
    to.write_all(&out)?;
    to.flush()?;
    Ok(())
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
            recorder.start(4096, 65536).expect("starts");
            let error = recorder.finish().expect_err("nothing there");
            assert!(format!("{error:#}").contains(said), "{error:#}");
        }
        let nowhere = Recorder::new("/no/such/folder/t".into(), true);
        assert!(nowhere.expect("memory").start(0, 4096).is_err());
    }
}
