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

/// The event with a class number and an event number.
pub fn find(class: u8, event: u8) -> Option<&'static EventInfo> {
    let class = Class::from_number(class)?;
    let of_class = crate::events::TABLE.iter().find(|(c, _)| *c == class)?.1;
    of_class.iter().find(|info| info.event == event)
}

/// A digest of the table: a reader that was built with another table would show wrong names.
pub const fn table_hash() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let table = crate::events::TABLE;
    let mut class = 0;
    while class < table.len() {
        let of_class = table[class].1;
        let mut event = 0;
        while event < of_class.len() {
            let info = &of_class[event];
            hash = mix(hash, &[info.class as u8, info.event, info.args.len() as u8]);
            hash = mix(hash, info.name.as_bytes());
            let mut arg = 0;
            while arg < info.args.len() {
                hash = mix(hash, info.args[arg].name.as_bytes());
                hash = mix(hash, &[info.args[arg].show as u8]);
                arg += 1;
            }
            event += 1;
        }
        class += 1;
    }
    hash
}

/// FNV-1a.
const fn mix(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x100_0000_01b3);
        i += 1;
    }
    (hash ^ 0xff).wrapping_mul(0x100_0000_01b3)
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
