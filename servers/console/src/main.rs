//! The console server's program.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;

use k42_abi::{CommId, layout::PAGE_SIZE};
use k42_api::event;
use k42_api::memory::MemoryClient;
use k42_api::process::{Identity, ProcessClient};
use k42_console::Devices;
use k42_console::fs::Root;
use k42_console::ports::{Host, Processes};
use k42_fslib::ports::Notifier;
use k42_ipc::{Handle, ProcessId, Result};
use k42_rt::{AsyncEvent, sys};
use k42_sync::Once;

k42_rt::entry!(main);

/// The console whose input is typed into the terminal.
const TERMINAL: u64 = 0;

static DEVICES: Once<&'static Devices> = Once::new();

struct System;

impl Host for System {
    fn write(&self, index: usize, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            match sys::console_put(index as u64, &left[..left.len().min(16)]) {
                // The hypervisor takes what it is given; zero means that its buffer is full.
                Ok(taken) if taken > 0 => left = &left[taken..],
                Ok(_) => k42_sched::yield_now(),
                Err(_) => return,
            }
        }
    }
    fn random(&self) -> Option<u64> {
        sys::random().ok()
    }
    fn now(&self) -> i64 {
        let info = k42_rt::info();
        let ticks = u128::from(k42_sched::now() - info.boot_timebase);
        (u128::from(info.boot_seconds) * 1_000_000_000
            + ticks * 1_000_000_000 / u128::from(info.timebase_hz)) as i64
    }
}

fn processes() -> ProcessClient {
    ProcessClient::root(ProcessId::PROCESS)
}

impl Processes for System {
    fn identity(&self, process: ProcessId) -> Result<Identity> {
        processes().identity_of(process)
    }
    fn signal_group(&self, pgid: i32, signal: u32) -> Result<()> {
        processes().signal_group(pgid, signal)
    }
    fn group_in_session(&self, pgid: i32, sid: i32) -> Result<bool> {
        processes().group_in_session(pgid, sid)
    }
    fn set_terminal(&self, sid: i32, device: u64) -> Result<()> {
        processes().set_terminal(sid, device)
    }
}

impl Notifier for System {
    fn ready(&self, process: ProcessId, vp: u32, handle: Handle) {
        // A full ring tells the receiver by itself; one that has gone needs nothing.
        let _ = sys::send(
            CommId::new(process, vp),
            &[event::READY, handle.0, 0, 0, 0, 0],
        );
    }
}

/// The window size that the host gave: rows and columns.
fn window() -> [u16; 2] {
    const USUAL: [u16; 2] = [24, 80];
    let mut room = [0; 32];
    let Ok((length, _)) =
        MemoryClient::root(ProcessId::MEMORY).boot_member("winsize", 0, &mut room)
    else {
        return USUAL;
    };
    let text = core::str::from_utf8(&room[..room.len().min(length as usize)]).unwrap_or("");
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(rows)), Some(Ok(columns))) => [rows, columns],
        _ => USUAL,
    }
}

fn on_event(event: AsyncEvent) {
    let Some(devices) = DEVICES.get() else { return };
    if matches!(event, AsyncEvent::Console | AsyncEvent::Overflow) {
        let mut page = [0; PAGE_SIZE];
        let mut length = 0;
        while let Ok((bytes, count)) = sys::console_get(TERMINAL) {
            if count == 0 || length + count > page.len() {
                break;
            }
            page[length..length + count].copy_from_slice(&bytes[..count]);
            length += count;
        }
        devices.console.type_in(&page[..length], devices.ports);
    }
}

fn main(_: k42_rt::Start) {
    let devices: &'static Devices = Box::leak(Box::new(Devices::new(&System, window())));
    DEVICES.call_once(|| devices);
    k42_rt::serve(Box::leak(Box::new(Root(devices))), &devices.tables);
    if let Err(error) = k42_rt::on_event(on_event) {
        log::error!("no thread for input: {error}");
    }
    if let Err(error) = sys::console_bind(TERMINAL) {
        log::error!("the console gives no input: {error}");
    }
    if let Err(error) = processes().register_server() {
        log::error!("the process server does not know us: {error}");
    }
}
