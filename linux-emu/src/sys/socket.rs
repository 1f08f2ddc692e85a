//! Local sockets. They are open files of KFS ([`k42_api::sockets`]); read and write come here too.

pub mod option;
pub mod transfer;

use super::vector::buffers;
use crate::file::{self, FileRef, OpenFile, flag as open};
use crate::process::PROCESS;
use crate::table::{Fd, Flags, In, Int, Out, Size};
use crate::thread::Thread;
use crate::user::{self, User};
use alloc::vec::Vec;
use k42_abi::{Error, Handle, Result};
use k42_api::files::FileKind;
use k42_api::sockets::{SocketClient, SocketsClient, kind};
use transfer::{Buffers, flag};

/// The only family.
pub const AF_UNIX: i32 = 1;
/// Bits of a socket's kind that are flags.
const SOCK_NONBLOCK: u32 = open::O_NONBLOCK;
const SOCK_CLOEXEC: u32 = open::O_CLOEXEC;
const SOCK_KIND: u32 = 0xf;
const SOCK_RAW: u32 = 3;
/// S_IFSOCK and all permissions.
const MODE: u32 = 0o140_777;
/// Longest address that a program may give.
const ADDRESS_MAX: usize = 128;

fn client(file: &FileRef) -> SocketClient {
    SocketClient::new(file.server, file.handle)
}

/// The socket of a descriptor. EBADF, ENOTSOCK.
fn socket(fd: Fd) -> Result<FileRef> {
    let file = PROCESS.file(fd.0)?;
    if file.flags() & open::O_PATH != 0 {
        Err(Error::EBADF)
    } else if file.kind.is_socket() {
        Ok(file)
    } else {
        Err(Error::ENOTSOCK)
    }
}

/// Kind and flags of socket(2) and socketpair(2).
fn check_kind(family: i32, wanted: u32, protocol: i32) -> Result<(u32, u32)> {
    let flags = wanted & !SOCK_KIND;
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Error::EINVAL);
    }
    if family != AF_UNIX {
        return Err(Error::EAFNOSUPPORT);
    }
    if protocol != 0 && protocol != AF_UNIX {
        return Err(Error::EPROTONOSUPPORT);
    }
    match wanted & SOCK_KIND {
        // As BSD had it, a raw local socket is one for datagrams.
        SOCK_RAW => Ok((kind::DATAGRAM, flags)),
        known @ (kind::STREAM | kind::DATAGRAM | kind::SEQUENCED) => Ok((known, flags)),
        11.. => Err(Error::EINVAL),
        _ => Err(Error::ESOCKTNOSUPPORT),
    }
}

fn new_file(handle: u64, kind: u32, flags: u32) -> Result<FileRef> {
    let what = if kind == kind::STREAM {
        FileKind::StreamSocket
    } else {
        FileKind::MessageSocket
    };
    file::share(|| {
        OpenFile::new(
            crate::process::ROOT_FILES.target,
            Handle(handle),
            what,
            open::O_RDWR | flags & SOCK_NONBLOCK,
            MODE,
        )
    })
}

/// socketpair(2).
pub fn socketpair(
    _: &Thread,
    family: Int,
    kind: Flags,
    protocol: Int,
    sockets: Out,
) -> Result<u64> {
    let (kind, flags) = check_kind(family.0, kind.0, protocol.0)?;
    sockets.0.check(8)?;
    user::probe(sockets.0, 8)?;
    let server = SocketsClient::root(crate::process::ROOT_FILES.target);
    let [one, other] = server.pair(kind, flags & SOCK_NONBLOCK)?;
    let (one, other) = (new_file(one, kind, flags), new_file(other, kind, flags));
    let (one, other) = (one?, other?);
    let close_on_exec = flags & SOCK_CLOEXEC != 0;
    let first = PROCESS.add_file(one, close_on_exec)?;
    let undo = |fd| drop(PROCESS.files.lock().remove(fd));
    let second = PROCESS
        .add_file(other, close_on_exec)
        .inspect_err(|_| undo(first))?;
    let put =
        user::put_i32(sockets.0, first).and_then(|()| user::put_i32(sockets.0.add(4), second));
    if put.is_err() {
        undo(first);
        undo(second);
    }
    put.map(|()| 0)
}

/// read(2) and readv(2). Of nothing there is nothing to wait for.
pub fn read(thread: &Thread, file: &FileRef, buffers: Buffers<'_>) -> Result<u64> {
    if buffers.iter().all(|&(_, length)| length == 0) {
        return Ok(0);
    }
    transfer::receive(thread, file, buffers, 0).map(|(bytes, _)| bytes as u64)
}

/// write(2) and writev(2).
pub fn write(thread: &Thread, file: &FileRef, buffers: Buffers<'_>) -> Result<u64> {
    transfer::send(thread, file, buffers, 0).map(|sent| sent as u64)
}

/// One buffer, as for read and write.
fn one_buffer(at: User, length: u64) -> Result<[(User, usize); 1]> {
    let length = (length as usize).min(super::io::MOST);
    at.check(length)?;
    Ok([(at, length)])
}

/// Whether an address of that length names anybody. EINVAL if it is no length.
fn has_address(at: User, length: i32) -> Result<bool> {
    let length = usize::try_from(length)
        .ok()
        .filter(|&length| length <= ADDRESS_MAX)
        .ok_or(Error::EINVAL)?;
    if at.is_null() || length == 0 {
        return Ok(false);
    }
    user::bytes(at, length).map(|_| true)
}

/// Sends to whom the socket is connected with; an address is not heeded on a connection by messages, as in Linux.
fn send_to(
    thread: &Thread,
    file: &FileRef,
    buffers: Buffers<'_>,
    flags: u32,
    addressed: bool,
) -> Result<u64> {
    if addressed {
        return Err(match file.kind {
            FileKind::StreamSocket => Error::EISCONN,
            _ => Error::EOPNOTSUPP,
        });
    }
    transfer::send(thread, file, buffers, flags).map(|sent| sent as u64)
}

/// sendto(2).
pub fn sendto(
    thread: &Thread,
    fd: Fd,
    buffer: In,
    length: Size,
    flags: Flags,
    address: In,
    size: Int,
) -> Result<u64> {
    let buffers = one_buffer(buffer.0, length.0)?;
    let file = socket(fd)?;
    let addressed = !address.0.is_null() && has_address(address.0, size.0)?;
    send_to(thread, &file, &buffers, flags.0, addressed)
}

/// send(2).
pub fn send(thread: &Thread, fd: Fd, buffer: In, length: Size, flags: Flags) -> Result<u64> {
    sendto(thread, fd, buffer, length, flags, In(User::NULL), Int(0))
}

/// What a receive tells: the bytes that came, or with MSG_TRUNC those that there were.
fn told((bytes, length): (usize, usize), flags: u32) -> u64 {
    if flags & flag::MSG_TRUNC != 0 {
        length as u64
    } else {
        bytes as u64
    }
}

/// Puts an address where the program wants it: as much as there is room for, and its true length.
fn put_address(address: &[u8], at: User, length: User) -> Result<()> {
    let room = usize::try_from(user::get_i32(length)?).map_err(|_| Error::EINVAL)?;
    user::copy_out(at, &address[..address.len().min(room)])?;
    user::put_u32(length, address.len() as u32)
}

/// recvfrom(2).
pub fn recvfrom(
    thread: &Thread,
    fd: Fd,
    buffer: Out,
    length: Size,
    flags: Flags,
    address: Out,
    size: Out,
) -> Result<u64> {
    let buffers = one_buffer(buffer.0, length.0)?;
    let file = socket(fd)?;
    let received = transfer::receive(thread, &file, &buffers, flags.0)?;
    if !address.0.is_null() {
        // Who sent it has no name.
        put_address(&[], address.0, size.0)?;
    }
    Ok(told(received, flags.0))
}

/// recv(2).
pub fn recv(thread: &Thread, fd: Fd, buffer: Out, length: Size, flags: Flags) -> Result<u64> {
    let nowhere = Out(User::NULL);
    recvfrom(thread, fd, buffer, length, flags, nowhere, nowhere)
}

/// `struct msghdr`: where its fields lie.
mod header {
    pub const NAME: u64 = 0;
    pub const NAME_LENGTH: u64 = 8;
    pub const BUFFERS: u64 = 16;
    pub const BUFFER_COUNT: u64 = 24;
    pub const CONTROL_LENGTH: u64 = 40;
    pub const FLAGS: u64 = 48;
    /// Bytes of a control message's head.
    pub const CONTROL_LEAST: u64 = 16;
}

/// The buffers that a message header names. EMSGSIZE if there are too many.
fn header_buffers(message: User) -> Result<Vec<(User, usize)>> {
    const MOST: u64 = 1024;
    let count = user::get_u64(message.add(header::BUFFER_COUNT))?;
    if count > MOST {
        return Err(Error::EMSGSIZE);
    }
    let at = User(user::get_u64(message.add(header::BUFFERS))?);
    buffers(at, count as i32)
}

/// sendmsg(2).
pub fn sendmsg(thread: &Thread, fd: Fd, message: In, flags: Flags) -> Result<u64> {
    let file = socket(fd)?;
    let at = message.0;
    let name = User(user::get_u64(at.add(header::NAME))?);
    let length = user::get_i32(at.add(header::NAME_LENGTH))?;
    let addressed = if name.is_null() {
        false
    } else {
        has_address(name, length.min(ADDRESS_MAX as i32))?
    };
    let buffers = header_buffers(at)?;
    if user::get_u64(at.add(header::CONTROL_LENGTH))? >= header::CONTROL_LEAST {
        return Err(Error::EOPNOTSUPP);
    }
    send_to(thread, &file, &buffers, flags.0, addressed)
}

/// recvmsg(2).
pub fn recvmsg(thread: &Thread, fd: Fd, message: Out, flags: Flags) -> Result<u64> {
    let file = socket(fd)?;
    let at = message.0;
    let buffers = header_buffers(at)?;
    let received = transfer::receive(thread, &file, &buffers, flags.0)?;
    let cut = received.0 < received.1;
    user::put_u32(at.add(header::NAME_LENGTH), 0)?;
    user::put_u64(at.add(header::CONTROL_LENGTH), 0)?;
    user::put_u32(at.add(header::FLAGS), if cut { flag::MSG_TRUNC } else { 0 })?;
    Ok(told(received, flags.0))
}

/// shutdown(2).
pub fn shutdown(_: &Thread, fd: Fd, how: Int) -> Result<u64> {
    let file = socket(fd)?;
    let (read, write) = match how.0 {
        0 => (true, false),
        1 => (false, true),
        2 => (true, true),
        _ => return Err(Error::EINVAL),
    };
    file.note_activity();
    client(&file).shutdown(read, write).map(|()| 0)
}

/// Writes a socket's own address or its peer's.
fn give_name(fd: Fd, of_peer: bool, address: Out, length: Out) -> Result<u64> {
    let mut text = [0; ADDRESS_MAX];
    let named = client(&socket(fd)?).name(of_peer, &mut text[2..]);
    let ((), bytes) = named.map_err(|(error, _)| error)?;
    text[..2].copy_from_slice(&(AF_UNIX as u16).to_ne_bytes());
    put_address(&text[..2 + bytes], address.0, length.0).map(|()| 0)
}

/// getsockname(2).
pub fn getsockname(_: &Thread, fd: Fd, address: Out, length: Out) -> Result<u64> {
    give_name(fd, false, address, length)
}

/// getpeername(2).
pub fn getpeername(_: &Thread, fd: Fd, address: Out, length: Out) -> Result<u64> {
    give_name(fd, true, address, length)
}

/// Calls about names and connections: they know their descriptors, and no names yet.
pub fn refuse(_: &Thread, fd: Fd) -> Result<u64> {
    socket(fd)?;
    Err(Error::EOPNOTSUPP)
}
