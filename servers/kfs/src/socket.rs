//! Local sockets: what is connected to what, and what follows from that. Where the data lies, see [`inbox`].
//!
//! The errors are Linux's, and so is which of two comes first; where kinds of sockets differ in that for no reason but
//! history, they differ here.

pub mod inbox;
mod make;

use crate::quota::Resources;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use inbox::Inbox;
use k42_api::files::poll;
use k42_api::sockets::{MESSAGE_MAX, Peer, Received, option, receive};
use k42_fslib::sync::Mutex;
use k42_fslib::wait::WaitList;
use k42_ipc::{Caller, Error, OutBuf, Result};

/// What a socket carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Bytes.
    Stream,
    /// Messages, each for itself.
    Datagram,
    /// Messages through a connection.
    Sequenced,
}

impl Kind {
    /// From the number in a message. ESOCKTNOSUPPORT.
    pub fn from_number(number: u32) -> Result<Self> {
        use k42_api::sockets::kind;
        match number {
            kind::STREAM => Ok(Self::Stream),
            kind::DATAGRAM => Ok(Self::Datagram),
            kind::SEQUENCED => Ok(Self::Sequenced),
            _ => Err(Error::ESOCKTNOSUPPORT),
        }
    }

    fn number(self) -> u32 {
        use k42_api::sockets::kind;
        match self {
            Self::Stream => kind::STREAM,
            Self::Datagram => kind::DATAGRAM,
            Self::Sequenced => kind::SEQUENCED,
        }
    }

    /// Whether it works by connections, whose sides hear of each other's end.
    fn connects(self) -> bool {
        self != Self::Datagram
    }
}

/// Where what is sent goes.
struct Link {
    peer: Option<Arc<Inbox>>,
    /// Sending has been shut down.
    shut: bool,
    /// Who was at the other end when the connection was made.
    who: Peer,
}

/// A socket.
pub struct Socket {
    kind: Kind,
    inbox: Arc<Inbox>,
    link: Mutex<Link>,
    send_buffer: AtomicU32,
    receive_buffer: AtomicU32,
    /// Options that are remembered and change nothing, a bit for each number.
    switches: AtomicU32,
}

/// Size of both buffers when a socket is made, and the most that one can be given; Linux doubles what it is given.
const BUFFER: u32 = 229_376;
/// The least.
const LEAST_SEND: u32 = 4608;
const LEAST_RECEIVE: u32 = 2304;
/// What a message must leave free of the send buffer.
const SPARE: usize = 32;
/// Options that are switches.
const SWITCHES: u32 = 1 << option::REUSE_ADDRESS
    | 1 << option::DONT_ROUTE
    | 1 << option::BROADCAST
    | 1 << option::KEEP_ALIVE
    | 1 << option::OUT_OF_BAND_INLINE
    | 1 << option::REUSE_PORT;

/// Nobody at the other end.
const NOBODY: Peer = Peer {
    pid: 0,
    uid: u32::MAX,
    gid: u32::MAX,
};

impl Socket {
    /// One that is not connected.
    pub fn new(kind: Kind, resources: &'static Resources) -> Result<Self> {
        Ok(Self {
            kind,
            inbox: Arc::try_new(Inbox::new(resources)).map_err(|_| Error::ENOBUFS)?,
            link: Mutex::new(Link {
                peer: None,
                shut: false,
                who: NOBODY,
            }),
            send_buffer: AtomicU32::new(BUFFER),
            receive_buffer: AtomicU32::new(BUFFER),
            switches: AtomicU32::new(0),
        })
    }

    /// Connects two new sockets of `who` with each other.
    pub fn connect_pair(&self, other: &Self, who: Peer) {
        for (one, two) in [(self, other), (other, self)] {
            let mut link = one.link.lock();
            link.peer = Some(two.inbox.clone());
            link.who = who;
        }
    }

    /// What it carries.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn limit(&self) -> usize {
        self.send_buffer.load(Ordering::Relaxed) as usize
    }

    /// Who is or was at the other end.
    pub fn peer(&self) -> Peer {
        self.link.lock().who
    }

    /// Whether there is somebody at the other end, or has been.
    pub fn is_connected(&self) -> bool {
        self.link.lock().peer.is_some()
    }

    /// send(2). The readers are to be woken.
    pub fn send(&self, caller: &Caller, data: &[u8]) -> Result<(u32, WaitList)> {
        let stream = self.kind == Kind::Stream;
        if self.kind == Kind::Sequenced {
            self.take_error()?;
        }
        let (peer, shut) = {
            let link = self.link.lock();
            let peer = link.peer.as_ref().ok_or(Error::ENOTCONN)?;
            (peer.clone(), link.shut)
        };
        if !stream && data.len() > MESSAGE_MAX.min(self.limit() - SPARE) {
            return Err(Error::EMSGSIZE);
        }
        if self.kind == Kind::Datagram {
            self.take_error()?;
        }
        if shut {
            return Err(Error::EPIPE);
        }
        match peer.push(caller, data, stream, self.limit()) {
            Err(Error::EPIPE) if !self.kind.connects() && peer.with(|state| state.gone) => {
                self.forget_peer(&peer);
                Err(Error::ECONNREFUSED)
            }
            other => other.map(|(count, woken)| (count as u32, woken)),
        }
    }

    /// A datagram socket whose peer has gone is not connected any more.
    fn forget_peer(&self, peer: &Arc<Inbox>) {
        let old = self.link.lock().peer.take_if(|now| Arc::ptr_eq(now, peer));
        drop(old);
    }

    fn take_error(&self) -> Result<()> {
        self.inbox
            .with(|state| state.error.take().map_or(Ok(()), Err))
    }

    /// recv(2). The writers are to be woken.
    pub fn receive(
        &self,
        caller: &Caller,
        skip: usize,
        wanted: usize,
        flags: u32,
        out: &mut OutBuf<'_>,
    ) -> Result<(Received, WaitList)> {
        const NOTHING: Received = Received {
            bytes: 0,
            length: 0,
        };
        let (stream, peek) = (self.kind == Kind::Stream, flags & receive::PEEK != 0);
        if flags & !(receive::PEEK | receive::NOW) != 0 || skip > 0 && !(stream && peek) {
            return Err(Error::EINVAL);
        }
        let unconnected = match self.kind {
            Kind::Stream => Some(Error::EINVAL),
            Kind::Sequenced => Some(Error::ENOTCONN),
            Kind::Datagram => None,
        };
        if let Some(error) = unconnected
            && !self.is_connected()
        {
            return Err(error);
        }
        self.inbox.with(|state| {
            if !stream && let Some(error) = state.error.take() {
                return Err(error);
            }
            let found = self.inbox.pop(state, skip, wanted, stream, peek, out)?;
            if let Some((bytes, length, woken)) = found {
                let received = Received {
                    bytes: bytes as u32,
                    length: if stream { bytes } else { length } as u32,
                };
                return Ok((received, woken));
            }
            if stream && let Some(error) = state.error.take() {
                return Err(error);
            }
            let over = state.ended || state.shut;
            // A datagram socket that would not wait finds nothing, not the end.
            if over && (self.kind.connects() || flags & receive::NOW == 0) {
                return Ok((NOTHING, WaitList::new()));
            }
            state.readers.add(caller)?;
            Err(Error::WOULD_BLOCK)
        })
    }

    /// shutdown(2). All are to be woken.
    pub fn shutdown(&self, read: bool, write: bool) -> [inbox::Woken; 2] {
        let mut woken = [const { [WaitList::new(), WaitList::new()] }; 2];
        let peer = {
            let mut link = self.link.lock();
            link.shut |= write;
            link.peer.clone()
        };
        if read {
            woken[0] = self.inbox.with(|state| {
                state.shut = true;
                state.take_all()
            });
        }
        if write && let Some(peer) = peer {
            // Besides the peer's readers, who of ours waits to send there.
            woken[1] = peer.with(|state| {
                state.ended |= self.kind.connects();
                state.take_all()
            });
        }
        woken
    }

    /// The last handle has gone. All are to be woken.
    pub fn close(&self) -> [inbox::Woken; 2] {
        let (unread, here) = self.inbox.close();
        let peer = self.link.lock().peer.take();
        let there = peer.filter(|_| self.kind.connects()).map(|peer| {
            peer.with(|state| {
                state.ended = true;
                if unread {
                    state.error = Some(Error::ECONNRESET);
                }
                state.take_all()
            })
        });
        [here, there.unwrap_or_default()]
    }

    /// FIONREAD: bytes that can be received; of datagrams the first one's.
    pub fn available(&self) -> usize {
        let (first, all) = self.inbox.with(|state| state.available());
        if self.kind == Kind::Datagram {
            first
        } else {
            all
        }
    }

    /// poll(2).
    pub fn poll(&self, caller: &Caller, events: u32, notify: bool) -> Result<u32> {
        const READ: u32 = poll::IN | poll::RDNORM;
        const WRITE: u32 = poll::OUT | poll::WRNORM;
        let wanted = events | poll::HUP | poll::ERR;
        let (peer, mut send_shut) = {
            let link = self.link.lock();
            (link.peer.clone(), link.shut)
        };
        let connects = self.kind.connects();
        let (mut now, receive_shut) = self.inbox.with(|state| {
            let mut now = 0;
            let shut = state.shut || state.ended;
            if state.error.is_some() {
                now |= poll::ERR;
            }
            if state.has_any() {
                now |= READ;
            }
            if shut {
                now |= READ | poll::RDHUP;
            }
            if notify && now & wanted == 0 {
                state.readers.add(caller)?;
            }
            Ok((now, shut))
        })?;
        let limit = self.limit();
        match &peer {
            None => now |= if connects { WRITE | poll::HUP } else { WRITE },
            Some(peer) => peer.with(|state| {
                send_shut |= connects && (state.shut || state.gone);
                if state.is_writable(limit) {
                    now |= WRITE;
                }
                let over = receive_shut && send_shut;
                if notify && now & wanted == 0 && !over {
                    state.wait_for_room(caller, limit)?;
                }
                Ok(())
            })?,
        }
        if receive_shut && send_shut {
            now |= poll::HUP;
        }
        Ok(now & wanted)
    }

    /// An option that is a number.
    pub fn option(&self, number: u32) -> Result<u32> {
        Ok(match number {
            option::TYPE => self.kind.number(),
            option::ERROR => self
                .inbox
                .with(|state| state.error.take())
                .map_or(0, |error| u32::from(error.code())),
            option::SEND_BUFFER => self.send_buffer.load(Ordering::Relaxed),
            option::RECEIVE_BUFFER => self.receive_buffer.load(Ordering::Relaxed),
            option::ACCEPTS => 0,
            number if number < 32 && SWITCHES >> number & 1 != 0 => {
                self.switches.load(Ordering::Relaxed) >> number & 1
            }
            _ => return Err(Error::ENOPROTOOPT),
        })
    }

    /// Sets one.
    pub fn set_option(&self, number: u32, value: u32) -> Result<()> {
        let doubled = |least| value.min(BUFFER).saturating_mul(2).max(least);
        match number {
            option::SEND_BUFFER => self
                .send_buffer
                .store(doubled(LEAST_SEND), Ordering::Relaxed),
            option::RECEIVE_BUFFER => self
                .receive_buffer
                .store(doubled(LEAST_RECEIVE), Ordering::Relaxed),
            number if number < 32 && SWITCHES >> number & 1 != 0 => {
                let bit = 1 << number;
                if value == 0 {
                    self.switches.fetch_and(!bit, Ordering::Relaxed);
                } else {
                    self.switches.fetch_or(bit, Ordering::Relaxed);
                }
            }
            _ => return Err(Error::ENOPROTOOPT),
        }
        Ok(())
    }
}
