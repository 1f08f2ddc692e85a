//! The table of Linux system calls, as data.
//!
//! One row for each call that the library knows: number, name, handler, the kinds of its arguments,
//! and what is missing. Dispatch, the lines of `K42_STRACE=1` and `docs/linux-calls.md` all come from
//! it. The rows themselves are in [`crate::calls`]; the numbers are checked against those of Linux's
//! headers (crate `linux-raw-sys`) when the library is compiled for Power.
//!
//! A handler takes arguments of the types below, never raw words: the type says how the word is read
//! (width and sign), how it is shown, and whether it is an address of the program.

use crate::thread::Thread;
use crate::user::User;
use k42_abi::Result;

/// How an argument is read and shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file descriptor.
    Descriptor,
    /// A directory's descriptor, or AT_FDCWD.
    Directory,
    /// Address of a path.
    Path,
    /// Address of text or data that the call reads.
    Input,
    /// Address of memory that the call writes.
    Output,
    /// Any other address.
    Address,
    /// A length or count.
    Size,
    /// A signed number.
    Integer,
    /// Bits, shown in hexadecimal.
    Flags,
    /// Permission bits, shown in octal.
    Mode,
    /// A signal number.
    Signal,
}

/// A typed argument of a call.
pub trait Argument: Sized {
    /// Its kind.
    const KIND: Kind;
    /// Reads it from its register, as Linux's own entry code does for the C type.
    fn decode(word: u64) -> Self;
}

macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident($inner:ty) $kind:ident $word:ident => $value:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);
        impl Argument for $name {
            const KIND: Kind = Kind::$kind;
            fn decode($word: u64) -> Self { Self($value) }
        }
    )*};
}

arguments! {
    /// File descriptor.
    Fd(i32) Descriptor word => word as i32;
    /// Directory descriptor or AT_FDCWD.
    Dir(i32) Directory word => word as i32;
    /// Path.
    Path(User) Path word => User(word);
    /// What the call reads.
    In(User) Input word => User(word);
    /// What the call writes.
    Out(User) Output word => User(word);
    /// An address that is not read or written as such.
    Addr(u64) Address word => word;
    /// `size_t`.
    Size(u64) Size word => word;
    /// `int`.
    Int(i32) Integer word => word as i32;
    /// `long`, `off_t`.
    Long(i64) Integer word => word as i64;
    /// `unsigned int` with bits in it.
    Flags(u32) Flags word => word as u32;
    /// `unsigned long` with bits in it.
    Bits(u64) Flags word => word;
    /// `mode_t`.
    Mode(u32) Mode word => word as u32;
    /// Signal number.
    Sig(i32) Signal word => word as i32;
}

/// Arguments of a call as they lie in r3-r8.
pub type Raw = [u64; 6];

/// How a row is entered.
#[derive(Clone, Copy)]
pub enum Handler {
    /// An ordinary call. A handler takes its arguments from the thread's entry area.
    Plain(fn(&Thread) -> Result<u64>),
    /// A call that needs or changes all of the program's registers: it is made after they have been
    /// saved to the thread's frame, and the program goes on from that frame.
    Full(fn(&Thread) -> Result<Full>),
}

/// What a call with all registers asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Ordinary return with this value.
    Value(u64),
    /// The frame holds the registers to go on with.
    Frame,
}

/// A row of the table.
pub struct Row {
    /// Number on powerpc64.
    pub number: u16,
    /// Name with `__NR_` before it.
    pub symbol: &'static str,
    /// Handler.
    pub handler: Handler,
    /// Names and kinds of the arguments.
    pub arguments: &'static [(&'static str, Kind)],
    /// What is missing; empty if nothing is known to be.
    pub note: &'static str,
}

impl Row {
    /// Name of the call.
    pub fn name(&self) -> &'static str {
        &self.symbol["__NR_".len()..]
    }
}

/// One row: `__NR_name = number => handler(argument: Type, ...) "note"`.
#[macro_export]
macro_rules! row {
    ($symbol:ident = $number:literal => $handler:path, ($($argument:ident: $type:ident),*) $variant:ident $note:literal) => {{
        #[cfg(target_arch = "powerpc64")]
        const _: () = assert!(linux_raw_sys::general::$symbol == $number, "number differs from Linux's headers");
        $crate::table::Row {
            number: $number,
            symbol: stringify!($symbol),
            handler: $crate::table::Handler::$variant(|thread| {
                let mut _index = 0;
                $(
                    let $argument = <$crate::table::$type as $crate::table::Argument>::decode(thread.argument(_index));
                    _index += 1;
                )*
                $handler(thread $(, $argument)*)
            }),
            arguments: &[$((stringify!($argument), <$crate::table::$type as $crate::table::Argument>::KIND)),*],
            note: $note,
        }
    }};
}

/// One more than the greatest number in the table.
pub const NUMBERS: usize = 472;

/// Rows by number.
pub static BY_NUMBER: [Option<&'static Row>; NUMBERS] = by_number(crate::calls::ROWS);

/// Sorts rows by number; two rows with one number do not compile.
const fn by_number(rows: &'static [Row]) -> [Option<&'static Row>; NUMBERS] {
    let mut table = [None; NUMBERS];
    let mut i = 0;
    while i < rows.len() {
        let number = rows[i].number as usize;
        assert!(table[number].is_none(), "two rows have the same number");
        table[number] = Some(&rows[i]);
        i += 1;
    }
    table
}

/// The row of a call, if the library knows it.
#[inline]
pub fn find(number: u64) -> Option<&'static Row> {
    *BY_NUMBER.get(number as usize)?
}
