//! What can go wrong with an object.

use core::fmt;

/// Why an operation on an object was refused. Nothing has changed when one is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The object is gone, or is being destroyed.
    Deleted,
    /// All references of this CPU's partition are in use, or wait for a grace period to be free again.
    TableFull,
    /// The heap has no memory for it.
    NoMemory,
    /// [`Config`](crate::Config) asks for no CPU, no references, or more than a reference can name.
    BadConfig,
    /// The program's object system is running already.
    AlreadyStarted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Deleted => "the object is deleted",
            Error::TableFull => "the object table is full",
            Error::NoMemory => "no memory for the object",
            Error::BadConfig => "the object system cannot be configured like this",
            Error::AlreadyStarted => "the object system is running already",
        })
    }
}

impl core::error::Error for Error {}
