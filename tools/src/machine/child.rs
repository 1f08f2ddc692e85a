//! QEMU as a child process: it never outlives this program, and signals to this program
//! end it in good order.

use super::{START_LIMIT, TICK};
use anyhow::Result;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Gives QEMU a moment to end by itself.
pub fn wait_a_little(qemu: &mut Child) -> Option<ExitStatus> {
    for _ in 0..100 {
        if let Ok(Some(status)) = qemu.try_wait() {
            return Some(status);
        }
        thread::sleep(TICK);
    }
    None
}

/// Kills and reaps QEMU when it goes out of scope.
pub struct Guard(pub Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks the kernel to kill the child when the thread that started it ends, however that
/// comes about. That thread stays in [`run`] for as long as the child lives.
#[allow(
    unsafe_code,
    reason = "the standard library marks code that runs after fork so"
)]
pub fn end_with_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let set = || {
        let signal = Some(rustix::process::Signal::KILL);
        rustix::process::set_parent_process_death_signal(signal).map_err(Into::into)
    };
    // SAFETY: the closure makes one system call; it allocates nothing and takes no lock,
    // which is all that is asked of code between fork and exec.
    unsafe {
        command.pre_exec(set);
    }
}

/// Accepts QEMU's connection; `None` if QEMU ended or does not come.
pub fn accept(listener: &UnixListener, qemu: &mut Child) -> Result<Option<UnixStream>> {
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(Some(stream));
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e.into()),
        }
        if qemu.try_wait()?.is_some() || start.elapsed() > START_LIMIT {
            qemu.kill()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Signals that end the machine, for as long as this lives.
pub struct Signals {
    caught: Arc<AtomicUsize>,
    ids: Vec<signal_hook::SigId>,
}

impl Signals {
    /// Begins to catch them.
    pub fn catch() -> Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let caught = Arc::new(AtomicUsize::new(0));
        let mut ids = Vec::new();
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let number = usize::try_from(signal)?;
            ids.push(signal_hook::flag::register_usize(
                signal,
                caught.clone(),
                number,
            )?);
        }
        Ok(Signals { caught, ids })
    }

    /// The last one that came.
    pub fn caught(&self) -> Option<i32> {
        i32::try_from(self.caught.load(Ordering::Relaxed))
            .ok()
            .filter(|&n| n > 0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for &id in &self.ids {
            signal_hook::low_level::unregister(id);
        }
    }
}
