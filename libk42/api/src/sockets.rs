//! Local sockets (AF_UNIX), which KFS has beside pipes. A socket is an open file: what both have is in
//! [`crate::files::OpenFile`], where a read is a `receive` and a write a `send` without flags. What only sockets have is
//! here, on the same handle.

use k42_ipc::{Caller, OutBuf, Result, interface, wire_struct};

/// What a socket carries, as the kind argument of [`Sockets`]: Linux's SOCK_*.
pub mod kind {
    /// Bytes.
    pub const STREAM: u32 = 1;
    /// Messages, each for itself.
    pub const DATAGRAM: u32 = 2;
    /// Messages through a connection.
    pub const SEQUENCED: u32 = 5;
}

/// Most bytes of one message. More is EMSGSIZE: a message goes from program to server and back in one piece each.
pub const MESSAGE_MAX: usize = 8192;

/// Flags of `receive`.
pub mod receive {
    /// What is received stays where it is.
    pub const PEEK: u32 = 1;
    /// The caller will not wait (Linux tells that apart where a datagram socket has been shut down for reading).
    pub const NOW: u32 = 2;
}

/// Options of sockets, with Linux's numbers for Power.
pub mod option {
    #![allow(missing_docs, reason = "Linux's names without SO_")]
    pub const REUSE_ADDRESS: u32 = 2;
    pub const TYPE: u32 = 3;
    pub const ERROR: u32 = 4;
    pub const DONT_ROUTE: u32 = 5;
    pub const BROADCAST: u32 = 6;
    pub const SEND_BUFFER: u32 = 7;
    pub const RECEIVE_BUFFER: u32 = 8;
    pub const KEEP_ALIVE: u32 = 9;
    pub const OUT_OF_BAND_INLINE: u32 = 10;
    pub const REUSE_PORT: u32 = 15;
    pub const ACCEPTS: u32 = 30;
}

wire_struct! {
    /// What `receive` has given.
    pub struct Received {
        /// Bytes in `out`.
        pub bytes: u32,
        /// Bytes that the message has; of a stream, the same.
        pub length: u32,
    }
}

wire_struct! {
    /// Who was at the other end when the connection was made (SO_PEERCRED).
    pub struct Peer {
        /// Linux pid, zero without a connection.
        pub pid: i32,
        /// Effective user, `u32::MAX` without a connection.
        pub uid: u32,
        /// Effective group, likewise.
        pub gid: u32,
    }
}

/// Makes sockets: on KFS's root object.
#[interface(id = 8)]
pub trait Sockets {
    /// socketpair(2): two handles. `kind`: a [`kind`]; `flags`: O_NONBLOCK. ESOCKTNOSUPPORT, EINVAL.
    #[method(1)]
    fn pair(&self, caller: &Caller, kind: u32, flags: u32) -> Result<[u64; 2]>;
}

/// A socket: on the handle of its open file. A file that is none says ENOTSOCK.
#[interface(id = 9)]
pub trait Socket {
    /// send(2): of a stream as much as there is room for, of messages one. WOULD_BLOCK, EPIPE, ENOTCONN, EMSGSIZE,
    /// ECONNREFUSED.
    #[method(1)]
    fn send(&self, caller: &Caller, data: &[u8]) -> Result<u32>;
    /// recv(2) of at most `wanted` bytes; `flags` are [`receive`]'s. `skip`: of a stream, so many bytes are passed over,
    /// which goes with PEEK only. Nothing received is the end, or an empty message. WOULD_BLOCK, ECONNRESET, ENOTCONN.
    #[method(2)]
    fn receive(
        &self,
        caller: &Caller,
        skip: u32,
        wanted: u32,
        flags: u32,
        out: &mut OutBuf<'_>,
    ) -> Result<Received>;
    /// shutdown(2).
    #[method(3)]
    fn shutdown(&self, caller: &Caller, read: bool, write: bool) -> Result<()>;
    /// getsockopt(2) of an [`option`] that is a number. ENOPROTOOPT.
    #[method(4)]
    fn option(&self, caller: &Caller, option: u32) -> Result<u32>;
    /// setsockopt(2) of one.
    #[method(5)]
    fn set_option(&self, caller: &Caller, option: u32, value: u32) -> Result<()>;
    /// SO_PEERCRED.
    #[method(6)]
    fn peer(&self, caller: &Caller) -> Result<Peer>;
    /// The name of the socket itself or of its peer, as in Linux's `sun_path`; no socket has one yet. ENOTCONN.
    #[method(7)]
    fn name(&self, caller: &Caller, of_peer: bool, out: &mut OutBuf<'_>) -> Result<()>;
}
