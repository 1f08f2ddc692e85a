//! `memcpy`, `memmove`, `memset`, `memcmp` for everything that runs on K42: the compiler calls them by these names.
//!
//! The versions that come with the compiler go byte by byte below 16 bytes and word by word above, and shift when the
//! two sides are not equally aligned. Power loads and stores words at any address, so nothing needs to be aligned
//! here: blocks of 64 bytes, then the remainder by the bits of its length. General registers only, since programs on
//! K42 are soft-float; none but volatile ones, and no stack.
//!
//! A program has these as soon as this crate is linked (`use k42_mem as _;`): they take the place of the weak ones.

#![no_std]

#[cfg(all(target_arch = "powerpc64", target_os = "none"))]
mod power;
