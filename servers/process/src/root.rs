//! The server's root object: everything that can be asked of it without a handle.

use crate::Server;
use k42_api::process::process_dispatch;
use k42_ipc::{ClientTables, Exported, Incoming, Reply};

/// See the module's description.
pub struct Root {
    server: &'static Server,
}

impl Root {
    /// For `server`; `_tables` are those that its clients' handles are in.
    pub fn new(server: &'static Server, _tables: &'static ClientTables) -> Self {
        Self { server }
    }
}

impl Exported for Root {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        process_dispatch(self.server, incoming)
    }
}
