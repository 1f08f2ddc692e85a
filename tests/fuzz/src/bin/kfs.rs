//! KFS, all of it, called by hostile clients: any words, to any method of any handle, in any order. Every call must be
//! answered, and when the clients have ended and the tree has been cleared nothing may be left of what they did.
#![no_main]

use k42_api::files::{FileSystemClient, OpenFileClient};
use k42_api::sockets::{SocketClient, SocketsClient};
use k42_fuzz::world::World;
use k42_fuzz::{Call, Handles, serve};
use k42_ipc::ProcessId;
use k42_kfs::service::Root;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|calls: Vec<Call>| {
    let world = World::get();
    let clients = [world.client(100, 0, 0), world.client(101, 1000, 1000)];
    let interfaces = [
        FileSystemClient::INTERFACE,
        OpenFileClient::INTERFACE,
        SocketsClient::INTERFACE,
        SocketClient::INTERFACE,
    ]
    .map(|id| id as u8);
    let mut handles = Handles::default();
    for call in &calls {
        // The third has never been announced.
        let process = ProcessId(100 + u32::from(call.client % 3));
        call.make(process, &interfaces, &mut handles, |incoming| {
            serve(&Root(world.fs), &world.fs.ports.handles.0, incoming)
        });
    }
    clients.into_iter().for_each(|client| world.end(client));
    world.clear();
});
