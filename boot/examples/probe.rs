//! The smallest kernel: prints what it was told, starts the other CPUs, switches off.
//!
//! Build it for a K42 target with `--example probe`, then
//! `qemu-system-ppc64 -M pseries,x-vof=on -cpu power9 -smp 4 -nographic -vga none -kernel ...`

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This example is a kernel: build it for a K42 target.");
}

#[cfg(target_os = "none")]
mod kernel {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use k42_boot::info::Machine;
    use k42_boot::papr::hcall;
    use k42_boot::secondary::{SecondaryRecord, start_secondary};
    use k42_boot::{BootInfo, early_println, physical};

    const MOST: usize = 8;
    const STACK: usize = 16 << 10;

    #[repr(align(128))]
    struct Stack(#[allow(dead_code, reason = "only its address is used")] [u8; STACK]);

    static mut STACKS: [Stack; MOST] = [const { Stack([0; STACK]) }; MOST];
    static mut RECORDS: [SecondaryRecord; MOST] = [const {
        SecondaryRecord {
            stack_top: 0,
            cpu_index: 0,
        }
    }; MOST];
    static ARRIVED: AtomicUsize = AtomicUsize::new(1);

    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(info: &'static BootInfo) -> ! {
        let order = if cfg!(target_endian = "little") {
            "little"
        } else {
            "big"
        };
        early_println!("probe: kernel_main at {:p}", kernel_main as *const ());
        early_println!(
            "machine {:?} command line {:?}",
            info.machine,
            info.command_line
        );
        early_println!("memory {:x?}", info.memory);
        for reserved in &info.reserved {
            early_println!("reserved {:x?}", reserved);
        }
        early_println!("initrd {:x?} payload {:x?}", info.initrd, info.payload);
        early_println!(
            "tree {} bytes at {:p}",
            info.device_tree.len(),
            info.device_tree
        );
        early_println!("{:?}", info.cpus);
        early_println!("{:?} {:?}", info.cores, info.mmu);
        early_println!("{:?} {:x?}", info.interrupts, info.consoles);
        early_println!(
            "time {:?} seed {}",
            info.boot_time,
            info.random_seed.is_some()
        );
        early_println!("{:x?}", info.rtas);

        let mut running = 1;
        for (index, cpu) in info.cpus.iter().enumerate().filter(|(_, cpu)| !cpu.boot) {
            if index >= MOST {
                break;
            }
            // SAFETY: this CPU alone writes the tables, each entry once, before its user runs.
            let started = unsafe {
                let top = (&raw const STACKS).cast::<Stack>().add(index + 1);
                let record = &mut *(&raw mut RECORDS).cast::<SecondaryRecord>().add(index);
                *record = SecondaryRecord {
                    stack_top: top.addr() as u64,
                    cpu_index: index as u64,
                };
                start_secondary(info, *cpu, record)
            };
            if let Err(error) = started {
                early_println!("cpu {index}: {error:?}");
                continue;
            }
            running += 1;
            while ARRIVED.load(Ordering::Acquire) < running {
                pause();
            }
        }
        if info.machine == Machine::Pseries {
            hypervisor(info);
        }
        early_println!(
            "probe: {order}-endian, {} CPUs, all is well",
            ARRIVED.load(Ordering::Acquire)
        );
        info.power_off();
        loop {
            pause();
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn kernel_secondary(index: u64) -> ! {
        early_println!("cpu {index} is here");
        ARRIVED.fetch_add(1, Ordering::Release);
        loop {
            pause();
        }
    }

    /// A process table: aligned to its size.
    #[repr(align(65536))]
    struct Table(#[allow(dead_code, reason = "the hardware's")] [u64; 8192]);

    /// Tries the calls that every kernel on this machine depends on.
    fn hypervisor(info: &BootInfo) {
        static mut TABLE: Table = Table([0; 8192]);
        early_println!("random {:?}", hcall::random().map(|_| ()));
        // An interrupt to ourselves, taken by asking for it: interrupts are off.
        let me = info.boot_cpu().map_or(0, |cpu| cpu.hw_id);
        let open = hcall::set_cppr(0xff);
        let sent = hcall::ipi(me, 4);
        let taken = hcall::xirr();
        let withdrawn = hcall::ipi(me, 0xff);
        let ended = hcall::eoi(taken.unwrap_or(0));
        early_println!("ipi {open:?} {sent:?} {taken:x?} {withdrawn:?} {ended:?}");
        if info.mmu.radix {
            let place = physical(&raw const TABLE);
            // SAFETY: the table is ours for good; it is empty, and translation stays off.
            let outcome = unsafe { hcall::register_radix_process_table(place, 16) };
            early_println!("process table {outcome:?}");
        }
        let little = cfg!(target_endian = "little");
        // SAFETY: interrupts are off, and no vectors are in use.
        let order = unsafe { hcall::set_interrupt_order(little) };
        // SAFETY: as above.
        let relocation = unsafe { hcall::set_interrupt_relocation(true) };
        early_println!("interrupt order {order:?} relocation {relocation:?}");
    }

    fn pause() {
        // SAFETY: priority hints; no effect on the program.
        unsafe { core::arch::asm!("or 31,31,31", "or 2,2,2") };
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo) -> ! {
        early_println!("probe: {info}");
        loop {
            pause();
        }
    }
}
