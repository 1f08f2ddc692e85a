//! From the first Rust instruction to `kernel_main`, on the machine itself.

use crate::early_println;
use crate::info::{BootInfo, Range, VECTORS_END};
use crate::of::cas;
use crate::of::client::{Client, OfError};
use crate::of::flatten::{FlattenError, flatten};
use crate::opal::Opal;
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
    /// Neither Open Firmware (an entry in r5) nor OPAL (a flattened tree in r3).
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
    r8: u64,
    r9: u64,
    /// The timebase as it was then.
    timebase: u64,
}

/// What any way in must come to: a flattened tree, where it lies, and what else is known.
struct Found {
    blob: &'static [u8],
    placement: Placement,
    opal: Option<Opal>,
}

/// Called by start.S.
#[unsafe(no_mangle)]
extern "C" fn k42_boot_start(
    r3: u64,
    r4: u64,
    r5: u64,
    r8: u64,
    r9: u64,
    base: u64,
    timebase: u64,
) -> ! {
    static mut INFO: MaybeUninit<BootInfo> = MaybeUninit::uninit();
    match boot_info(&Entry {
        base,
        r3,
        r4,
        r5,
        r8,
        r9,
        timebase,
    }) {
        // SAFETY: this runs once, on the only CPU that runs, so the reference is the only
        // one; and `kernel_main` is entered as it wants.
        Ok(info) => unsafe {
            let place = &raw mut INFO;
            kernel_main((*place).write(info))
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
    let found = if entry.r5 != 0 {
        from_open_firmware(entry)?
    } else {
        from_opal(entry)?
    };
    let mut info = tree::read(found.blob, &found.placement).map_err(BootError::Tree)?;
    if let Some(console) = info.consoles.iter().find(|console| console.stdout) {
        early::set_terminal(console.unit);
    }
    info.opal = found.opal;
    info.boot_timebase = entry.timebase;
    info.boot_time = info.rtas.and_then(|rtas| rtas.time_of_day().ok());
    Ok(info)
}

/// The kernel image and what is packed behind it.
fn image(entry: &Entry) -> (Range, Option<Range>) {
    let (start, end) = (&raw const __image_start, &raw const __image_end);
    let kernel = Range {
        start: physical(start),
        size: physical(end) - physical(start),
    };
    (kernel, payload(entry.base))
}

fn from_open_firmware(entry: &Entry) -> Result<Found, BootError> {
    // SAFETY: r5 is the client interface; nothing has disturbed the firmware since entry.
    let client = unsafe { Client::new(entry.r5 as u32) };
    // Without the agreement the machine still works, on what it offers by default; the
    // tree says what that is.
    if let Err(error) = cas::negotiate(&client, has_radix()) {
        early_println!("k42: no agreement with the hypervisor: {error:?}");
    }
    let (kernel, payload) = image(entry);
    let (blob, tree) = flat_tree(&client, kernel.start..payload.unwrap_or(kernel).end())?;
    if let Err(error) = client.quiesce() {
        early_println!("k42: {error:?}");
    }
    // By an old convention r3 and r4 are start and size of the initial ram disk.
    let initrd = Range::new(entry.r3, entry.r4).filter(|range| range.start != 0);
    Ok(Found {
        blob,
        placement: Placement {
            kernel,
            payload,
            tree,
            initrd,
        },
        opal: None,
    })
}

fn from_opal(entry: &Entry) -> Result<Found, BootError> {
    /// First word of a flattened tree; the second is its length.
    const MAGIC: u32 = 0xd00d_feed;
    if entry.r3 == 0 || entry.r9 == 0 {
        return Err(BootError::UnknownFirmware);
    }
    let start = linear::<u8>(entry.r3).cast_const();
    // SAFETY: r5 is 0 and r9 is not, so this is OPAL, and r3 is the address of its tree,
    // which nobody changes any more.
    let [magic, length] = unsafe { start.cast::<[u32; 2]>().read_unaligned() }.map(u32::from_be);
    if magic != MAGIC {
        return Err(BootError::UnknownFirmware);
    }
    // SAFETY: as above; the tree is that long by its own header.
    let blob = unsafe { core::slice::from_raw_parts(start, length as usize) };
    // SAFETY: r8 and r9 are OPAL's own words.
    let opal = unsafe { Opal::new(entry.r8, entry.r9) };
    early::use_opal(opal);
    let (kernel, payload) = image(entry);
    let tree = Range {
        start: entry.r3,
        size: u64::from(length),
    };
    Ok(Found {
        blob,
        placement: Placement {
            kernel,
            payload,
            tree,
            initrd: None,
        },
        opal: Some(opal),
    })
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
        match flatten(client, client.running_cpu().unwrap_or(0), buffer) {
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
