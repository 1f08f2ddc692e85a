//! What the targets that make calls have in common: calls as a hostile client would make them.

pub mod world;

use k42_ipc::{Caller, Exported, Handle, Incoming, ProcessId, Reply};
use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// Bytes of a message slot.
pub const SLOT: usize = 8192;

/// A word of a call: near what is right, or far from it.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Word {
    /// A small number: flags, counts.
    Small(u8),
    /// A few bits or the negative of them, anywhere.
    Shifted(i8, u8),
    /// The length of the payload, less so many bytes.
    Payload(u8),
    /// One of the handles that came in replies.
    Handle(u8),
    /// Anything.
    Any(u64),
}

/// A piece of a payload.
#[derive(Arbitrary, Clone, Debug)]
pub enum Piece {
    /// A path that may exist.
    Path(u8),
    /// Anything.
    Bytes(Vec<u8>),
    /// So many words of the same bytes.
    Fill(u8, u8),
}

/// Paths that lead somewhere if the calls before have made what they name.
const PATHS: [&[u8]; 16] = [
    b"a", b"b", b"/a", b"/b", b"a/b", b"/a/b", b"a/..", b".", b"..", b"/", b"a/", b"c", b"b/c",
    b"/a/b/c", b"../a", b"//c",
];

/// One call.
#[derive(Arbitrary, Clone, Debug)]
pub struct Call {
    /// Which client.
    pub client: u8,
    /// On which handle.
    pub handle: Word,
    /// Which interface, mostly of those that there are.
    pub interface: u8,
    /// The method's number, mostly a small one.
    pub method: u8,
    /// The words in registers.
    pub words: [Word; 5],
    /// What the payload is made of.
    pub payload: Vec<Piece>,
}

/// Handles that the server has given out, in the last replies.
#[derive(Default)]
pub struct Handles([u64; 8], usize);

impl Handles {
    fn learn(&mut self, word: u64) {
        self.0[self.1 % self.0.len()] = word;
        self.1 += 1;
    }
}

impl Word {
    fn value(self, length: usize, handles: &Handles) -> u64 {
        match self {
            Word::Small(value) => value.into(),
            Word::Shifted(bits, by) => (i64::from(bits) as u64) << (by % 64),
            Word::Payload(less) => (length as u64).wrapping_sub(less.into()),
            Word::Handle(which) => handles.0[usize::from(which) % handles.0.len()],
            Word::Any(value) => value,
        }
    }
}

impl Call {
    /// Makes the call as `process`, checks what holds for every answer, and learns the handles in it.
    pub fn make(
        &self,
        process: ProcessId,
        interfaces: &[u8],
        handles: &mut Handles,
        serve: impl FnOnce(&mut Incoming<'_>) -> Reply,
    ) {
        let mut slot = vec![0; SLOT];
        let mut length = 0;
        for piece in &self.payload {
            let fill;
            let bytes: &[u8] = match piece {
                Piece::Path(which) => PATHS[usize::from(*which) % PATHS.len()],
                Piece::Bytes(bytes) => bytes,
                Piece::Fill(byte, count) => {
                    fill = vec![*byte; 8 * usize::from(*count)];
                    &fill
                }
            };
            let room = bytes.len().min(SLOT - length);
            slot[length..length + room].copy_from_slice(&bytes[..room]);
            length += room;
        }
        let (interface, method) = match usize::from(self.interface) {
            strange @ 240.. => (strange as u8, self.method),
            known => (interfaces[known % interfaces.len()], self.method % 32),
        };
        let mut words = self.words.map(|word| word.value(length, handles));
        let mut incoming = Incoming {
            caller: Caller {
                process,
                vp: 0,
                handle: Handle(self.handle.value(length, handles)),
                rights: u32::MAX,
            },
            method: u16::from(interface) << 8 | u16::from(method),
            words: &mut words,
            slot: &mut slot,
            length,
        };
        let reply = serve(&mut incoming);
        assert!(reply.length() <= SLOT, "a reply fits its slot");
        assert!(reply.status() <= 0, "a reply is a success or an error");
        if reply.status() == 0 {
            handles.learn(words[0]);
            handles.learn(words[1]);
        }
    }
}

/// Serves a call as the runtime does: on the root handle by `root`, else by what the caller has been given.
pub fn serve(
    root: &dyn Exported,
    tables: &k42_ipc::ClientTables,
    incoming: &mut Incoming<'_>,
) -> Reply {
    if incoming.caller.handle == Handle::ROOT {
        return root.dispatch(incoming);
    }
    match tables.lookup(incoming.caller.process, incoming.caller.handle) {
        Ok((object, rights)) => {
            incoming.caller.rights = rights;
            object.dispatch(incoming)
        }
        Err(error) => Reply::error(error),
    }
}
