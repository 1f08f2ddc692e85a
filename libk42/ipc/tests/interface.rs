//! The macro's two ends against each other over a loopback, and the skeleton against hostile messages.

use k42_ipc::transport::{Loopback, install};
use k42_ipc::{
    Caller, Error, Handle, Incoming, OutBuf, ProcessId, Reply, Result, interface, wire_enum,
    wire_struct,
};
use proptest::prelude::{any, proptest};
use std::sync::{Arc, OnceLock};

wire_struct! {
    /// Seven words: two more than fit in registers.
    pub struct Wide {
        /// One.
        pub a: u64,
        /// Four.
        pub b: [u64; 4],
        /// Negative values too.
        pub c: i32,
        /// And a truth.
        pub d: bool,
    }
}

wire_enum! {
    /// A colour.
    pub enum Colour: u32 {
        /// Not zero.
        Red = 3,
        /// The next.
        Green = 4,
    }
}

/// Something of everything.
#[interface(id = 9)]
pub trait Everything {
    /// Registers only.
    #[method(1)]
    fn add(&self, caller: &Caller, a: u64, b: i32) -> Result<i64>;
    /// Many words both ways.
    #[method(2)]
    fn widen(&self, caller: &Caller, w: Wide, last: u8) -> Result<Wide>;
    /// Slices and text.
    #[method(3)]
    fn join(&self, caller: &Caller, a: &[u8], name: &str, b: &[u8]) -> Result<u32>;
    /// Data back, wide result, error with data.
    #[method(4)]
    fn produce(
        &self,
        caller: &Caller,
        path: &[u8],
        fail: bool,
        out: &mut OutBuf<'_>,
    ) -> Result<Wide>;
    /// An enumeration.
    #[method(5)]
    fn mix(&self, caller: &Caller, colour: Colour) -> Result<Colour>;
    /// Needs a right.
    #[method(6, rights = 0b10)]
    fn guarded(&self, caller: &Caller) -> Result<u32>;
    /// Small result with data.
    #[method(7)]
    fn read(&self, caller: &Caller, offset: u64, out: &mut OutBuf<'_>) -> Result<u32>;
}

/// Another interface on the same object.
#[interface(id = 10)]
pub trait Other {
    /// Same number as `Everything::add`.
    #[method(1)]
    fn ping(&self, caller: &Caller) -> Result<()>;
}

struct Object;

impl Everything for Object {
    fn add(&self, _: &Caller, a: u64, b: i32) -> Result<i64> {
        Ok(a as i64 + i64::from(b))
    }
    fn widen(&self, _: &Caller, mut w: Wide, last: u8) -> Result<Wide> {
        w.a += u64::from(last);
        w.c = -w.c;
        w.d = !w.d;
        Ok(w)
    }
    fn join(&self, _: &Caller, a: &[u8], name: &str, b: &[u8]) -> Result<u32> {
        assert_eq!(name, "naïve");
        Ok((a.len() * 1000 + b.len()) as u32)
    }
    fn produce(&self, _: &Caller, path: &[u8], fail: bool, out: &mut OutBuf<'_>) -> Result<Wide> {
        out.put(path)?;
        let n = out.spare().len().min(3);
        out.spare()[..n].fill(b'!');
        out.advance(n);
        assert!(path.is_empty() || path[0] == b'/', "the request is intact");
        if fail {
            Err(Error::CROSS_MOUNT)
        } else {
            Ok(Wide {
                a: 1,
                b: [2, 3, 4, 5],
                c: -6,
                d: true,
            })
        }
    }
    fn mix(&self, _: &Caller, colour: Colour) -> Result<Colour> {
        Ok(match colour {
            Colour::Red => Colour::Green,
            Colour::Green => Colour::Red,
        })
    }
    fn guarded(&self, caller: &Caller) -> Result<u32> {
        Ok(caller.process.0)
    }
    fn read(&self, _: &Caller, offset: u64, out: &mut OutBuf<'_>) -> Result<u32> {
        let room = out.room();
        for (i, byte) in out.spare().iter_mut().enumerate() {
            *byte = (offset as usize + i) as u8;
        }
        out.advance(room);
        Ok(room as u32)
    }
}

impl Other for Object {
    fn ping(&self, _: &Caller) -> Result<()> {
        Ok(())
    }
}

fn serve(incoming: &mut Incoming<'_>) -> Reply {
    let reply = everything_dispatch(&Object, incoming);
    if reply.is_no_method() {
        other_dispatch(&Object, incoming)
    } else {
        reply
    }
}

const SERVER: ProcessId = ProcessId(77);

fn client() -> EverythingClient {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let loopback = Loopback::new(ProcessId(5));
        loopback.serve(SERVER, serve);
        install(Arc::new(loopback));
    });
    EverythingClient::root(SERVER)
}

#[test]
fn round_trips() {
    let client = client();
    assert_eq!(client.add(40, -2), Ok(38));
    let wide = Wide {
        a: 1,
        b: [2, 3, 4, 5],
        c: 6,
        d: false,
    };
    assert_eq!(
        client.widen(wide, 9),
        Ok(Wide {
            a: 10,
            c: -6,
            d: true,
            ..wide
        })
    );
    assert_eq!(client.join(b"four", "naïve", b""), Ok(4000));
    assert_eq!(client.mix(Colour::Red), Ok(Colour::Green));
    assert_eq!(client.guarded(), Ok(5));
    assert_eq!(OtherClient::root(SERVER).ping(), Ok(()));
    assert_eq!(
        EverythingClient::root(ProcessId(78)).add(1, 1),
        Err(Error::DEAD)
    );
}

#[test]
fn bulk_data_comes_back_beside_success_and_error() {
    let client = client();
    let mut out = [0; 16];
    let (wide, n) = client.produce(b"/abc", false, &mut out).expect("succeeds");
    assert_eq!((wide.b, &out[..n]), ([2, 3, 4, 5], &b"/abc!!!"[..]));
    let (error, n) = client.produce(b"/xyz", true, &mut out).expect_err("fails");
    assert_eq!((error, &out[..n]), (Error::CROSS_MOUNT, &b"/xyz!!!"[..]));
    assert_eq!(
        client.produce(b"/longer than the room", false, &mut [0; 4]),
        Err((Error::ERANGE, 0))
    );
}

#[test]
fn whole_slots() {
    let client = client();
    let mut out = vec![0; 10000];
    // No request payload: all of the slot is for the answer, and the client asks for no more than that.
    assert_eq!(client.read(7, &mut out), Ok((8192, 8192)));
    assert!(
        out[..8192]
            .iter()
            .enumerate()
            .all(|(i, b)| *b == (7 + i) as u8)
    );
    assert_eq!(client.join(&[0; 8185], "naïve", b"x"), Ok(8_185_001));
    assert_eq!(client.join(&[0; 8185], "naïve", b"xx"), Err(Error::E2BIG));
}

fn raw(method: u16, rights: u32, mut words: [u64; 5], payload: &[u8], slot: &mut [u8]) -> Reply {
    slot[..payload.len()].copy_from_slice(payload);
    let caller = Caller {
        process: ProcessId(5),
        vp: 0,
        handle: Handle::ROOT,
        rights,
    };
    let mut incoming = Incoming {
        caller,
        method,
        words: &mut words,
        length: payload.len(),
        slot,
    };
    everything_dispatch(&Object, &mut incoming)
}

#[test]
fn malformed_messages_are_refused() {
    let mut slot = vec![0; 8192];
    let refused = Reply::error(Error::BAD_MESSAGE);
    let id = EverythingClient::INTERFACE << 8;
    assert_eq!(
        raw(id | 99, !0, [0; 5], b"", &mut slot),
        Reply::error(Error::NO_METHOD)
    );
    assert_eq!(
        raw(1, !0, [0; 5], b"", &mut slot),
        Reply::error(Error::NO_METHOD)
    );
    assert_eq!(
        raw(id | 6, 0b101, [0; 5], b"", &mut slot),
        Reply::error(Error::NO_RIGHT)
    );
    assert_eq!(
        raw(id | 1, 0, [0, 1 << 40, 0, 0, 0], b"", &mut slot),
        refused,
        "no i32"
    );
    assert_eq!(
        raw(id | 1, 0, [0; 5], b"x", &mut slot),
        refused,
        "more than there should be"
    );
    assert_eq!(
        raw(id | 5, 0, [5, 0, 0, 0, 0], b"", &mut slot),
        refused,
        "no colour"
    );
    assert_eq!(
        raw(id | 2, 0, [0; 5], &[0; 16], &mut slot),
        refused,
        "words are missing"
    );
    assert_eq!(
        raw(id | 3, 0, [1, 1, 0, 0, 0], b"a\xff", &mut slot),
        refused,
        "no UTF-8"
    );
    assert_eq!(
        raw(id | 3, 0, [u64::MAX, 1, 0, 0, 0], b"a\xff", &mut slot),
        refused,
        "too long"
    );
    // A request that leaves no room for the result's extra words.
    assert_eq!(
        raw(id | 4, 0, [8192, 0, 0, 0, 0], &[0; 8192], &mut slot),
        refused
    );
}

proptest! {
    /// Whatever arrives, the answer is a reply that fits its slot.
    #[test]
    fn no_message_can_hurt(number in 0u16..10, rights in any::<u32>(), small in any::<bool>(),
                           words in any::<[u64; 5]>(), payload in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut slot = vec![0; 128];
        let words = if small { words.map(|w| w % 70) } else { words };
        // "join" asserts its text, which chance will not find.
        if number != 3 {
            let payload: Vec<u8> = if number == 4 { payload.iter().map(|_| b'/').collect() } else { payload };
            let reply = raw(9 << 8 | number, rights, words, &payload, &mut slot);
            assert!(reply.length() <= slot.len());
            assert!(reply.status() <= 0);
        }
    }
}
