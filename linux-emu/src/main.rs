//! The image that is mapped into Linux processes. Everything is in the library crate; this makes it a program for the
//! linker.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use k42_linux_emu as _;

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("linux-emu runs in Linux processes of K42 only");
    std::process::exit(2);
}
