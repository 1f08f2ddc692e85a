//! Interfaces: a trait, and the table of functions that stands for it.
//!
//! A representative begins with the address of its table ([`RepHead`](crate::RepHead)), so a slot is one word. The
//! table has a fixed layout: a [`TableHead`], then one function per method in the order of their declaration. Forwarding
//! is made once per interface and not once per implementation: [`Rep`](crate::Rep) itself implements the trait through
//! the table, and so can a mediator or a call counter.

/// What every table of functions begins with.
#[derive(Debug)]
#[repr(C)]
pub struct TableHead {
    /// [`Interface::HASH`] of the interface.
    pub hash: u64,
    /// How many functions follow.
    pub methods: u64,
}

/// A trait object type that [`object_interface!`](crate::object_interface) has declared, such as `dyn Counter`.
///
/// # Safety
/// `Table` is `repr(C)` and begins with a [`TableHead`] that holds `HASH`.
pub unsafe trait Interface {
    /// The table of functions.
    type Table: 'static;
    /// The trait's name.
    const NAME: &'static str;
    /// The methods' names in table order: for traces and counts.
    const METHODS: &'static [&'static str];
    /// A digest of name, methods, argument and result types as written. Code that was compiled apart must have the same.
    const HASH: u64;
}

/// Says that `T` implements the interface, and by which table.
///
/// # Safety
/// The functions of `TABLE` take representatives whose value is a `T`.
pub unsafe trait Implemented<T>: Interface {
    /// The table for `T`.
    const TABLE: &'static Self::Table;
}

/// FNV-1a over the parts of a declaration, without blanks (how the compiler prints tokens may change).
pub const fn interface_hash(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            if !bytes[i].is_ascii_whitespace() {
                hash = (hash ^ bytes[i] as u64).wrapping_mul(0x100_0000_01b3);
            }
            i += 1;
        }
        // A byte that cannot occur in a declaration keeps the parts apart.
        hash = (hash ^ 0xff).wrapping_mul(0x100_0000_01b3);
        part += 1;
    }
    hash
}

/// Declares a trait as an object interface.
///
/// The trait is left as written. Beside it come its table of functions, a table for each implementation that is
/// `Send + Sync + 'static`, and the trait for [`Rep`](crate::Rep), so that a borrowed representative is called like any
/// value. Methods take `&self`; arguments may borrow, results may not borrow from `self` (a representative is borrowed
/// for the length of one call).
///
/// ```
/// k42_object::object_interface! {
///     /// Stores bytes.
///     pub trait Store {
///         /// Reads at `offset`; returns how much.
///         fn read(&self, offset: u64, into: &mut [u8]) -> usize;
///         /// Forgets everything.
///         fn clear(&self);
///     }
/// }
/// use k42_object::Interface;
/// assert_eq!(<dyn Store>::METHODS, ["read", "clear"]);
/// ```
#[macro_export]
macro_rules! object_interface {
    (
        $(#[$meta:meta])*
        $vis:vis trait $name:ident {
            $(
                $(#[$method_meta:meta])*
                fn $method:ident(&self $(, $arg:ident : $ty:ty)* $(,)?) $(-> $ret:ty)?;
            )*
        }
    ) => {
        $(#[$meta])*
        $vis trait $name {
            $(
                $(#[$method_meta])*
                fn $method(&self $(, $arg: $ty)*) $(-> $ret)?;
            )*
        }

        const _: () = {
            #[repr(C)]
            #[doc(hidden)]
            #[allow(missing_docs, reason = "generated; the trait has the documentation")]
            pub struct Functions {
                $(pub $method: unsafe fn($crate::macro_support::NonNull<$crate::RepHead> $(, $ty)*) $(-> $ret)?,)*
            }

            #[repr(C)]
            #[doc(hidden)]
            #[allow(missing_docs, reason = "generated; the trait has the documentation")]
            pub struct Table {
                pub head: $crate::TableHead,
                pub functions: Functions,
            }

            /// From a table's function to the method.
            #[allow(dead_code, reason = "an interface may have no method")]
            struct Thunks<T>(::core::marker::PhantomData<T>);

            impl<T: $name> Thunks<T> {
                $(
                    /// # Safety
                    /// The representative's value is a `T`, and stays for the length of the call.
                    unsafe fn $method(rep: $crate::macro_support::NonNull<$crate::RepHead> $(, $arg: $ty)*) $(-> $ret)? {
                        // SAFETY: promised by the caller.
                        let value: &T = unsafe { $crate::macro_support::value_of(rep) };
                        <T as $name>::$method(value $(, $arg)*)
                    }
                )*
            }

            // SAFETY: `Table` is repr(C), begins with a TableHead, and the only ones made are below.
            unsafe impl $crate::Interface for dyn $name {
                type Table = Table;
                const NAME: &'static str = stringify!($name);
                const METHODS: &'static [&'static str] = &[$(stringify!($method)),*];
                const HASH: u64 = $crate::interface_hash(&[
                    stringify!($name)
                    $(, stringify!($method ($($ty),*) $(-> $ret)?))*
                ]);
            }

            // SAFETY: the functions are the thunks for `T`.
            unsafe impl<T: $name + Send + Sync + 'static> $crate::Implemented<T> for dyn $name {
                const TABLE: &'static Table = &Table {
                    head: $crate::TableHead {
                        hash: <dyn $name as $crate::Interface>::HASH,
                        methods: <dyn $name as $crate::Interface>::METHODS.len() as u64,
                    },
                    functions: Functions { $($method: Thunks::<T>::$method),* },
                };
            }

            impl $name for $crate::Rep<'_, dyn $name> {
                $(
                    #[inline]
                    fn $method(&self $(, $arg: $ty)*) $(-> $ret)? {
                        // SAFETY: the table is the one of this representative's value, which stays as long as the
                        // guard that it is borrowed from.
                        unsafe { (self.table().functions.$method)(self.head() $(, $arg)*) }
                    }
                )*
            }
        };
    };
}
