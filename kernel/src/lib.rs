//! The parts of the kernel that need no hardware, so that the host can test them.

#![cfg_attr(not(test), no_std)]

pub mod carve;
pub mod heap;
