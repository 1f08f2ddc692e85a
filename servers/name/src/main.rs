//! The program: the name server with its real neighbours.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use k42_abi::CommId;
use k42_api::event;
use k42_api::files::FileSystemClient;
use k42_api::process::ProcessClient;
use k42_ipc::{ClientTables, ProcessId, Result};
use k42_name::{Neighbours, Server};
use k42_rt::{Start, sys};

k42_rt::entry!(main);

/// No client holds a handle on this server: all calls are on its root object.
static TABLES: ClientTables = ClientTables::new(0);

fn main(_: Start) {
    k42_rt::serve(Box::leak(Box::new(Server::new(Machine))), &TABLES);
}

struct Machine;

impl Neighbours for Machine {
    fn is_root(&self, process: ProcessId) -> bool {
        let credentials =
            ProcessClient::root(ProcessId::PROCESS).credentials_of(process, &mut [0; 4096]);
        matches!(credentials, Ok((credentials, _)) if credentials.euid == 0)
    }
    fn set_mount_point(&self, server: ProcessId, path: &str, id: u32) -> Result<()> {
        FileSystemClient::root(server).set_mount_point(path.as_bytes(), id)
    }
    fn changed(&self, process: ProcessId, vp: u32) {
        // A hint: who misses it asks again when a mount is not in its copy.
        let _ = sys::send(CommId::new(process, vp), &[event::MOUNTS, 0, 0, 0, 0, 0]);
    }
}
