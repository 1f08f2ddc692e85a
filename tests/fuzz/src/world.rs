//! One file system for all runs of a target, empty again after each.

use crate::SLOT;
use k42_api::files::{FileSystem, OpenFile, path_flag};
use k42_ipc::{Handle, OutBuf};
use k42_kfs::mock::{self, Client, FRAMES};
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

/// `O_DIRECTORY` of ppc64.
const DIRECTORY: u32 = 0o40000;
/// `d_type` of a directory.
const DT_DIR: u8 = 4;
/// The process that clears up.
const CLEANER: u32 = 90;

/// KFS with its neighbours.
pub struct World(mock::World);

impl Deref for World {
    type Target = mock::World;

    fn deref(&self) -> &mock::World {
        &self.0
    }
}

impl World {
    /// The only one.
    pub fn get() -> &'static World {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| World(mock::World::new()))
    }

    /// Removes all files, when all clients have ended, and checks that nothing is left of them: no node, no page cache,
    /// no frame.
    pub fn clear(&self) {
        let client = self.client(CLEANER, 0, 0);
        let top = client.opened(Handle::ROOT, "/", DIRECTORY, 0).unwrap();
        self.clear_directory(&client, top.handle);
        self.end(client);
        self.events.take();
        assert_eq!(self.nodes_used(0), 0, "no node but the root is left");
        assert_eq!(self.store.objects(), 0, "no page cache is left");
        let frames = self.store.frames.load(Ordering::Relaxed);
        assert_eq!(frames, FRAMES, "all frames are free");
    }

    fn clear_directory(&self, client: &Client, directory: Handle) {
        let caller = client.caller(Handle::ROOT);
        for (name, is_directory) in self.entries(client, directory) {
            let mut buffer = [0; SLOT];
            let mut rest = OutBuf::new(&mut buffer);
            let mut flags = 0;
            if is_directory {
                let opened = self
                    .fs
                    .open(&caller, directory, &name, DIRECTORY, 0, &mut rest)
                    .unwrap();
                self.clear_directory(client, opened.handle);
                let handles = self.fs.ports.handles;
                handles.remove(&caller, opened.handle).unwrap();
                flags = path_flag::DIRECTORY;
            }
            self.fs
                .unlink(&caller, directory, &name, flags, &mut rest)
                .unwrap();
        }
    }

    /// Names in a directory, and whether they are directories.
    fn entries(&self, client: &Client, directory: Handle) -> Vec<(Vec<u8>, bool)> {
        let caller = client.caller(directory);
        let open = self.fs.ports.handles.get(&caller, directory).unwrap();
        let mut all = Vec::new();
        loop {
            let mut buffer = [0; SLOT];
            let mut out = OutBuf::new(&mut buffer);
            open.read_directory(&caller, &mut out).unwrap();
            let mut bytes = out.filled();
            if bytes.is_empty() {
                return all;
            }
            while let Some(entry) = k42_fslib::dirent::parse(&mut bytes) {
                if entry.name != b"." && entry.name != b".." {
                    all.push((entry.name.to_vec(), entry.kind == DT_DIR));
                }
            }
        }
    }
}
