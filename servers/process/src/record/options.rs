//! Options of prctl(2) that the process server keeps.

use super::{Own, Program};
use crate::linux::{COMM_MAX, option, signal};
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_ipc::{Error, Result};

impl Own {
    pub(super) fn option(&mut self, which: u32, value: u64) -> Result<u64> {
        let switch = |value| match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::EINVAL),
        };
        match which {
            option::SET_PDEATHSIG if value <= u64::from(signal::MAX) => self.death_signal = value as u32,
            option::GET_PDEATHSIG => return Ok(u64::from(self.death_signal)),
            option::SET_DUMPABLE => self.heritage.dumpable = switch(value)?,
            option::GET_DUMPABLE => return Ok(u64::from(self.heritage.dumpable)),
            option::NAME_TAIL => self.name_tail = value,
            option::SET_NAME => self.set_name(value),
            option::SET_CHILD_SUBREAPER => self.subreaper = value != 0,
            option::GET_CHILD_SUBREAPER => return Ok(u64::from(self.subreaper)),
            option::SET_NO_NEW_PRIVS if value == 1 => self.heritage.no_new_privileges = true,
            option::GET_NO_NEW_PRIVS => return Ok(u64::from(self.heritage.no_new_privileges)),
            option::UMASK => self.heritage.umask = value as u32 & 0o777,
            _ => return Err(Error::EINVAL),
        }
        Ok(0)
    }

    /// A name of up to sixteen bytes comes as two words, its bytes in memory order on a little-endian machine.
    fn set_name(&mut self, head: u64) {
        let mut name = Vec::from(head.to_le_bytes());
        name.extend_from_slice(&core::mem::take(&mut self.name_tail).to_le_bytes());
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len()).min(COMM_MAX);
        name.truncate(end);
        let old = &self.heritage.program;
        let program = Program { comm: name, command_line: old.command_line.clone(), path: old.path.clone() };
        self.heritage.program = Arc::new(program);
    }
}
