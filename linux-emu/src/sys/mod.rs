//! The handlers of system calls, by subject. Each is a function of typed arguments (see
//! [`crate::table`]); which number leads to which is in [`crate::calls`].

pub mod affinity;
pub mod descriptor;
pub mod directory;
pub mod event_file;
pub mod futex;
pub mod identity;
pub mod io;
pub mod lock;
pub mod marker;
pub mod memory;
pub mod path;
pub mod poll;
pub mod prctl;
pub mod process;
pub mod shm;
pub mod signal;
pub mod socket;
pub mod system;
pub mod task;
pub mod terminal;
pub mod time;
pub mod vector;
