//! The contract between the kernel and user level: call numbers, the dispatcher page, message
//! slots, identifiers, errors. Types and constants only, no code that runs on a path of its own.
//!
//! Principles, in order of weight:
//!
//! 1. Everything here is shared by parties that do not trust each other. The kernel treats every
//!    word that user level can write as hostile: it is read once, checked, then used.
//! 2. Every shared structure has fixed offsets, asserted at compile time, because assembly on both
//!    sides uses them by number.
//! 3. Words are in the kernel's byte order. A process of the other order (a later step) converts
//!    in its library; nothing on the wire or on disk uses these types.
//! 4. Identifiers carry a generation, so that an old one is refused rather than mistaken.

#![no_std]

pub mod boot;
pub mod calls;
pub mod dispatcher;
pub mod error;
pub mod ids;
pub mod info;
pub mod layout;
pub mod map;
pub mod message;
pub mod rights;

pub use error::Error;
pub use ids::{CommId, Handle, ProcessId};

/// Result of whatever crosses a protection boundary.
pub type Result<T> = core::result::Result<T, Error>;
