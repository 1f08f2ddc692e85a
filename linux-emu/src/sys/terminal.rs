//! Reading from a terminal: the timers of termios(3).
//!
//! The terminal's server gives what has been typed; how long a read waits outside canonical mode, for how much, is
//! decided here, since servers do not wait.

use super::io::CHUNK;
use crate::event::{self, Source};
use crate::file::FileRef;
use crate::port;
use crate::thread::Thread;
use crate::user::{self, User};
use k42_abi::{Error, Result};
use k42_api::files::CURRENT;

/// Nanoseconds of the unit of VTIME.
const TENTH: u64 = 100_000_000;

/// When a read with a timer of so many tenths of a second ends that starts now.
fn after(tenths: u64) -> Option<u64> {
    (tenths != 0).then(|| port::after_ns(tenths * TENTH))
}

/// read(2) of up to `count` bytes, which are not zero.
pub fn read(thread: &Thread, file: &FileRef, to: User, count: usize) -> Result<usize> {
    let client = file.client();
    let source = Source::File(file.server, file.handle);
    let mut buffer = thread.scratch.bulk.borrow_mut();
    let (mut done, mut deadline, mut waited) = (0, None, false);
    let mut interrupted = None;
    loop {
        let place = to.add(done as u64);
        let wanted = (count - done).min(CHUNK);
        if let Err(error) = user::probe(place, wanted) {
            return if done > 0 { Ok(done) } else { Err(error) };
        }
        let since = event::seen();
        let got = client
            .read(CURRENT, &mut buffer[..wanted])
            .map_err(|(error, _)| error);
        let error = match got {
            Ok((_, got)) => {
                user::copy_out(place, &buffer[..got])?;
                done += got;
                if got == 0 || done == count {
                    return Ok(done);
                }
                match client.read_timing()? {
                    // Without a timer the server has waited for enough.
                    [minimum, tenths]
                        if tenths != 0 && (done as u64) < minimum && interrupted.is_none() =>
                    {
                        deadline = after(tenths);
                        // Asked again, the server notes that we wait.
                        continue;
                    }
                    _ => return Ok(done),
                }
            }
            // What has come together with a signal has been taken, but no more.
            Err(error) => interrupted.unwrap_or(error),
        };
        if error != Error::WOULD_BLOCK || file.non_blocking() {
            let error = if error == Error::WOULD_BLOCK {
                Error::EAGAIN
            } else {
                error
            };
            return if done > 0 { Ok(done) } else { Err(error) };
        }
        if done == 0 && !waited {
            waited = true;
            if let [0, tenths] = client.read_timing()? {
                deadline = after(tenths);
            }
        }
        match event::wait(thread, source, since, deadline) {
            Ok(()) => {}
            Err(Error::ETIMEDOUT) => return Ok(done),
            Err(error) => interrupted = Some(error),
        }
    }
}
