//! Reads a [`BootInfo`] out of a flattened device tree.
//!
//! The tree names things the way PAPR, OPAL and Apple do, so nodes are found by their
//! `device_type`, never by name: a CPU is `PowerPC,POWER9@0` here and `cpus/PowerPC,970FX`
//! there. Property values are big-endian cells.

use crate::info::{
    BootInfo, ConsoleDevice, Cores, Cpu, InterruptController, Machine, Mmu, Range, Reserved, Use,
    VECTORS_END,
};
use crate::papr::rtas::Rtas;
use fdt::Fdt;
use fdt::node::FdtNode;

/// Why a tree cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// Not a flattened device tree, or damaged.
    Damaged,
    /// More of this than the tables hold.
    TooMany(&'static str),
    /// The kernel cannot run without this.
    Missing(&'static str),
}

/// Where things are that the tree does not tell.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// The kernel image.
    pub kernel: Range,
    /// What is packed behind it.
    pub payload: Option<Range>,
    /// The memory that holds the tree.
    pub tree: Range,
    /// An initial ram disk, where the firmware passed it apart from the tree.
    pub initrd: Option<Range>,
}

/// Reads all facts from `blob`. `boot_time` and the services stay to be asked for.
///
/// # Errors
/// See [`TreeError`].
pub fn read(blob: &'static [u8], placement: &Placement) -> Result<BootInfo, TreeError> {
    let tree = Fdt::new(blob).map_err(|_| TreeError::Damaged)?;
    let chosen = tree.find_node("/chosen");
    let machine = machine(&tree);

    let mut info = BootInfo {
        machine,
        memory: heapless::Vec::new(),
        reserved: heapless::Vec::new(),
        kernel: placement.kernel,
        payload: placement.payload,
        initrd: chosen.and_then(initrd).or(placement.initrd),
        device_tree: blob,
        command_line: chosen
            .and_then(|node| string(node, "bootargs"))
            .unwrap_or(""),
        cpus: heapless::Vec::new(),
        cores: Cores {
            timebase_hz: 0,
            dcache_block: 0,
            icache_block: 0,
            decrementer_bits: 32,
        },
        consoles: heapless::Vec::new(),
        interrupts: InterruptController::Unknown,
        mmu: Mmu {
            radix: false,
            gtse: false,
            hash_size_log2: None,
            slb_entries: 0,
        },
        rtas: tree.find_node("/rtas").map(services),
        opal: None,
        boot_timebase: 0,
        boot_time: None,
        random_seed: chosen.and_then(|node| bytes(node, "rng-seed")?.try_into().ok()),
    };

    memory(&tree, &mut info)?;
    reserved(&tree, placement, &mut info)?;
    cpus(&tree, &mut info)?;
    consoles(&tree, chosen, &mut info)?;
    info.interrupts = interrupts(&tree);
    translation(&tree, chosen, &mut info);
    Ok(info)
}

fn machine(tree: &Fdt) -> Machine {
    let Some(root) = tree.find_node("/") else {
        return Machine::Unknown;
    };
    let compatible = bytes(root, "compatible").unwrap_or_default();
    let has = |wanted: &[u8]| {
        compatible
            .split(|byte| *byte == 0)
            .any(|name| name.starts_with(wanted))
    };
    if has(b"ibm,powernv") || has(b"qemu,powernv") {
        Machine::PowerNv
    } else if has(b"qemu,pseries") || string(root, "device_type") == Some("chrp") {
        Machine::Pseries
    } else if has(b"MacRISC") || has(b"Power Macintosh") {
        Machine::PowerMac
    } else {
        Machine::Unknown
    }
}

/// `/memory@...` nodes, and the blocks of `ibm,dynamic-memory` that are assigned to us.
fn memory(tree: &Fdt, info: &mut BootInfo) -> Result<(), TreeError> {
    let cells = root_cells(tree);
    for node in of_type(tree, "memory") {
        let mut reg = Cells(bytes(node, "reg").unwrap_or_default());
        while let (Some(start), Some(size)) = (reg.take(cells.0), reg.take(cells.1)) {
            add_memory(info, start, size)?;
        }
    }
    if let Some(node) = tree.find_node("/ibm,dynamic-reconfiguration-memory") {
        /// "Assigned to this partition."
        const ASSIGNED: u64 = 0x8;
        let block_size = Cells(bytes(node, "ibm,lmb-size").unwrap_or_default()).take(2);
        let mut list = Cells(bytes(node, "ibm,dynamic-memory").unwrap_or_default());
        let count = list.take(1).unwrap_or(0);
        for _ in 0..count {
            // Address (two cells), connector, reserved, associativity, flags.
            let fields = (list.take(2), list.take(3), list.take(1));
            let (Some(start), Some(_), Some(flags)) = fields else {
                break;
            };
            if flags & ASSIGNED != 0 {
                add_memory(info, start, block_size.unwrap_or(0))?;
            }
        }
    }
    if info.memory.is_empty() {
        Err(TreeError::Missing("memory"))
    } else {
        Ok(())
    }
}

/// Adds a range, keeping the list sorted and joining what touches or overlaps.
fn add_memory(info: &mut BootInfo, start: u64, size: u64) -> Result<(), TreeError> {
    let Some(mut range) = Range::new(start, size) else {
        return Ok(());
    };
    info.memory.retain(|known| {
        let apart = known.end() < range.start || range.end() < known.start;
        if !apart {
            let end = known.end().max(range.end());
            range.start = known.start.min(range.start);
            range.size = end - range.start;
        }
        apart
    });
    let place = info
        .memory
        .iter()
        .filter(|known| known.start < range.start)
        .count();
    info.memory
        .insert(place, range)
        .map_err(|_| TreeError::TooMany("memory ranges"))
}

fn reserved(tree: &Fdt, placement: &Placement, info: &mut BootInfo) -> Result<(), TreeError> {
    let known = [
        (Range::new(0, VECTORS_END), Use::Vectors),
        (Some(placement.kernel), Use::Kernel),
        (placement.payload, Use::Payload),
        (info.initrd, Use::Initrd),
        (Some(placement.tree), Use::DeviceTree),
    ];
    let known = known.into_iter().filter_map(|(range, what)| {
        Some(Reserved {
            range: range?,
            what,
        })
    });
    let firmware = tree.memory_reservations().filter_map(|reservation| {
        let range = Range::new(reservation.address() as u64, reservation.size() as u64)?;
        Some(Reserved {
            range,
            what: Use::Firmware,
        })
    });
    let cells = root_cells(tree);
    let nodes = tree.find_node("/reserved-memory").into_iter();
    let nodes = nodes.flat_map(|node| node.children()).filter_map(|node| {
        let mut reg = Cells(bytes(node, "reg")?);
        let range = Range::new(reg.take(cells.0)?, reg.take(cells.1)?)?;
        Some(Reserved {
            range,
            what: Use::Firmware,
        })
    });
    for entry in known.chain(firmware).chain(nodes) {
        info.reserved
            .push(entry)
            .map_err(|_| TreeError::TooMany("reserved ranges"))?;
    }
    Ok(())
}

fn cpus(tree: &Fdt, info: &mut BootInfo) -> Result<(), TreeError> {
    for node in of_type(tree, "cpu") {
        // A CPU that may be plugged in later is here too, but not "okay".
        if string(node, "status").is_some_and(|status| status != "okay") {
            continue;
        }
        let core = number(node, "reg").unwrap_or(0) as u32;
        if info.cpus.is_empty() {
            info.cores = Cores {
                timebase_hz: number(node, "ibm,extended-timebase-frequency")
                    .or_else(|| number(node, "timebase-frequency"))
                    .ok_or(TreeError::Missing("timebase-frequency"))?,
                dcache_block: cache_block(node, "d-cache-block-size", "d-cache-line-size"),
                icache_block: cache_block(node, "i-cache-block-size", "i-cache-line-size"),
                decrementer_bits: number(node, "ibm,dec-bits").unwrap_or(32) as u32,
            };
            info.mmu.slb_entries = number(node, "ibm,slb-size")
                .or_else(|| number(node, "slb-size"))
                .unwrap_or(0) as u32;
            // Two cells: the node of the table's memory, and log2 of the size.
            let mut hash = Cells(bytes(node, "ibm,pft-size").unwrap_or_default());
            info.mmu.hash_size_log2 = hash.take(1).and(hash.take(1)).map(|log| log as u32);
            info.mmu.radix = node.property("ibm,processor-radix-AP-encodings").is_some();
        }
        let alone = core.to_be_bytes();
        let mut threads = Cells(bytes(node, "ibm,ppc-interrupt-server#s").unwrap_or(&alone));
        while let Some(hw_id) = threads.take(1) {
            let boot = false;
            let cpu = Cpu {
                hw_id: hw_id as u32,
                core,
                boot,
            };
            info.cpus
                .push(cpu)
                .map_err(|_| TreeError::TooMany("CPUs"))?;
        }
    }
    let running = boot_cpu(info.device_tree);
    let running = info.cpus.iter().position(|cpu| Some(cpu.hw_id) == running);
    let running = info.cpus.get_mut(running.unwrap_or(0));
    running.ok_or(TreeError::Missing("CPUs"))?.boot = true;
    Ok(())
}

/// The number of the running CPU, from the tree's header. Any CPU may win the race for that
/// on a bare machine.
fn boot_cpu(blob: &[u8]) -> Option<u32> {
    let mut header = Cells(blob);
    header.take(7)?;
    header.take(1).map(|number| number as u32)
}

fn cache_block(node: FdtNode, block: &str, line: &str) -> u32 {
    // 128 is right for every 64-bit Power CPU so far.
    number(node, block)
        .or_else(|| number(node, line))
        .unwrap_or(128) as u32
}

fn consoles(
    tree: &Fdt,
    chosen: Option<FdtNode<'_, 'static>>,
    info: &mut BootInfo,
) -> Result<(), TreeError> {
    let stdout = chosen
        .and_then(|node| string(node, "linux,stdout-path").or_else(|| string(node, "stdout-path")))
        .and_then(|path| path.rsplit('@').next())
        .and_then(|unit| u32::from_str_radix(unit, 16).ok());
    for node in tree.all_nodes() {
        let compatible = bytes(node, "compatible").unwrap_or_default();
        let terminal = compatible
            .split(|byte| *byte == 0)
            .any(|name| matches!(name, b"hvterm1" | b"ibm,opal-console-raw"));
        if let (true, Some(unit)) = (terminal, number(node, "reg")) {
            let unit = unit as u32;
            let interrupt = Cells(bytes(node, "interrupts").unwrap_or_default()).take(1);
            let console = ConsoleDevice {
                unit,
                interrupt: interrupt.map(|source| source as u32),
                stdout: stdout == Some(unit),
            };
            info.consoles
                .push(console)
                .map_err(|_| TreeError::TooMany("consoles"))?;
        }
    }
    Ok(())
}

fn interrupts(tree: &Fdt) -> InterruptController {
    for node in tree.all_nodes() {
        let compatible = bytes(node, "compatible").unwrap_or_default();
        for name in compatible.split(|byte| *byte == 0) {
            match name {
                b"IBM,ppc-xicp" => {
                    let phandle = number(node, "phandle").unwrap_or(0) as u32;
                    return InterruptController::XicsPapr { phandle };
                }
                b"ibm,power-ivpe" => return InterruptController::XivePapr,
                _ => {}
            }
        }
    }
    InterruptController::Unknown
}

/// Which translation there is. A partition's hypervisor says what was agreed in
/// `ibm,architecture-vec-5`, its answer to [`crate::of::cas`]: the first byte is a length,
/// and byte n of the vector is at index n. On a bare machine the CPU's features tell.
fn translation(tree: &Fdt, chosen: Option<FdtNode<'_, 'static>>, info: &mut BootInfo) {
    match info.machine {
        Machine::Pseries => {
            let agreed = chosen.and_then(|node| bytes(node, "ibm,architecture-vec-5"));
            let byte = |index: usize| *agreed.and_then(|agreed| agreed.get(index)).unwrap_or(&0);
            info.mmu.radix &= byte(24) & 0xc0 == 0x40;
            info.mmu.gtse = info.mmu.radix && byte(26) & 0x40 != 0;
        }
        Machine::PowerNv => {
            info.mmu.radix = tree.all_nodes().any(|node| node.name == "mmu-radix");
        }
        Machine::PowerMac | Machine::Unknown => {}
    }
}

fn initrd(chosen: FdtNode<'_, 'static>) -> Option<Range> {
    let start = number(chosen, "linux,initrd-start")?;
    let end = number(chosen, "linux,initrd-end")?;
    Range::new(start, end.checked_sub(start)?)
}

fn services(node: FdtNode) -> Rtas {
    let token = |name| number(node, name).map(|token| token as u32);
    Rtas {
        power_off: token("power-off"),
        system_reboot: token("system-reboot"),
        start_cpu: token("start-cpu"),
        stop_self: token("stop-self"),
        query_cpu_stopped_state: token("query-cpu-stopped-state"),
        get_time_of_day: token("get-time-of-day"),
        set_xive: token("ibm,set-xive"),
        get_xive: token("ibm,get-xive"),
        int_on: token("ibm,int-on"),
        int_off: token("ibm,int-off"),
        read_pci_config: token("ibm,read-pci-config"),
        write_pci_config: token("ibm,write-pci-config"),
    }
}

/// All nodes whose `device_type` is `wanted`.
fn of_type<'b, 'a: 'b>(
    tree: &'b Fdt<'a>,
    wanted: &'static str,
) -> impl Iterator<Item = FdtNode<'b, 'a>> {
    tree.all_nodes()
        .filter(move |node| string(*node, "device_type") == Some(wanted))
}

fn bytes<'a>(node: FdtNode<'_, 'a>, name: &str) -> Option<&'a [u8]> {
    node.property(name).map(|property| property.value)
}

fn string<'a>(node: FdtNode<'_, 'a>, name: &str) -> Option<&'a str> {
    let value = bytes(node, name)?.split(|byte| *byte == 0).next()?;
    core::str::from_utf8(value).ok()
}

/// A property of one or two cells.
fn number(node: FdtNode, name: &str) -> Option<u64> {
    let value = bytes(node, name)?;
    Cells(value).take(if value.len() == 8 { 2 } else { 1 })
}

/// `#address-cells` and `#size-cells` of the root.
fn root_cells(tree: &Fdt) -> (usize, usize) {
    let cells = |name| tree.find_node("/").and_then(|root| number(root, name));
    (
        cells("#address-cells").unwrap_or(2) as usize,
        cells("#size-cells").unwrap_or(1) as usize,
    )
}

/// Takes numbers of some cells each from the front of a property.
struct Cells<'a>(&'a [u8]);

impl Cells<'_> {
    /// The next `cells` cells as a number (of more than two, the last two count).
    fn take(&mut self, cells: usize) -> Option<u64> {
        let (head, rest) = self.0.split_at_checked(4 * cells)?;
        self.0 = rest;
        Some(
            head.iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }
}
