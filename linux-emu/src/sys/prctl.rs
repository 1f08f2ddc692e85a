//! prctl(2). What concerns the process as a whole, the process server keeps; the name of a thread beside the first is the
//! library's own. An option that is not here has no effect that could be had, and is EINVAL.

use crate::process::{PROCESS, SERVER};
use crate::table::{Addr, Flags};
use crate::thread::Thread;
use crate::user::{self, User};
use k42_abi::{Error, Result};

const PR_SET_PDEATHSIG: u32 = 1;
const PR_GET_PDEATHSIG: u32 = 2;
const PR_GET_DUMPABLE: u32 = 3;
const PR_SET_DUMPABLE: u32 = 4;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_GET_SECCOMP: u32 = 21;
const PR_CAPBSET_READ: u32 = 23;
const PR_SET_CHILD_SUBREAPER: u32 = 36;
const PR_GET_CHILD_SUBREAPER: u32 = 37;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
const PR_GET_NO_NEW_PRIVS: u32 = 39;

/// The process server's own options: the umask, for /proc, and the second half of a name, after the first.
pub const UMASK: u32 = 0x1_0000;
const NAME_TAIL: u32 = PR_SET_NAME | 0x1_0000;
/// The last capability that there is.
const LAST_CAPABILITY: u64 = 40;

/// prctl(2).
pub fn prctl(
    thread: &Thread,
    option: Flags,
    second: Addr,
    third: Addr,
    fourth: Addr,
    fifth: Addr,
) -> Result<u64> {
    let at = User(second.0);
    let rest_is_zero = third.0 | fourth.0 | fifth.0 == 0;
    match option.0 {
        PR_SET_NAME => set_name(thread, at),
        PR_GET_NAME => {
            let name = if is_first(thread) {
                *PROCESS.name.lock()
            } else {
                thread.name.get()
            };
            user::copy_out(at, &name).map(|()| 0)
        }
        PR_SET_PDEATHSIG | PR_SET_DUMPABLE => SERVER.set_option(option.0, second.0),
        // The server takes one value or the other.
        PR_SET_CHILD_SUBREAPER => SERVER.set_option(option.0, u64::from(second.0 != 0)),
        PR_SET_NO_NEW_PRIVS if rest_is_zero => SERVER.set_option(option.0, second.0),
        PR_GET_DUMPABLE => SERVER.set_option(option.0, 0),
        PR_GET_NO_NEW_PRIVS if rest_is_zero && second.0 == 0 => SERVER.set_option(option.0, 0),
        PR_GET_PDEATHSIG | PR_GET_CHILD_SUBREAPER => {
            let value = SERVER.set_option(option.0, 0)?;
            user::put_u32(at, value as u32).map(|()| 0)
        }
        // No process is in seccomp mode.
        PR_GET_SECCOMP => Ok(0),
        PR_CAPBSET_READ if second.0 <= LAST_CAPABILITY => Ok(1),
        _ => Err(Error::EINVAL),
    }
}

fn is_first(thread: &Thread) -> bool {
    thread.tid() == PROCESS.pid()
}

fn set_name(thread: &Thread, from: User) -> Result<u64> {
    let mut name = [0u8; 16];
    for (index, byte) in name[..15].iter_mut().enumerate() {
        *byte = user::get_u8(from.add(index as u64))?;
        if *byte == 0 {
            break;
        }
    }
    if !is_first(thread) {
        thread.name.set(name);
        return Ok(0);
    }
    let [low, high] =
        [&name[..8], &name[8..]].map(|half| half.try_into().map_or(0, u64::from_le_bytes));
    SERVER.set_option(PR_SET_NAME, low)?;
    SERVER.set_option(NAME_TAIL, high)?;
    *PROCESS.name.lock() = name;
    Ok(0)
}
