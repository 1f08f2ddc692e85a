//! Options of prctl(2) that the process server keeps.

use super::Program;
use super::central::Own;
use crate::linux::{COMM_MAX, signal};
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_api::process::option;
use k42_ipc::{Error, Result};

impl Own {
    pub(super) fn option(&mut self, which: u32, value: u64) -> Result<u64> {
        let switch = |value| match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::EINVAL),
        };
        match which {
            option::SET_PDEATHSIG if value <= u64::from(signal::MAX) => {
                self.death_signal = value as u32
            }
            option::GET_PDEATHSIG => return Ok(u64::from(self.death_signal)),
            option::SET_DUMPABLE => self.heritage.dumpable = switch(value)?,
            option::GET_DUMPABLE => return Ok(u64::from(self.heritage.dumpable)),
            option::SET_NAME | option::SET_NAME_TAIL => {
                self.set_name(value, which == option::SET_NAME_TAIL)
            }
            option::SET_CHILD_SUBREAPER => self.subreaper = value != 0,
            option::GET_CHILD_SUBREAPER => return Ok(u64::from(self.subreaper)),
            option::SET_NO_NEW_PRIVS if value == 1 => self.heritage.no_new_privileges = true,
            option::GET_NO_NEW_PRIVS => return Ok(u64::from(self.heritage.no_new_privileges)),
            option::UMASK => self.heritage.umask = value as u32 & 0o777,
            _ => return Err(Error::EINVAL),
        }
        Ok(0)
    }

    /// A name comes as two words, its bytes in memory order of a little-endian machine: first bytes 0 to 7, which
    /// replace the old name, then bytes 8 to 15, which count only if the first eight are full.
    fn set_name(&mut self, word: u64, tail: bool) {
        let old = &self.heritage.program;
        let mut comm = if tail { old.comm.clone() } else { Vec::new() };
        if !tail || comm.len() == size_of_val(&word) {
            comm.extend(word.to_le_bytes().into_iter().take_while(|&byte| byte != 0));
            comm.truncate(COMM_MAX);
        }
        let program = Program {
            comm,
            command_line: old.command_line.clone(),
            path: old.path.clone(),
        };
        self.heritage.program = Arc::new(program);
    }
}
