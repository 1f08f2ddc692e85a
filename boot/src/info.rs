//! What the kernel is told about its machine.
//!
//! All addresses are physical. All lists are in the order of the device tree, but memory
//! ranges, which are sorted and joined.

use crate::opal::Opal;
use crate::papr::rtas::Rtas;
use heapless::Vec;

/// Physical memory below this is kept for interrupt vectors (the last of them, System Call
/// Vectored with relocation, ends at 0x4000; the rest is for code that they reach).
pub const VECTORS_END: u64 = 0x1_0000;

/// Most memory ranges that are kept apart.
pub const MAX_MEMORY: usize = 64;
/// Most reserved ranges.
pub const MAX_RESERVED: usize = 32;
/// Most CPUs (hardware threads).
pub const MAX_CPUS: usize = 256;
/// Most consoles.
pub const MAX_CONSOLES: usize = 8;

/// A range of physical memory, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// Number of bytes.
    pub size: u64,
}

impl Range {
    /// One behind the last byte.
    pub fn end(&self) -> u64 {
        self.start + self.size
    }

    /// A range from its ends; `None` when empty or wrapping.
    pub fn new(start: u64, size: u64) -> Option<Self> {
        (size > 0 && start.checked_add(size).is_some()).then_some(Self { start, size })
    }
}

/// What kind of machine this is, which decides how the kernel drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// A partition under a PAPR hypervisor, such as QEMU's `pseries`.
    Pseries,
    /// A bare POWER server under OPAL, such as QEMU's `powernv`.
    PowerNv,
    /// An Apple machine with a 970, such as QEMU's `mac99`.
    PowerMac,
    /// None of these, by its device tree.
    Unknown,
}

/// What a reserved range holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The interrupt vectors, at the places that the architecture gives them.
    Vectors,
    /// The kernel image: text, data, stack of the boot CPU.
    Kernel,
    /// Servers and root archive packed behind the kernel.
    Payload,
    /// The initial ram disk that the loader was given.
    Initrd,
    /// The flattened device tree.
    DeviceTree,
    /// Firmware that stays (on QEMU pseries: none).
    Firmware,
}

/// A range of memory that is in use when the kernel starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Where.
    pub range: Range,
    /// What is there.
    pub what: Use,
}

/// One CPU, that is, one hardware thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Number by which hypervisor and interrupt controller know it
    /// (`ibm,ppc-interrupt-server#s`).
    pub hw_id: u32,
    /// Number of its core (`reg` of the node): threads of one core share this.
    pub core: u32,
    /// Whether `kernel_main` runs on it. Not always the first.
    pub boot: bool,
}

/// A terminal of the hypervisor or of the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleDevice {
    /// Its number: the argument of H_PUT_TERM_CHAR, or of OPAL's console calls.
    pub unit: u32,
    /// Interrupt source, where it has one.
    pub interrupt: Option<u32>,
    /// Whether the firmware uses it as its own standard output.
    pub stdout: bool,
}

/// How interrupts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptController {
    /// XICS by hypervisor calls (H_XIRR, H_EOI, ...).
    XicsPapr {
        /// `phandle` of the presentation controller, the parent of device interrupts.
        phandle: u32,
    },
    /// XIVE by hypervisor calls. Not asked for; here so that it can be told apart.
    XivePapr,
    /// None that this crate knows.
    Unknown,
}

/// Translation that the machine offers and has agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mmu {
    /// Radix trees can be used: the CPUs have them, and the hypervisor agreed.
    pub radix: bool,
    /// The guest may use `tlbie` itself (with radix).
    pub gtse: bool,
    /// log2 of the size of the hash table the hypervisor keeps, where the tree tells.
    pub hash_size_log2: Option<u32>,
    /// Entries of the segment buffer (0: none, or unknown).
    pub slb_entries: u32,
}

/// Clock and cache facts, the same for all CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// Ticks of the timebase per second.
    pub timebase_hz: u64,
    /// Bytes that `dcbz` clears.
    pub dcache_block: u32,
    /// Bytes that `icbi` covers.
    pub icache_block: u32,
    /// Width of the decrementer in bits (32 where the tree says nothing).
    pub decrementer_bits: u32,
}

/// The machine as it is handed to the kernel.
#[derive(Debug)]
pub struct BootInfo {
    /// Kind of machine.
    pub machine: Machine,
    /// Usable memory, the reserved ranges included.
    pub memory: Vec<Range, MAX_MEMORY>,
    /// What of it is in use.
    pub reserved: Vec<Reserved, MAX_RESERVED>,
    /// The kernel image.
    pub kernel: Range,
    /// What is packed behind it.
    pub payload: Option<Range>,
    /// The loader's initial ram disk.
    pub initrd: Option<Range>,
    /// The flattened device tree, as the firmware's tree was when it was left.
    pub device_tree: &'static [u8],
    /// `bootargs`.
    pub command_line: &'static str,
    /// All CPUs that may be started, the running one included.
    pub cpus: Vec<Cpu, MAX_CPUS>,
    /// Clock and caches.
    pub cores: Cores,
    /// Terminals.
    pub consoles: Vec<ConsoleDevice, MAX_CONSOLES>,
    /// How interrupts come.
    pub interrupts: InterruptController,
    /// Translation.
    pub mmu: Mmu,
    /// Run-time services, where there are any.
    pub rtas: Option<Rtas>,
    /// The firmware of a bare POWER server, where that is what the machine has.
    pub opal: Option<Opal>,
    /// The timebase when the kernel was entered.
    pub boot_timebase: u64,
    /// Seconds since 1970 at boot, UTC, where the machine has a clock.
    pub boot_time: Option<u64>,
    /// The seed that the loader gave for random numbers.
    pub random_seed: Option<[u8; 32]>,
}

impl BootInfo {
    /// The memory that is in no use, in rising order, in whole pages of `page` bytes (a
    /// power of two).
    pub fn free(&self, page: u64) -> impl Iterator<Item = Range> + '_ {
        self.memory.iter().flat_map(move |memory| {
            let mut next = memory.start;
            core::iter::from_fn(move || {
                while next < memory.end() {
                    // The reserved range that ends the free one which begins at `next`.
                    let inside = |range: &Range| range.end() > next && range.start < memory.end();
                    let barrier = self
                        .reserved
                        .iter()
                        .map(|reserved| reserved.range)
                        .filter(inside)
                        .min_by_key(|range| range.start);
                    let start = next;
                    let end = barrier.map_or(memory.end(), |range| range.start);
                    next = barrier.map_or(memory.end(), |range| range.end());
                    if let Some(range) = whole_pages(start, end, page) {
                        return Some(range);
                    }
                }
                None
            })
        })
    }

    /// Switches the machine off, by whatever it has for that. Returns only when that failed.
    pub fn power_off(&self) {
        if let Some(rtas) = &self.rtas {
            rtas.power_off();
        }
        if let Some(opal) = &self.opal {
            opal.power_off();
        }
    }

    /// The CPU on which `kernel_main` runs.
    pub fn boot_cpu(&self) -> Option<&Cpu> {
        self.cpus.iter().find(|cpu| cpu.boot)
    }
}

fn whole_pages(start: u64, end: u64, page: u64) -> Option<Range> {
    let start = start.checked_next_multiple_of(page)?;
    let end = end & !(page - 1);
    Range::new(start, end.checked_sub(start)?)
}
