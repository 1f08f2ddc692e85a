//! The macro that declares events, and what the decoder learns from it.

use crate::Class;

/// How an argument is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A decimal number.
    Dec,
    /// A signed decimal number: results and error codes.
    Int,
    /// A hexadecimal number: addresses, masks.
    Hex,
    /// Up to eight characters, the first in the highest byte.
    Text,
}

/// One argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgInfo {
    /// Its name.
    pub name: &'static str,
    /// How it is shown.
    pub show: Show,
}

/// One event of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventInfo {
    /// Its class.
    pub class: Class,
    /// Its number in the class.
    pub event: u8,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its arguments, a word each.
    pub args: &'static [ArgInfo],
}

impl Show {
    /// All kinds, with the words that stand for them in a table's text.
    pub const ALL: [(Show, &'static str); 4] = [
        (Show::Dec, "dec"),
        (Show::Int, "int"),
        (Show::Hex, "hex"),
        (Show::Text, "text"),
    ];

    /// The word for the kind.
    pub const fn word(self) -> &'static str {
        Show::ALL[self as usize].1
    }
}

/// Bytes of a text that two arguments of an event hold.
pub const TEXT_BYTES: usize = 16;

/// The first bytes of a text as the two arguments of an event.
pub fn text_words(text: &[u8]) -> [u64; 2] {
    let mut bytes = [0; TEXT_BYTES];
    let length = text.len().min(TEXT_BYTES);
    bytes[..length].copy_from_slice(&text[..length]);
    let (first, second) = bytes.split_at(8);
    [first, second].map(|half| {
        half.iter()
            .fold(0, |word, &byte| word << 8 | u64::from(byte))
    })
}

/// The bytes that [`text_words`] has made words of, with zeros after a shorter text.
pub fn text_bytes(words: [u64; 2]) -> [u8; TEXT_BYTES] {
    let mut bytes = [0; TEXT_BYTES];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// The table as text, which lies beside the buffers and in every saved trace, so that a trace explains itself. A line for
/// each class, `class NUMBER NAME`, and below it one for each of its events, `event NUMBER NAME ARGUMENT:KIND ...`.
pub const TABLE_TEXT: &[u8] = &TEXT;

const TEXT: [u8; write_table::<0>().1] = write_table().0;

/// Writes the table's text into a buffer as far as it fits; says how long it is.
const fn write_table<const ROOM: usize>() -> ([u8; ROOM], usize) {
    let mut out = ([0; ROOM], 0);
    let table = crate::events::TABLE;
    let mut class = 0;
    while class < table.len() {
        let (number, of_class) = table[class];
        out = put(out, b"class ");
        out = put_number(out, number as u8);
        out = put(out, b" ");
        out = put(out, number.name().as_bytes());
        out = put(out, b"\n");
        let mut event = 0;
        while event < of_class.len() {
            let info = &of_class[event];
            out = put(out, b"event ");
            out = put_number(out, info.event);
            out = put(out, b" ");
            out = put(out, info.name.as_bytes());
            let mut arg = 0;
            while arg < info.args.len() {
                out = put(out, b" ");
                out = put(out, info.args[arg].name.as_bytes());
                out = put(out, b":");
                out = put(out, info.args[arg].show.word().as_bytes());
                arg += 1;
            }
            out = put(out, b"\n");
            event += 1;
        }
        class += 1;
    }
    out
}

const fn put<const ROOM: usize>(
    (mut text, mut end): ([u8; ROOM], usize),
    bytes: &[u8],
) -> ([u8; ROOM], usize) {
    let mut i = 0;
    while i < bytes.len() {
        if end < ROOM {
            text[end] = bytes[i];
        }
        end += 1;
        i += 1;
    }
    (text, end)
}

const fn put_number<const ROOM: usize>(
    out: ([u8; ROOM], usize),
    number: u8,
) -> ([u8; ROOM], usize) {
    let out = if number >= 10 {
        put_number(out, number / 10)
    } else {
        out
    };
    put(out, &[b'0' + number % 10])
}

/// Declares classes with their events: `number name(argument: Show, ...);`, each with a line of documentation.
///
/// For each class a module with a function per event comes of it, and for all of them `TABLE`.
macro_rules! events {
    ($(
        $(#[doc = $class_doc:literal])+
        $module:ident = $class:ident {
            $(
                #[doc = $doc:literal]
                $number:literal $name:ident($($arg:ident : $show:ident),*);
            )*
        }
    )*) => {
        $(
            $(#[doc = $class_doc])+
            pub mod $module {
                use crate::target::log;
                use crate::{ArgInfo, Class, EventHeader, EventInfo, Show, Target};

                pub(super) const EVENTS: &[EventInfo] = &[$(EventInfo {
                    class: Class::$class,
                    event: $number,
                    name: stringify!($name),
                    doc: $doc.trim_ascii(),
                    args: &[$(ArgInfo { name: stringify!($arg), show: Show::$show }),*],
                }),*];

                $(
                    #[doc = $doc]
                    #[inline(always)]
                    pub fn $name<T: Target>($($arg: u64),*) {
                        const KIND: u64 = EventHeader::kind_of(
                            Class::$class, $number, <[&str]>::len(&[$(stringify!($arg)),*]),
                        );
                        if T::mask() & Class::$class.bit() != 0 {
                            log!(T, KIND $(, $arg)*);
                        }
                    }
                )*
            }
        )*

        /// All events, by class.
        pub const TABLE: &[(Class, &[EventInfo])] = &[$((Class::$class, $module::EVENTS)),*];
    };
}

pub(crate) use events;
