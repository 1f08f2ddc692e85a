//! prctl(2). What concerns the process as a whole, the process server keeps; the name of a thread beside the first is the
//! library's own. An option that is not here has no effect that could be had, and is EINVAL.

use crate::process::{PROCESS, SERVER};
use crate::table::{Addr, Flags};
use crate::thread::Thread;
use crate::user::{self, User};
use k42_abi::{Error, Result};
use k42_api::process::option;

const PR_GET_SECCOMP: u32 = 21;
const PR_CAPBSET_READ: u32 = 23;
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
        option::SET_NAME => set_name(thread, at),
        option::GET_NAME => {
            let name = if is_first(thread) {
                *PROCESS.name.lock()
            } else {
                thread.name.get()
            };
            user::copy_out(at, &name).map(|()| 0)
        }
        option::SET_PDEATHSIG | option::SET_DUMPABLE => SERVER.set_option(option.0, second.0),
        // The server takes one value or the other.
        option::SET_CHILD_SUBREAPER => SERVER.set_option(option.0, u64::from(second.0 != 0)),
        option::SET_NO_NEW_PRIVS if rest_is_zero => SERVER.set_option(option.0, second.0),
        option::GET_DUMPABLE => SERVER.set_option(option.0, 0),
        option::GET_NO_NEW_PRIVS if rest_is_zero && second.0 == 0 => SERVER.set_option(option.0, 0),
        option::GET_PDEATHSIG | option::GET_CHILD_SUBREAPER => {
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
    SERVER.set_option(option::SET_NAME, low)?;
    SERVER.set_option(option::SET_NAME_TAIL, high)?;
    *PROCESS.name.lock() = name;
    Ok(0)
}
