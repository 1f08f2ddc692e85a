//! From the first Rust instruction to `kernel_main`, on the machine itself.

use crate::early_println;
use crate::info::{BootInfo, Range, VECTORS_END};
use crate::of::cas;
use crate::of::client::{Client, OfError};
use crate::of::flatten::{FlattenError, flatten};
use crate::tree::{self, Placement, TreeError};
use crate::{early, linear, physical};
use core::mem::MaybeUninit;

core::arch::global_asm!(include_str!("start.S"), options(raw));

#[expect(improper_ctypes, reason = "both sides are compiled together, as Rust")]
unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
    /// start.S: distance and size of the payload, big-endian.
    static k42_payload: [u64; 2];
    /// The kernel. Entered once, on the boot CPU, in real mode with interrupts off, in the
    /// linear map.
    fn kernel_main(info: &'static BootInfo) -> !;
}

/// Room for the flattened tree: the first try, and the most that is tried.
const TREE_FIRST: u32 = 256 << 10;
const TREE_MOST: u32 = 4 << 20;
const PAGE: u32 = 64 << 10;

/// Why the machine cannot be started.
#[derive(Debug)]
#[expect(dead_code, reason = "the causes are read by being printed")]
enum BootError {
    /// r5 is 0, so this is no Open Firmware; no other firmware is known here yet.
    UnknownFirmware,
    OpenFirmware(OfError),
    Flatten(FlattenError),
    Tree(TreeError),
}

/// What the firmware left in the registers.
struct Entry {
    /// The load address of the image.
    base: u64,
    r3: u64,
    r4: u64,
    r5: u64,
}

/// Called by start.S.
#[unsafe(no_mangle)]
extern "C" fn k42_boot_start(
    r3: u64,
    r4: u64,
    r5: u64,
    _opal_base: u64,
    _opal_entry: u64,
    base: u64,
) -> ! {
    static mut INFO: MaybeUninit<BootInfo> = MaybeUninit::uninit();
    match boot_info(&Entry { base, r3, r4, r5 }) {
        // SAFETY: this runs once, on the only CPU that runs, so the reference is the only
        // one; and `kernel_main` is entered as it wants.
        Ok(info) => unsafe {
            let place = &mut *(&raw mut INFO);
            kernel_main(place.write(info))
        },
        Err(error) => {
            early_println!("k42: cannot start: {error:?} (r3={r3:#x} r4={r4:#x} r5={r5:#x})");
            loop {
                early::pause();
            }
        }
    }
}

fn boot_info(entry: &Entry) -> Result<BootInfo, BootError> {
    if entry.r5 == 0 {
        return Err(BootError::UnknownFirmware);
    }
    // SAFETY: r5 is the client interface; nothing has disturbed the firmware since entry.
    let client = unsafe { Client::new(entry.r5 as u32) };
    // Without the agreement the machine still works, on what it offers by default; the
    // tree says what that is.
    if let Err(error) = cas::negotiate(&client, has_radix()) {
        early_println!("k42: no agreement with the hypervisor: {error:?}");
    }
    let image = (&raw const __image_start, &raw const __image_end);
    let kernel = Range {
        start: physical(image.0),
        size: physical(image.1) - physical(image.0),
    };
    let payload = payload(entry.base);
    let (blob, range) = flat_tree(&client, kernel.start..payload.unwrap_or(kernel).end())?;
    if let Err(error) = client.quiesce() {
        early_println!("k42: {error:?}");
    }
    let placement = Placement {
        kernel,
        payload,
        tree: range,
        // By the old convention of Linux: r3 and r4 are start and size.
        initrd: Range::new(entry.r3, entry.r4).filter(|_| entry.r3 != 0),
    };
    let mut info = tree::read(blob, &placement).map_err(BootError::Tree)?;
    if let Some(console) = info.consoles.iter().find(|console| console.stdout) {
        early::set_terminal(console.unit);
    }
    info.boot_time = info.rtas.and_then(|rtas| rtas.time_of_day().ok());
    Ok(info)
}

/// Copies the tree into memory of its own, of the size that it needs, outside `image`.
fn flat_tree(
    client: &Client,
    image: core::ops::Range<u64>,
) -> Result<(&'static [u8], Range), BootError> {
    let mut size = TREE_FIRST;
    loop {
        let address = client.claim(size, PAGE).map_err(BootError::OpenFirmware)?;
        let over_kernel = address < image.end && image.start < address + u64::from(size);
        if over_kernel || address < VECTORS_END {
            // The firmware was not told how long the kernel is, or where its vectors go.
            // What it has given now it will not give again, so asking on gets beyond.
            continue;
        }
        // SAFETY: the firmware gave us this memory; it is in reach of the linear map.
        let buffer =
            unsafe { core::slice::from_raw_parts_mut(linear::<u8>(address), size as usize) };
        match flatten(client, 0, buffer) {
            Ok(length) => {
                let used = length.next_multiple_of(PAGE as usize) as u64;
                return Ok((
                    &buffer[..length],
                    Range {
                        start: address,
                        size: used,
                    },
                ));
            }
            // The room of the failed try becomes free memory when the firmware is gone.
            Err(FlattenError::Full) if size < TREE_MOST => size *= 2,
            Err(error) => return Err(BootError::Flatten(error)),
        }
    }
}

/// Radix translation came with POWER9; older CPUs must not ask for it.
fn has_radix() -> bool {
    let version: u64;
    // SAFETY: reads the processor version register.
    unsafe {
        core::arch::asm!("mfpvr {}", out(reg) version, options(nomem, nostack, preserves_flags));
    }
    matches!(version >> 16, 0x4e | 0x4f | 0x80 | 0x82)
}

fn payload(base: u64) -> Option<Range> {
    // SAFETY: written by nobody while the kernel runs; volatile because the packing tool
    // changes it behind the compiler's back.
    let [distance, size] = unsafe { (&raw const k42_payload).read_volatile() };
    Range::new(
        base.checked_add(u64::from_be(distance))?,
        u64::from_be(size),
    )
}
