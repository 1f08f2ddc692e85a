//! The kernel's calls to the memory server.

use super::Server;
use k42_abi::ProcessId;
use k42_abi::message::kernel_method;
use k42_ipc::{Exported, Incoming, Reply};
use k42_sched::trace::{User, events};

impl Exported for Server {
    /// Answers a call on the root object: the kernel's own first, then the interface.
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        if incoming.method == kernel_method::PAGE_FAULT {
            if incoming.caller.process != ProcessId::NONE {
                return Reply::error(k42_abi::Error::NO_METHOD);
            }
            let [process, _dispatcher, address, access, _nip] = *incoming.words;
            let status = self.page_fault(ProcessId(process as u32), address, access);
            return Reply::new(status, 0);
        }
        k42_api::memory::memory_dispatch(self, incoming)
    }
}

impl Server {
    /// Zero: mapped. Negative: EFAULT (nothing there), EACCES (not allowed), ENXIO (beyond the object's end), ENOMEM.
    pub fn page_fault(&self, process: ProcessId, address: u64, access: u64) -> i64 {
        events::memory::fault::<User>(u64::from(process.0), address, access);
        match self
            .space(process)
            .and_then(|space| space.fault(address, access))
        {
            Ok(()) => 0,
            Err(error) => error.status(),
        }
    }
}
