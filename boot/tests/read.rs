//! Reading a `BootInfo` from trees that QEMU dumped, and from small ones made here.

use k42_boot::info::{ConsoleDevice, InterruptController, Machine, Range, Use, VECTORS_END};
use k42_boot::tree::{Placement, TreeError, read};

/// `-M pseries,x-vof=on -cpu power9 -smp 4 -m 512`, two terminals, a command line.
const PSERIES: &[u8] = include_bytes!("trees/pseries.dtb");
/// `-M powernv9 -smp 2 -m 1G`, as skiboot hands it to the kernel.
const POWERNV: &[u8] = include_bytes!("trees/powernv9.dtb");

fn range(start: u64, size: u64) -> Range {
    Range { start, size }
}

fn placement() -> Placement {
    Placement {
        kernel: range(0x40_0000, 0x7_0000),
        payload: None,
        tree: range(0x47_0000, 0x1_0000),
        initrd: None,
    }
}

#[test]
fn pseries() {
    let info = read(PSERIES, &placement()).unwrap();
    assert_eq!(info.machine, Machine::Pseries);
    assert_eq!(info.command_line, "console=hvc0 quiet");
    assert_eq!(info.memory[..], [range(0, 512 << 20)]);
    assert_eq!(
        info.cpus.iter().map(|cpu| cpu.hw_id).collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
    assert_eq!(info.boot_cpu().unwrap().hw_id, 0);
    assert_eq!(info.cores.timebase_hz, 512_000_000);
    assert_eq!(
        (info.cores.dcache_block, info.cores.decrementer_bits),
        (128, 56)
    );
    let units: Vec<_> = info
        .consoles
        .iter()
        .map(|c| (c.unit, c.interrupt, c.stdout))
        .collect();
    assert_eq!(
        units,
        [
            (0x7100_0001, Some(0x1101), true),
            (0x7100_0002, Some(0x1102), false)
        ]
    );
    assert_eq!(
        info.interrupts,
        InterruptController::XicsPapr { phandle: 0x1111 }
    );
    assert_eq!(info.rtas.unwrap().power_off, Some(0x2003));
    assert_eq!(info.rtas.unwrap().start_cpu, Some(0x2006));
    assert!(info.random_seed.is_some());
    // Nothing was agreed when this tree was dumped.
    assert!(!info.mmu.radix && !info.mmu.gtse);
}

#[test]
fn powernv() {
    let info = read(POWERNV, &placement()).unwrap();
    assert_eq!(info.machine, Machine::PowerNv);
    assert_eq!(info.memory[..], [range(0, 1 << 30)]);
    assert_eq!(
        info.cpus.iter().map(|cpu| cpu.hw_id).collect::<Vec<_>>(),
        [0, 4]
    );
    assert_eq!(info.boot_cpu().unwrap().hw_id, u32::from(POWERNV[31]));
    assert!(info.rtas.is_none() && info.mmu.radix);
    let console = ConsoleDevice {
        unit: 0,
        interrupt: None,
        stdout: true,
    };
    assert_eq!(info.consoles[..], [console]);
    // The firmware's own memory is named in two ways; what counts is that it is not free.
    let firmware = range(0x3000_0000, 0x2c2_2000);
    let apart = |free: Range| free.end() <= firmware.start || firmware.end() <= free.start;
    assert!(info.free(0x1000).all(apart));
}

#[test]
fn free_memory_is_what_nobody_has() {
    let mut info = read(PSERIES, &placement()).unwrap();
    let free = [
        range(VECTORS_END, 0x3f_0000),
        range(0x48_0000, (512 << 20) - 0x48_0000),
    ];
    assert!(info.free(0x1_0000).eq(free));

    // Ranges that overlap, lie across the end, or leave less than a page.
    info.memory.clear();
    info.memory
        .extend([range(0, 0x10_0000), range(0x20_0000, 0x10_0000)]);
    info.reserved.clear();
    for (start, size) in [
        (0x4_0000, 0x4_0000),
        (0x5_0000, 0x800),
        (0x8_1000, 0x17_0000),
    ] {
        info.reserved
            .push(k42_boot::info::Reserved {
                range: range(start, size),
                what: Use::Firmware,
            })
            .unwrap();
    }
    let free = [range(0, 0x4_0000), range(0x20_0000, 0x10_0000)];
    assert!(info.free(0x1_0000).eq(free));
    assert!(
        info.free(0x1000)
            .eq([free[0], range(0x8_0000, 0x1000), free[1]])
    );
}

/// Makes a flattened tree of one root from properties and named children.
struct Maker {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Maker {
    fn new() -> Self {
        let mut maker = Self {
            structure: Vec::new(),
            strings: Vec::new(),
        };
        maker.begin("");
        maker.cells("#address-cells", &[2]);
        maker.cells("#size-cells", &[2]);
        maker
    }

    fn word(&mut self, word: u32) {
        self.structure.extend(word.to_be_bytes());
    }

    fn pad(&mut self) {
        self.structure
            .resize(self.structure.len().next_multiple_of(4), 0);
    }

    fn begin(&mut self, name: &str) {
        self.word(1);
        self.structure.extend(name.bytes().chain([0]));
        self.pad();
    }

    fn end(&mut self) {
        self.word(2);
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.word(3);
        self.word(value.len() as u32);
        self.word(self.strings.len() as u32);
        self.strings.extend(name.bytes().chain([0]));
        self.structure.extend(value);
        self.pad();
    }

    fn cells(&mut self, name: &str, cells: &[u32]) {
        let value: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
        self.bytes(name, &value);
    }

    fn memory(&mut self, start: u32, size: u32) {
        self.begin(&format!("memory@{start:x}"));
        self.bytes("device_type", b"memory\0");
        self.cells("reg", &[0, start, 0, size]);
        self.end();
    }

    fn cpu(&mut self, number: u32, threads: &[u32]) {
        self.begin(&format!("PowerPC,POWER9@{number:x}"));
        self.bytes("device_type", b"cpu\0");
        self.cells("reg", &[number]);
        self.cells("timebase-frequency", &[512_000_000]);
        self.cells("ibm,ppc-interrupt-server#s", threads);
        self.cells("ibm,processor-radix-AP-encodings", &[12]);
        self.end();
    }

    fn finish(mut self) -> &'static [u8] {
        self.end();
        self.word(9);
        let (structure, strings) = (self.structure.len() as u32, self.strings.len() as u32);
        let total = 56 + structure + strings;
        let header = [
            0xd00d_feed,
            total,
            56,
            56 + structure,
            40,
            17,
            16,
            0,
            strings,
            structure,
            0,
            0,
            0,
            0,
        ];
        let mut blob: Vec<u8> = header
            .iter()
            .flat_map(|word: &u32| word.to_be_bytes())
            .collect();
        blob.extend(self.structure);
        blob.extend(self.strings);
        blob.leak()
    }
}

#[test]
fn memory_that_was_plugged_in() {
    let mut maker = Maker::new();
    maker.memory(0x3000_0000, 0x1000_0000);
    maker.memory(0, 0x2000_0000);
    maker.begin("ibm,dynamic-reconfiguration-memory");
    maker.cells("ibm,lmb-size", &[0, 0x1000_0000]);
    let assigned = [0, 0x2000_0000, 1, 0, 0, 8];
    let free = [0, 0x5000_0000, 2, 0, 0, 0];
    let far = [1, 0, 3, 0, 0, 8];
    let cells: Vec<u32> = [3]
        .into_iter()
        .chain(assigned)
        .chain(free)
        .chain(far)
        .collect();
    maker.cells("ibm,dynamic-memory", &cells);
    maker.end();
    maker.cpu(0, &[0]);
    let info = read(maker.finish(), &placement()).unwrap();
    assert_eq!(
        info.memory[..],
        [range(0, 0x4000_0000), range(1 << 32, 0x1000_0000)]
    );
}

#[test]
fn threads_are_cpus_and_radix_is_agreed() {
    let mut maker = Maker::new();
    maker.bytes("device_type", b"chrp\0");
    maker.begin("chosen");
    let mut vector = [0; 27];
    (vector[0], vector[24], vector[26]) = (26, 0x40, 0x40);
    maker.bytes("ibm,architecture-vec-5", &vector);
    maker.cells("linux,initrd-start", &[0x50_0000]);
    maker.cells("linux,initrd-end", &[0, 0x60_0000]);
    maker.end();
    maker.memory(0, 0x2000_0000);
    maker.cpu(8, &[8, 9, 10, 11]);
    maker.cpu(16, &[16]);
    let info = read(maker.finish(), &placement()).unwrap();
    let cpus: Vec<_> = info
        .cpus
        .iter()
        .map(|cpu| (cpu.hw_id, cpu.core, cpu.boot))
        .collect();
    assert_eq!(
        cpus,
        [
            (8, 8, true),
            (9, 8, false),
            (10, 8, false),
            (11, 8, false),
            (16, 16, false)
        ]
    );
    assert!(info.mmu.radix && info.mmu.gtse);
    assert_eq!(info.initrd, Some(range(0x50_0000, 0x10_0000)));
}

#[test]
fn what_cannot_run_is_said() {
    let mut maker = Maker::new();
    maker.cpu(0, &[0]);
    assert_eq!(
        read(maker.finish(), &placement()).unwrap_err(),
        TreeError::Missing("memory")
    );
    let mut maker = Maker::new();
    maker.memory(0, 0x1000_0000);
    assert_eq!(
        read(maker.finish(), &placement()).unwrap_err(),
        TreeError::Missing("CPUs")
    );
    assert_eq!(
        read(b"nothing", &placement()).unwrap_err(),
        TreeError::Damaged
    );
    let mut maker = Maker::new();
    maker.memory(0, 0x1000_0000);
    maker.cpu(0, &(0..300).collect::<Vec<_>>());
    assert_eq!(
        read(maker.finish(), &placement()).unwrap_err(),
        TreeError::TooMany("CPUs")
    );
}
