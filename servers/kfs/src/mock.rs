//! Neighbours for the tests: a memory server (in `store`), a clock that counts, a list of events sent; and a client that
//! calls the server through its interfaces.

use crate::Kfs;
mod store;

use crate::open::OpenNode;
use crate::ports::{Handles, Ports};
use k42_api::files::{
    Attributes, CURRENT, FileSystem, OpenFile, Opened, SetAttributes, path_flag, set,
};
use k42_api::lifecycle::{Credentials, Lifecycle};
use k42_fslib::ports::{Clock, Notifier, Processes};
use k42_ipc::{Caller, ClientTables, Handle, OutBuf, ProcessId, Result};
use k42_object::{Config, System};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
pub use store::MockStore;

/// Events sent: process and handle.
#[derive(Default)]
pub struct Events(Mutex<Vec<(u32, u64)>>);

impl Events {
    /// Takes what has been sent.
    pub fn take(&self) -> Vec<(u32, u64)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Notifier for &'static Events {
    fn ready(&self, process: ProcessId, _: u32, handle: Handle) {
        self.0.lock().unwrap().push((process.0, handle.0));
    }
}

struct Ticks(AtomicI64);
impl Clock for Ticks {
    fn now(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
struct Pids;
impl Processes for Pids {
    fn pid(&self, process: ProcessId) -> i32 {
        process.0 as i32 + 1000
    }
    fn offer_program(&self, _: ProcessId, _: Handle, uid: u32, _: u32) -> Result<bool> {
        Ok(uid == 0)
    }
}

/// A server with its neighbours.
pub struct World {
    /// The server.
    pub fs: &'static Kfs,
    /// The memory server.
    pub store: &'static MockStore,
    /// What was sent.
    pub events: &'static Events,
}

/// Threads of the tests are spread over the object system's CPUs.
fn cpu_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    std::thread_local! {
        static CPU: usize = NEXT.fetch_add(1, Ordering::Relaxed) % 4;
    }
    CPU.with(|cpu| *cpu)
}

/// Frames that a world begins with.
pub const FRAMES: u64 = 10_000;

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A new one.
    pub fn new() -> Self {
        // Started by whichever test comes first.
        let _ = System::start(Config::new(4, cpu_of_thread));
        let store: &MockStore = Box::leak(Box::default());
        store.frames.store(FRAMES, Ordering::Relaxed);
        let events: &Events = Box::leak(Box::default());
        let ports = Ports {
            handles: Box::leak(Box::new(Handles(ClientTables::new(10_000)))),
            notifier: Box::new(events),
            clock: Box::new(Ticks(AtomicI64::new(1_000_000_000))),
            processes: Box::new(Pids),
            seed: 0x1234_5678_9abc_def0,
        };
        Self {
            fs: Kfs::start(ports, Box::new(store), FRAMES, 10_000),
            store,
            events,
        }
    }

    /// Nodes in use, when removed directories have ended. That takes as long as threads of other tests, which have the
    /// object system in common with this one, are under guards; so it is waited for until there are as many as `expected`.
    pub fn nodes_used(&self, expected: u64) -> u64 {
        let nodes = &self.fs.resources.nodes;
        let started = std::time::Instant::now();
        while nodes.used() != expected && started.elapsed().as_secs() < 10 {
            crate::data::collect_all();
            std::thread::yield_now();
        }
        nodes.used()
    }

    /// A client process with these ids.
    pub fn client(&self, process: u32, uid: u32, gid: u32) -> Client {
        let server = Caller {
            process: ProcessId::PROCESS,
            vp: 0,
            handle: Handle::ROOT,
            rights: 0,
        };
        let ids = Credentials {
            euid: uid,
            egid: gid,
            ruid: uid,
            rgid: gid,
            fsuid: uid,
            fsgid: gid,
        };
        self.fs
            .client_created(&server, ProcessId(process), ids, &[])
            .unwrap();
        Client {
            fs: self.fs,
            process: ProcessId(process),
            base: Handle::ROOT,
        }
    }

    /// The process has ended.
    pub fn end(&self, client: Client) {
        let server = Caller {
            process: ProcessId::PROCESS,
            vp: 0,
            handle: Handle::ROOT,
            rights: 0,
        };
        self.fs.client_ended(&server, client.process).unwrap();
    }

    /// The process has forked.
    pub fn fork(&self, parent: &Client, child: u32) -> Client {
        let server = Caller {
            process: ProcessId::PROCESS,
            vp: 0,
            handle: Handle::ROOT,
            rights: 0,
        };
        self.fs
            .client_forked(&server, parent.process, ProcessId(child))
            .unwrap();
        Client {
            fs: self.fs,
            process: ProcessId(child),
            base: Handle::ROOT,
        }
    }
}

/// A client process.
#[derive(Clone, Copy)]
pub struct Client {
    fs: &'static Kfs,
    /// Its id.
    pub process: ProcessId,
    /// Where relative paths begin.
    pub base: Handle,
}

/// An open file of a client.
pub struct File {
    client: Client,
    /// Its handle.
    pub handle: Handle,
}

/// Room for a reply in a message slot.
const ROOM: usize = 8192;

impl Client {
    /// The same process, working in a directory.
    pub fn below(&self, path: &str) -> Client {
        let base = self.opened(self.base, path, 0o40000, 0).unwrap().handle;
        Client { base, ..*self }
    }
    /// Who calls.
    pub fn caller(&self, handle: Handle) -> Caller {
        Caller {
            process: self.process,
            vp: 0,
            handle,
            rights: 0,
        }
    }
    fn with_rest<T>(&self, f: impl FnOnce(&Caller, &mut OutBuf<'_>) -> T) -> T {
        f(&self.caller(Handle::ROOT), &mut OutBuf::new(&mut [0; ROOM]))
    }
    /// open(2), the whole answer.
    pub fn opened(&self, at: Handle, path: &str, flags: u32, mode: u32) -> Result<Opened> {
        self.with_rest(|c, rest| self.fs.open(c, at, path.as_bytes(), flags, mode, rest))
    }
    /// open(2).
    pub fn open(&self, path: &str, flags: u32, mode: u32) -> Result<File> {
        Ok(File {
            client: *self,
            handle: self.opened(self.base, path, flags, mode)?.handle,
        })
    }
    /// The same handle in this process (after fork).
    pub fn file(&self, handle: Handle) -> File {
        File {
            client: *self,
            handle,
        }
    }
    /// stat(2).
    pub fn stat(&self, path: &str) -> Result<Attributes> {
        self.with_rest(|c, rest| self.fs.stat(c, self.base, path.as_bytes(), 0, rest))
    }
    /// lstat(2).
    pub fn lstat(&self, path: &str) -> Result<Attributes> {
        self.with_rest(|c, rest| {
            self.fs
                .stat(c, self.base, path.as_bytes(), path_flag::NO_FOLLOW, rest)
        })
    }
    /// access(2).
    pub fn access(&self, path: &str, mode: u32) -> Result<()> {
        self.with_rest(|c, rest| {
            self.fs.access(
                c,
                self.base,
                path.as_bytes(),
                mode,
                path_flag::REAL_IDS,
                rest,
            )
        })
    }
    /// Any change of attributes.
    pub fn change(&self, path: &str, flags: u32, new: SetAttributes) -> Result<()> {
        self.with_rest(|c, rest| {
            self.fs
                .set_attributes(c, self.base, path.as_bytes(), flags, new, rest)
        })
    }
    /// chmod(2).
    pub fn chmod(&self, path: &str, mode: u32) -> Result<()> {
        self.change(
            path,
            0,
            SetAttributes {
                which: set::MODE,
                mode,
                ..NO_CHANGE
            },
        )
    }
    /// chown(2).
    pub fn chown(&self, path: &str, uid: u32, gid: u32) -> Result<()> {
        self.change(
            path,
            0,
            SetAttributes {
                which: set::UID | set::GID,
                uid,
                gid,
                ..NO_CHANGE
            },
        )
    }
    /// truncate(2).
    pub fn truncate(&self, path: &str, size: u64) -> Result<()> {
        self.change(
            path,
            0,
            SetAttributes {
                which: set::SIZE,
                size,
                ..NO_CHANGE
            },
        )
    }
    /// mknod(2) and mkdir(2).
    pub fn make(&self, path: &str, mode: u32) -> Result<()> {
        self.with_rest(|c, rest| {
            self.fs
                .make_node(c, self.base, path.as_bytes(), mode, 0, rest)
        })
    }
    /// mkdir(2).
    pub fn mkdir(&self, path: &str, mode: u32) -> Result<()> {
        self.make(path, 0o040000 | mode)
    }
    /// symlink(2).
    pub fn symlink(&self, target: &str, path: &str) -> Result<()> {
        self.with_rest(|c, rest| {
            self.fs
                .symlink(c, target.as_bytes(), self.base, path.as_bytes(), rest)
        })
    }
    /// readlink(2).
    pub fn read_link(&self, path: &str) -> Result<Vec<u8>> {
        self.with_rest(|c, rest| {
            self.fs.read_link(c, self.base, path.as_bytes(), rest)?;
            Ok(rest.filled().to_vec())
        })
    }
    /// link(2).
    pub fn link(&self, old: &str, new: &str) -> Result<()> {
        let flags = path_flag::NO_FOLLOW;
        self.with_rest(|c, rest| {
            self.fs.link(
                c,
                self.base,
                old.as_bytes(),
                self.base,
                new.as_bytes(),
                flags,
                rest,
            )
        })
    }
    /// unlink(2).
    pub fn unlink(&self, path: &str) -> Result<()> {
        self.with_rest(|c, rest| self.fs.unlink(c, self.base, path.as_bytes(), 0, rest))
    }
    /// rmdir(2).
    pub fn rmdir(&self, path: &str) -> Result<()> {
        self.with_rest(|c, rest| {
            self.fs
                .unlink(c, self.base, path.as_bytes(), path_flag::DIRECTORY, rest)
        })
    }
    /// renameat2(2).
    pub fn rename(&self, old: &str, new: &str, flags: u32) -> Result<()> {
        self.with_rest(|c, rest| {
            FileSystem::rename(
                &self.fs,
                c,
                self.base,
                old.as_bytes(),
                self.base,
                new.as_bytes(),
                flags,
                rest,
            )
        })
    }
    /// pipe(2).
    pub fn pipe(&self) -> Result<(File, File)> {
        let [r, w] = self.fs.pipe(&self.caller(Handle::ROOT), 0)?;
        Ok((self.file(Handle(r)), self.file(Handle(w))))
    }
    /// A whole file at once.
    pub fn put(&self, path: &str, data: &[u8]) -> Result<()> {
        let file = self.open(path, 0o1101, 0o644)?;
        file.write_all(data)?;
        file.close()
    }
    /// All of a file.
    pub fn get(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.open(path, 0, 0)?;
        let mut all = Vec::new();
        loop {
            let piece = file.read(5000)?;
            if piece.is_empty() {
                file.close()?;
                return Ok(all);
            }
            all.extend(piece);
        }
    }
    /// Names in a directory, sorted.
    pub fn list(&self, path: &str) -> Result<Vec<String>> {
        let file = self.open(path, 0o40000, 0)?;
        let mut names: Vec<String> = Vec::new();
        loop {
            let more = file.names(300)?;
            if more.is_empty() {
                file.close()?;
                names.sort();
                return Ok(names);
            }
            names.extend(more);
        }
    }
}

/// Nothing to change.
pub const NO_CHANGE: SetAttributes = SetAttributes {
    which: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    accessed: 0,
    modified: 0,
};

impl File {
    /// The server's object, and who calls.
    pub fn object(&self) -> Result<(Arc<OpenNode>, Caller)> {
        let caller = self.client.caller(self.handle);
        Ok((
            self.client.fs.ports.handles.get(&caller, self.handle)?,
            caller,
        ))
    }
    /// read(2).
    pub fn read(&self, length: usize) -> Result<Vec<u8>> {
        self.pread(CURRENT, length)
    }
    /// pread(2).
    pub fn pread(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let (file, caller) = self.object()?;
        let mut buffer = vec![0x55; length];
        let mut out = OutBuf::new(&mut buffer);
        let count = file.read(&caller, offset, &mut out)?;
        assert_eq!(count as usize, out.filled().len());
        Ok(out.filled().to_vec())
    }
    /// write(2).
    pub fn write(&self, data: &[u8]) -> Result<u32> {
        self.pwrite(CURRENT, data)
    }
    /// pwrite(2).
    pub fn pwrite(&self, offset: u64, data: &[u8]) -> Result<u32> {
        let (file, caller) = self.object()?;
        file.write(&caller, offset, data)
    }
    /// write(2) until all is written.
    pub fn write_all(&self, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            let count = self.write(&data[..data.len().min(8000)])?;
            data = &data[count as usize..];
        }
        Ok(())
    }
    /// lseek(2).
    pub fn seek(&self, offset: i64, whence: u32) -> Result<u64> {
        let (file, caller) = self.object()?;
        file.seek(&caller, offset, whence)
    }
    /// fstat(2).
    pub fn stat(&self) -> Result<Attributes> {
        let (file, caller) = self.object()?;
        file.attributes(&caller)
    }
    /// ftruncate(2).
    pub fn truncate(&self, size: u64) -> Result<()> {
        let (file, caller) = self.object()?;
        file.set_attributes(
            &caller,
            SetAttributes {
                which: set::SIZE,
                size,
                ..NO_CHANGE
            },
        )
    }
    /// Names that getdents64 gives in so much room.
    pub fn names(&self, room: usize) -> Result<Vec<String>> {
        let (file, caller) = self.object()?;
        let mut buffer = vec![0; room];
        let mut out = OutBuf::new(&mut buffer);
        file.read_directory(&caller, &mut out)?;
        let mut bytes = out.filled();
        let mut names = Vec::new();
        while let Some(entry) = k42_fslib::dirent::parse(&mut bytes) {
            names.push(String::from_utf8(entry.name.to_vec()).unwrap());
        }
        Ok(names)
    }
    /// poll(2).
    pub fn poll(&self, events: u32) -> u32 {
        let (file, caller) = self.object().unwrap();
        file.poll(&caller, events, true).unwrap()
    }
    /// Path by /proc.
    pub fn path(&self) -> Result<String> {
        let (file, caller) = self.object()?;
        let mut buffer = [0; ROOM];
        let mut out = OutBuf::new(&mut buffer);
        file.path(&caller, &mut out)?;
        Ok(String::from_utf8(out.filled().to_vec()).unwrap())
    }
    /// close(2).
    pub fn close(self) -> Result<()> {
        let (file, caller) = self.object()?;
        file.close(&caller)
    }
}
