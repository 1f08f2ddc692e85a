//! What is machine: the way in and out of the library, and access to the program's memory.

#[cfg(target_os = "none")]
pub mod entry;
pub mod user_copy;
