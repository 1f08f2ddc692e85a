//! What QEMU cannot tell by itself: where the guest's instructions go, and which cache lines move between its CPUs.
//!
//! A plugin for QEMU's translator (plugin API version 1, QEMU 7.2). It has two modes, chosen by an argument:
//!
//! | argument | meaning |
//! |---|---|
//! | `mode=profile` | counts how often each translated block runs ([`profile`]) |
//! | `mode=lines` | follows every 128-byte line and counts those that move ([`lines`]) |
//! | `out=FILE` | where the report goes; a plain text, one record per line |
//! | `whole=on` | counts from the first instruction, without waiting for a mark |
//! | `ram=MIB` | `lines` only: memory of the guest, from physical address 0 |
//! | `top=N` | `lines` only: how many lines and places are named |
//!
//! The guest says by *marks* what is to be counted: instructions that do nothing (`ori N,N,0`; see [`mark`]), so that
//! the same program runs with and without the plugin, on K42 and on Linux.
//!
//! All of `unsafe` is in [`qemu`].

mod mark;
// The tests are linked without QEMU, so its functions and who calls them are left out.
#[cfg(not(test))]
mod install;
#[cfg_attr(
    test,
    allow(dead_code, reason = "some of it is called by install alone")
)]
mod lines;
mod profile;
#[cfg(not(test))]
mod qemu;
mod settings;
