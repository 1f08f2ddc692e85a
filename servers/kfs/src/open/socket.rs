//! The interface `Socket` of an open file.

use super::OpenNode;
use crate::node::Body;
use crate::socket::Socket;
use k42_api::sockets::{Peer, Received, Socket as Interface};
use k42_ipc::{Caller, Error, OutBuf, Result};

impl OpenNode {
    fn socket(&self) -> Result<&Socket> {
        self.not_path()?;
        match &self.node.body {
            Body::Endpoint(socket) => Ok(socket),
            _ => Err(Error::ENOTSOCK),
        }
    }
}

impl Interface for OpenNode {
    fn send(&self, caller: &Caller, data: &[u8]) -> Result<u32> {
        let (count, woken) = self.socket()?.send(caller, data)?;
        self.wake(woken);
        Ok(count)
    }

    fn receive(
        &self,
        caller: &Caller,
        skip: u32,
        wanted: u32,
        flags: u32,
        out: &mut OutBuf<'_>,
    ) -> Result<Received> {
        let (received, woken) =
            self.socket()?
                .receive(caller, skip as usize, wanted as usize, flags, out)?;
        self.wake(woken);
        Ok(received)
    }

    fn shutdown(&self, _: &Caller, read: bool, write: bool) -> Result<()> {
        let woken = self.socket()?.shutdown(read, write);
        woken.into_iter().flatten().for_each(|list| self.wake(list));
        Ok(())
    }

    fn option(&self, _: &Caller, option: u32) -> Result<u32> {
        self.socket()?.option(option)
    }

    fn set_option(&self, _: &Caller, option: u32, value: u32) -> Result<()> {
        self.socket()?.set_option(option, value)
    }

    fn peer(&self, _: &Caller) -> Result<Peer> {
        Ok(self.socket()?.peer())
    }

    fn name(&self, _: &Caller, of_peer: bool, _: &mut OutBuf<'_>) -> Result<()> {
        if of_peer && !self.socket()?.is_connected() {
            return Err(Error::ENOTCONN);
        }
        Ok(())
    }
}
