//! getsockopt(2) and setsockopt(2).

use super::{Int, Thread, client, socket};
use crate::table::{Fd, In, Out};
use crate::user::{self, User};
use k42_abi::{Error, Result};
use k42_api::sockets::option;

const SOL_SOCKET: i32 = 1;
const SO_PEERCRED: u32 = 21;
const SO_PROTOCOL: u32 = 38;
const SO_DOMAIN: u32 = 39;

/// Writes as much of an option's value as the program has room for, and how much that was.
fn give(value: &[u8], to: User, length: User) -> Result<()> {
    let room = usize::try_from(user::get_i32(length)?).map_err(|_| Error::EINVAL)?;
    let bytes = room.min(value.len());
    user::copy_out(to, &value[..bytes])?;
    user::put_i32(length, bytes as i32)
}

/// getsockopt(2).
pub fn getsockopt(
    _: &Thread,
    fd: Fd,
    level: Int,
    option: Int,
    value: Out,
    length: Out,
) -> Result<u64> {
    let file = socket(fd)?;
    if level.0 != SOL_SOCKET {
        return Err(Error::EOPNOTSUPP);
    }
    // Its sign is looked at before the option's number.
    if user::get_i32(length.0)? < 0 {
        return Err(Error::EINVAL);
    }
    let number = match option.0 as u32 {
        SO_PEERCRED => {
            let peer = client(&file).peer()?;
            let mut bytes = [0; 12];
            bytes[..4].copy_from_slice(&peer.pid.to_ne_bytes());
            bytes[4..8].copy_from_slice(&peer.uid.to_ne_bytes());
            bytes[8..].copy_from_slice(&peer.gid.to_ne_bytes());
            return give(&bytes, value.0, length.0).map(|()| 0);
        }
        SO_DOMAIN => super::AF_UNIX as u32,
        SO_PROTOCOL => 0,
        option => client(&file).option(option)?,
    };
    give(&number.to_ne_bytes(), value.0, length.0).map(|()| 0)
}

/// setsockopt(2).
pub fn setsockopt(
    _: &Thread,
    fd: Fd,
    level: Int,
    option: Int,
    value: In,
    length: Int,
) -> Result<u64> {
    let file = socket(fd)?;
    if length.0 < 0 {
        return Err(Error::EINVAL);
    }
    if level.0 != SOL_SOCKET {
        return Err(Error::EOPNOTSUPP);
    }
    if length.0 < 4 {
        return Err(Error::EINVAL);
    }
    let number = user::get_u32(value.0)?;
    match option.0 as u32 {
        option::TYPE | option::ERROR | option::ACCEPTS => Err(Error::ENOPROTOOPT),
        option => client(&file).set_option(option, number).map(|()| 0),
    }
}
