//! The skeleton that `#[interface]` makes, with arguments of every kind, and messages of every kind: what is not exactly
//! right is refused, and what the object sees of the others lies within the message.
#![no_main]

use k42_fuzz::{Call, Handles, SLOT};
use k42_ipc::{
    Caller, Error, Handle, OutBuf, ProcessId, Reply, Result, interface, wire_enum, wire_struct,
};
use libfuzzer_sys::fuzz_target;

wire_struct! {
    /// More words than fit in registers, of types with little room.
    pub struct Wide {
        /// All values are good.
        pub a: u64,
        /// An array.
        pub b: [u64; 3],
        /// Negative values too.
        pub c: i16,
        /// A truth.
        pub d: bool,
        /// A length.
        pub e: usize,
    }
}

wire_enum! {
    /// Numbers with a gap.
    pub enum Colour: u32 {
        /// Not zero.
        Red = 3,
        /// Not the next.
        Green = 5,
    }
}

/// Something of everything.
#[interface(id = 9)]
pub trait Everything {
    /// Registers only.
    #[method(1)]
    fn small(&self, caller: &Caller, a: u8, b: i8, c: i32, d: bool, e: Handle) -> Result<i64>;
    /// Many words both ways.
    #[method(2)]
    fn wide(&self, caller: &Caller, wide: Wide, last: u16) -> Result<Wide>;
    /// Slices and text.
    #[method(3)]
    fn join(&self, caller: &Caller, a: &[u8], name: &str, b: &[u8]) -> Result<u32>;
    /// Slices and words beyond the registers, and data back.
    #[method(4)]
    fn produce(
        &self,
        caller: &Caller,
        path: &[u8],
        wide: Wide,
        fail: bool,
        out: &mut OutBuf<'_>,
    ) -> Result<Wide>;
    /// An enumeration, a process.
    #[method(5)]
    fn mix(&self, caller: &Caller, colour: Colour, process: ProcessId) -> Result<Colour>;
    /// Needs a right that nobody has.
    #[method(6, rights = 0b10)]
    fn guarded(&self, caller: &Caller) -> Result<u32>;
}

/// The rights of all callers: all but the one that `guarded` needs.
const RIGHTS: u32 = !0b10;

struct Object;

impl Everything for Object {
    fn small(&self, _: &Caller, a: u8, b: i8, c: i32, d: bool, e: Handle) -> Result<i64> {
        Ok(i64::from(a) + i64::from(b) + i64::from(c) + i64::from(d) + i64::from(e.0 as u8))
    }
    fn wide(&self, _: &Caller, mut wide: Wide, last: u16) -> Result<Wide> {
        wide.a ^= u64::from(last);
        Ok(wide)
    }
    fn join(&self, _: &Caller, a: &[u8], name: &str, b: &[u8]) -> Result<u32> {
        assert!(name.is_char_boundary(name.len()));
        let all = a.len() + name.len() + b.len();
        assert!(all <= SLOT, "the pieces are the payload's");
        Ok(all as u32)
    }
    fn produce(
        &self,
        _: &Caller,
        path: &[u8],
        wide: Wide,
        fail: bool,
        out: &mut OutBuf<'_>,
    ) -> Result<Wide> {
        assert!(
            path.len() + out.room() <= SLOT,
            "the answer lies behind the request"
        );
        let before = path.to_vec();
        let room = out.spare().len();
        out.spare().fill(0xa5);
        out.advance(room);
        assert_eq!(path, before, "and leaves it intact");
        if fail {
            Err(Error::CROSS_MOUNT)
        } else {
            Ok(wide)
        }
    }
    fn mix(&self, _: &Caller, colour: Colour, _: ProcessId) -> Result<Colour> {
        Ok(match colour {
            Colour::Red => Colour::Green,
            Colour::Green => Colour::Red,
        })
    }
    fn guarded(&self, _: &Caller) -> Result<u32> {
        panic!("served without the right");
    }
}

fuzz_target!(|call: Call| {
    let interfaces = [EverythingClient::INTERFACE as u8];
    call.make(
        ProcessId(5),
        &interfaces,
        &mut Handles::default(),
        |incoming| {
            incoming.caller.rights = RIGHTS;
            let (method, length, first) = (incoming.method, incoming.length, incoming.words[0]);
            let reply: Reply = everything_dispatch(&Object, incoming);
            let known =
                method >> 8 == EverythingClient::INTERFACE && (1..=6).contains(&(method & 0xff));
            assert_eq!(reply.is_no_method(), !known);
            if reply.status() == 0 {
                match method & 0xff {
                    1 => assert!(length == 0 && first <= 0xff),
                    3 => assert_eq!(incoming.words[0], length as u64, "nothing is left over"),
                    5 => assert!(length == 0 && matches!(first, 3 | 5)),
                    _ => {}
                }
            }
            reply
        },
    );
});
