//! The interface `Sockets`.

use super::{Kind, Socket};
use crate::fs::Kfs;
use crate::node::{Body, NodeRef, Owner};
use crate::open::OpenNode;
use alloc::boxed::Box;
use k42_api::sockets::{Peer, Sockets};
use k42_fslib::linux::{device, mode, open as flag};
use k42_ipc::{Caller, Error, Handle, Result};

/// Device number of sockets.
const SOCKET_DEVICE: u64 = device(0, 8);

impl Kfs {
    /// A node for a socket, which has no name.
    fn new_socket(&self, caller: &Caller, socket: Socket) -> Result<NodeRef> {
        let ids = self.client(caller)?.record.ids;
        let owner = Owner {
            mode: mode::SOCKET | 0o777,
            uid: ids.fsuid,
            gid: ids.fsgid,
        };
        let socket = Box::try_new(socket).map_err(|_| Error::ENOBUFS)?;
        let node = self.new_node(owner, Body::Endpoint(socket))?;
        node.times.lock().links = 1;
        Ok(node)
    }

    /// Who calls, as the other end of a connection is told.
    fn peer_of(&self, caller: &Caller) -> Result<Peer> {
        let ids = self.client(caller)?.record.ids;
        Ok(Peer {
            pid: self.ports.processes.pid(caller.process),
            uid: ids.euid,
            gid: ids.egid,
        })
    }

    fn hand_out_socket(
        &'static self,
        caller: &Caller,
        node: NodeRef,
        flags: u32,
    ) -> Result<Handle> {
        let file = OpenNode::new(self, node, flag::READ_WRITE | flags, SOCKET_DEVICE);
        Ok(self.hand_out(caller, || file)?.handle)
    }
}

impl Sockets for &'static Kfs {
    fn pair(&self, caller: &Caller, kind: u32, flags: u32) -> Result<[u64; 2]> {
        if flags & !flag::NONBLOCK != 0 {
            return Err(Error::EINVAL);
        }
        let kind = Kind::from_number(kind)?;
        let one = Socket::new(kind, self.resources)?;
        let other = Socket::new(kind, self.resources)?;
        one.connect_pair(&other, self.peer_of(caller)?);
        let (one, other) = (
            self.new_socket(caller, one)?,
            self.new_socket(caller, other)?,
        );
        let one = self.hand_out_socket(caller, one, flags)?;
        match self.hand_out_socket(caller, other, flags) {
            Ok(other) => Ok([one.0, other.0]),
            Err(error) => {
                self.ports.handles.remove(caller, one)?;
                Err(error)
            }
        }
    }
}
