//! A record for each client process, found by its id without touching anything that other processes' calls touch.
//!
//! The process server tells births, forks, deaths and changes of credentials (`k42_api::lifecycle`), always before the
//! process concerned can call. The table is indexed by the process's place in the kernel's process table; the
//! generation in the id tells an old process from a new one in the same place.

use crate::credentials::Record;
use crate::sync::{Once, RwLock};
use alloc::boxed::Box;
use alloc::sync::Arc;
use k42_api::lifecycle::Credentials;
use k42_ipc::{Caller, Error, ProcessId, Result};

/// What is known of a client process at one time: a change of credentials makes another. Its counts are written by each of
/// the process's calls, so they share no line with those of another process that was made by the same CPU.
#[derive(Debug)]
#[repr(align(128))]
pub struct Known<X> {
    /// Which process.
    pub process: ProcessId,
    /// With which rights it acts.
    pub record: Arc<Record>,
    /// The server's own data beside the credentials; it lives as long as the process.
    pub extra: Arc<X>,
}

/// A client process, as it was when it called.
pub type Client<X> = Arc<Known<X>>;

/// Slots in a chunk, and chunks: together all indices of the kernel's process table.
const CHUNK: usize = 256;
const CHUNKS: usize = 256;

/// One process per cache line: calls of different processes do not share any.
#[repr(align(128))]
struct Slot<X>(RwLock<Option<Client<X>>>);

/// Made as a slice, since an array would first be made on the stack, which is too small for it.
type Chunk<X> = Box<[Slot<X>; CHUNK]>;

fn new_chunk<X>() -> Chunk<X> {
    let slots: Box<[Slot<X>]> = (0..CHUNK).map(|_| Slot(RwLock::new(None))).collect();
    match slots.try_into() {
        Ok(chunk) => chunk,
        Err(_) => unreachable!("it has as many slots"),
    }
}

/// All clients of a server.
pub struct Clients<X> {
    chunks: Box<[Once<Chunk<X>>; CHUNKS]>,
}

impl<X: Default> Default for Clients<X> {
    fn default() -> Self {
        Self::new()
    }
}

impl<X: Default> Clients<X> {
    /// No clients. Made once, at the start of a server.
    pub fn new() -> Self {
        Self {
            chunks: Box::new([const { Once::new() }; CHUNKS]),
        }
    }

    fn slot(&self, process: ProcessId) -> &Slot<X> {
        let index = process.index();
        &self.chunks[index / CHUNK].call_once(new_chunk)[index % CHUNK]
    }

    /// The caller's record. Servers of the boot archive act as root and need no introduction. ESRCH for anybody else
    /// whom the process server has not announced.
    #[inline]
    pub fn get(&self, caller: &Caller) -> Result<Client<X>> {
        let process = caller.process;
        if let Some(client) = &*self.slot(process).0.read()
            && client.process == process
        {
            return Ok(client.clone());
        }
        if process.index() < ProcessId::FIRST_DYNAMIC_INDEX as usize && process != ProcessId::NONE {
            return self.put(process, Arc::new(Record::ROOT));
        }
        Err(Error::ESRCH)
    }

    /// What is known of a process, if it has been announced.
    pub fn of(&self, process: ProcessId) -> Option<Client<X>> {
        let slot = self.slot(process).0.read();
        slot.as_ref()
            .filter(|client| client.process == process)
            .cloned()
    }

    fn put(&self, process: ProcessId, record: Arc<Record>) -> Result<Client<X>> {
        let client = known(process, record, Arc::default());
        let old = self.slot(process).0.write().replace(client.clone());
        drop(old);
        Ok(client)
    }

    /// `Lifecycle::client_created`.
    pub fn created(
        &self,
        caller: &Caller,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        from_process_server(caller)?;
        self.put(process, Arc::new(Record::new(ids, groups)?))
            .map(drop)
    }

    /// `Lifecycle::client_forked`: the child starts with the parent's credentials and fresh data of its own.
    pub fn forked(&self, caller: &Caller, parent: ProcessId, child: ProcessId) -> Result<()> {
        from_process_server(caller)?;
        let record = match &*self.slot(parent).0.read() {
            Some(client) if client.process == parent => client.record.clone(),
            _ => return Err(Error::ESRCH),
        };
        self.put(child, record).map(drop)
    }

    /// `Lifecycle::client_ended`: the record, for the server to release what it held; `None` if there was none.
    pub fn ended(&self, caller: &Caller, process: ProcessId) -> Result<Option<Client<X>>> {
        from_process_server(caller)?;
        let mut slot = self.slot(process).0.write();
        Ok(
            if slot
                .as_ref()
                .is_some_and(|client| client.process == process)
            {
                slot.take()
            } else {
                None
            },
        )
    }

    /// `Lifecycle::credentials_changed`.
    pub fn changed(
        &self,
        caller: &Caller,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        from_process_server(caller)?;
        let record = Record::new(ids, groups)?;
        match &mut *self.slot(process).0.write() {
            Some(client) if client.process == process => {
                *client = known(process, Arc::new(record), client.extra.clone());
            }
            _ => return Err(Error::ESRCH),
        }
        Ok(())
    }
}

fn known<X>(process: ProcessId, record: Arc<Record>, extra: Arc<X>) -> Client<X> {
    Arc::new(Known {
        process,
        record,
        extra,
    })
}

/// Only the process server tells who lives.
pub fn from_process_server(caller: &Caller) -> Result<()> {
    if caller.process == ProcessId::PROCESS {
        Ok(())
    } else {
        Err(Error::EPERM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k42_ipc::Handle;

    fn caller(process: ProcessId) -> Caller {
        Caller {
            process,
            vp: 0,
            handle: Handle::ROOT,
            rights: 0,
        }
    }

    #[test]
    fn life_of_a_client() {
        let clients = Clients::<()>::new();
        let server = caller(ProcessId::PROCESS);
        let (a, b) = (ProcessId::new(20, 1), ProcessId::new(300, 1));
        let mut ids = Record::ROOT.ids;
        ids.fsuid = 7;
        assert_eq!(clients.get(&caller(a)).unwrap_err(), Error::ESRCH);
        assert_eq!(clients.created(&caller(a), a, ids, &[]), Err(Error::EPERM));
        clients.created(&server, a, ids, &[9, 0, 0, 0]).unwrap();
        clients.forked(&server, a, b).unwrap();
        assert_eq!(clients.get(&caller(b)).unwrap().record.groups, [9]);
        clients.changed(&server, b, Record::ROOT.ids, &[]).unwrap();
        assert!(
            clients
                .get(&caller(b))
                .unwrap()
                .record
                .effective()
                .is_root()
        );
        assert_eq!(clients.get(&caller(a)).unwrap().record.ids.fsuid, 7);
        assert!(clients.ended(&server, a).unwrap().is_some());
        assert!(clients.ended(&server, a).unwrap().is_none());
        assert_eq!(clients.get(&caller(a)).unwrap_err(), Error::ESRCH);
        // The same place, used again: an id of the old generation is nobody.
        let again = ProcessId::new(20, 2);
        clients.created(&server, again, ids, &[]).unwrap();
        assert_eq!(clients.get(&caller(a)).unwrap_err(), Error::ESRCH);
        assert!(clients.get(&caller(again)).is_ok());
    }

    #[test]
    fn servers_are_root() {
        let clients = Clients::<()>::new();
        assert!(
            clients
                .get(&caller(ProcessId::NAME))
                .unwrap()
                .record
                .effective()
                .is_root()
        );
        assert_eq!(
            clients.get(&caller(ProcessId::NONE)).unwrap_err(),
            Error::ESRCH
        );
    }
}
