//! The server's root object: everything that can be asked of it without a handle. It is the object of processes, and at
//! the same time the file system /proc.

use crate::Server;
use k42_api::files::file_system_dispatch;
use k42_api::process::process_dispatch;
use k42_api::shm::shared_memory_dispatch;
use k42_ipc::{Exported, Incoming, Reply};

/// See the module's description.
pub struct Root(pub &'static Server);

impl Exported for Root {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        let reply = process_dispatch(self.0, incoming);
        if !reply.is_no_method() {
            return reply;
        }
        let reply = file_system_dispatch(self, incoming);
        if !reply.is_no_method() {
            return reply;
        }
        shared_memory_dispatch(self.0, incoming)
    }
}
