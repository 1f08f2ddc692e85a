//! Tries the user-level scheduler and the runtime on the bare kernel. Booted in place of `servers/memory`, it is process
//! 1: it checks threads, timers, messages; then loads itself a second time as process 2, serves that one's page faults,
//! and the two call each other. Ends with `selftest: passed` in the log, and power-off with status 0; or, when the archive
//! holds a command to execute, by a fault, about which the kernel panics.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod calls;
#[cfg(target_os = "none")]
mod child;
#[cfg(target_os = "none")]
mod faults;
#[cfg(target_os = "none")]
mod figures;
#[cfg(target_os = "none")]
mod float;
#[cfg(target_os = "none")]
mod forks;
#[cfg(target_os = "none")]
mod loader;
#[cfg(target_os = "none")]
mod spread;
#[cfg(target_os = "none")]
mod threads;

#[cfg(target_os = "none")]
k42_rt::entry!(main, heap = 24 << 20);

#[cfg(target_os = "none")]
fn main(start: k42_rt::Start) {
    use k42_rt::log::info;
    if k42_rt::own_process() != k42_abi::ProcessId::MEMORY {
        return child::main(start);
    }
    let cpus = k42_rt::info().cpus as u32;
    info!("begins on {cpus} CPUs");
    // SAFETY: this is process 1, which the kernel starts in the memory server's way.
    let boot = unsafe { start.memory_boot() };
    loader::begin(boot).expect("there is memory");
    k42_rt::prepare_dispatchers();
    for vp in 1..cpus {
        loader::own_dispatcher(vp).expect("another dispatcher");
    }
    threads::run();
    float::run();
    spread::run(cpus);
    let child = loader::start_child(boot, cpus).expect("the child is loaded");
    info!("child {:#x} started", child.0);
    calls::run(child, cpus);
    forks::run(child);
    calls::callee_breaks();
    figures::flood();
    info!("passed");
    if loader::member(boot, "init.mode").is_some_and(|mode| mode == b"exec") {
        info!("fails now, as it was told");
        // SAFETY: nothing is mapped there; process 1 must not fault, so this is the end.
        unsafe { core::ptr::without_provenance::<u8>(4096).read_volatile() };
    }
    k42_rt::sys::power_off(0);
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This program runs on K42 only.");
}
