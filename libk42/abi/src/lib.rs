//! The contract between the kernel and user level.
#![no_std]
