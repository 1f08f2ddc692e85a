//! The shared object that every Linux program finds by AT_SYSINFO_EHDR (vdso(7)): clocks without a system call, and
//! the code that signal handlers return to.
//!
//! The memory server maps the section `.vdso` of this image at `layout::VDSO` of every Linux process, one copy for all.
//! It is a complete ELF file of one loadable segment, written out here: nothing but the assembler has to know that.
//! What the clocks need is in the kernel's information page, which stays the same while the machine runs.
//!
//! The functions follow the convention of system calls: an error is a number in r3 with CR0.SO set. What they do
//! not know they leave to the system call.

/// Offset of the trampoline in the page. A word before it is left free: unwinders look at the address
/// before a return address.
pub const SIGTRAMP: u64 = 0x808;

#[cfg(target_os = "none")]
mod image {
    use super::SIGTRAMP;
    use core::mem::offset_of;
    use k42_abi::dispatcher::DispatcherPage;
    use k42_abi::info::KernelInfo;
    use k42_abi::layout;

    /// EI_DATA and e_flags: byte order, and which of the two ABIs goes with it.
    const ELF_DATA: u32 = if cfg!(target_endian = "little") { 1 } else { 2 };
    const ELF_FLAGS: u32 = if cfg!(target_endian = "little") { 2 } else { 1 };

    const _: () = assert!(layout::KERNEL_INFO == 0x3ff0 << 32, "k42_vdso_ticks");

    core::arch::global_asm!(
        ".section .vdso, \"a\", @progbits",
        ".balign 4096",
        ".globl k42_vdso",
        "k42_vdso:",
        // The file's header: a shared object for 64-bit Power.
        ".byte 0x7f, 0x45, 0x4c, 0x46, 2, {data}, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0",
        ".short 3, 21",
        ".long 1",
        ".quad 0, 64, 0",
        ".long {flags}",
        ".short 64, 56, 2, 64, 0, 0",
        // What is loaded: all of it. Where its dynamic section is.
        ".long 1, 5",
        ".quad 0, 0, 0, .Lvdso_end - k42_vdso, .Lvdso_end - k42_vdso, 4096",
        ".long 2, 4",
        ".quad .Lvdso_dynamic - k42_vdso, .Lvdso_dynamic - k42_vdso, .Lvdso_dynamic - k42_vdso",
        ".quad .Lvdso_dynamic_end - .Lvdso_dynamic, .Lvdso_dynamic_end - .Lvdso_dynamic, 8",
        ".Lvdso_dynamic:",
        ".quad 4, .Lvdso_hash - k42_vdso",
        ".quad 5, .Lvdso_strings - k42_vdso",
        ".quad 6, .Lvdso_symbols - k42_vdso",
        ".quad 10, .Lvdso_strings_end - .Lvdso_strings",
        ".quad 11, 24",
        ".quad 14, .Lvdso_soname - .Lvdso_strings",
        ".quad 0x6ffffff0, .Lvdso_versions - k42_vdso",
        ".quad 0x6ffffffc, .Lvdso_definitions - k42_vdso",
        ".quad 0x6ffffffd, 2",
        ".quad 0, 0",
        ".Lvdso_dynamic_end:",
        // One chain that holds all symbols.
        ".Lvdso_hash:",
        ".long 1, 8, 1",
        ".long 0, 2, 3, 4, 5, 6, 7, 0",
        ".balign 8",
        ".macro k42_vdso_symbol name",
        ".long .Lname_\\name - .Lvdso_strings",
        ".byte 0x12, 0",
        ".short 1",
        ".quad .Lvdso_\\name - k42_vdso, .Lvdso_\\name\\()_end - .Lvdso_\\name",
        ".endm",
        ".Lvdso_symbols:",
        ".quad 0, 0, 0",
        "k42_vdso_symbol clock_gettime",
        "k42_vdso_symbol clock_getres",
        "k42_vdso_symbol gettimeofday",
        "k42_vdso_symbol time",
        "k42_vdso_symbol get_tbfreq",
        "k42_vdso_symbol getcpu",
        "k42_vdso_symbol sigtramp_rt64",
        ".Lvdso_strings:",
        ".byte 0",
        ".Lvdso_soname: .asciz \"linux-vdso64.so.1\"",
        ".Lvdso_version: .asciz \"LINUX_2.6.15\"",
        ".Lname_clock_gettime: .asciz \"__kernel_clock_gettime\"",
        ".Lname_clock_getres: .asciz \"__kernel_clock_getres\"",
        ".Lname_gettimeofday: .asciz \"__kernel_gettimeofday\"",
        ".Lname_time: .asciz \"__kernel_time\"",
        ".Lname_get_tbfreq: .asciz \"__kernel_get_tbfreq\"",
        ".Lname_getcpu: .asciz \"__kernel_getcpu\"",
        ".Lname_sigtramp_rt64: .asciz \"__kernel_sigtramp_rt64\"",
        ".Lvdso_strings_end:",
        // Each symbol is of version 2, which is LINUX_2.6.15; version 1 names the object itself.
        ".balign 2",
        ".Lvdso_versions:",
        ".short 0, 2, 2, 2, 2, 2, 2, 2",
        ".balign 8",
        ".Lvdso_definitions:",
        ".short 1, 1, 1, 1",
        ".long 0x026a3df1, 20, 28",
        ".long .Lvdso_soname - .Lvdso_strings, 0",
        ".short 1, 0, 2, 1",
        ".long 0x075fcba5, 20, 0",
        ".long .Lvdso_version - .Lvdso_strings, 0",

        // Leaves seconds since boot in r8, nanoseconds in r5, the information page in r6. Uses r7, r9.
        ".macro k42_vdso_now",
        "lis 6, 0x3ff0",
        "sldi 6, 6, 16",
        "ld 7, {hz}(6)",
        "ld 8, {boot_ticks}(6)",
        "mfspr 5, 268",
        "subf 5, 8, 5",
        "divdu 8, 5, 7",
        "mulld 9, 8, 7",
        "subf 5, 9, 5",
        "lis 9, 0x3b9a",
        "ori 9, 9, 0xca00",
        "mulld 5, 5, 9",
        "divdu 5, 5, 7",
        ".endm",
        // The end of all functions: no error.
        ".macro k42_vdso_return",
        "crclr 3",
        "blr",
        ".endm",
        // Leaves it to the system call.
        ".macro k42_vdso_call number",
        "li 0, \\number",
        "sc",
        "blr",
        ".endm",
        // Branches to `otherwise` unless clock r3 is one of the bits of `set`. Uses r5.
        ".macro k42_vdso_clock set, otherwise",
        "li 5, \\set",
        "srw 5, 5, 3",
        "andi. 5, 5, 1",
        "beq \\otherwise",
        ".endm",

        ".org k42_vdso + {tramp} - 8",
        ".balign 8",
        "nop",
        "nop",
        ".Lvdso_sigtramp_rt64:",
        "addi 1, 1, 128",
        "li 0, 172",
        "sc",
        ".Lvdso_sigtramp_rt64_end:",
        // At 32 bytes from its start, a number that tells old unwinders to look for the frame on the stack.
        ".org .Lvdso_sigtramp_rt64 + 32",
        ".quad -168",

        // r3 = clock, r4 = where to put seconds and nanoseconds. Clocks 0, 1, 4, 5, 6, 7; of these 0 and 5 are wall clocks.
        ".balign 32",
        ".Lvdso_clock_gettime:",
        "cmplwi 3, 7",
        "bgt 9f",
        "k42_vdso_clock 0xf3, 9f",
        "k42_vdso_now",
        "li 7, 0x21",
        "srw 7, 7, 3",
        "andi. 7, 7, 1",
        "beq 1f",
        "ld 7, {boot_seconds}(6)",
        "add 8, 8, 7",
        "1:",
        "std 8, 0(4)",
        "std 5, 8(4)",
        "li 3, 0",
        "k42_vdso_return",
        "9:",
        "k42_vdso_call 246",
        ".Lvdso_clock_gettime_end:",

        // r3 = clock, r4 = where to put its resolution, or zero. Only those that are exact to the nanosecond.
        ".balign 32",
        ".Lvdso_clock_getres:",
        "cmplwi 3, 7",
        "bgt 9f",
        "k42_vdso_clock 0x93, 9f",
        "cmpldi 4, 0",
        "li 3, 0",
        "li 5, 1",
        "beq 1f",
        "std 3, 0(4)",
        "std 5, 8(4)",
        "1:",
        "k42_vdso_return",
        "9:",
        "k42_vdso_call 247",
        ".Lvdso_clock_getres_end:",

        // r3 = where to put seconds and microseconds, r4 = where to put the zone; both may be zero.
        ".balign 32",
        ".Lvdso_gettimeofday:",
        "cmpldi 3, 0",
        "beq 1f",
        "k42_vdso_now",
        "ld 7, {boot_seconds}(6)",
        "add 8, 8, 7",
        "li 9, 1000",
        "divdu 5, 5, 9",
        "std 8, 0(3)",
        "std 5, 8(3)",
        "1:",
        "cmpldi 4, 0",
        "li 3, 0",
        "beq 2f",
        "stw 3, 0(4)",
        "stw 3, 4(4)",
        "2:",
        "k42_vdso_return",
        ".Lvdso_gettimeofday_end:",

        // r3 = where to put the seconds too, or zero.
        ".balign 32",
        ".Lvdso_time:",
        "mr 10, 3",
        "k42_vdso_now",
        "ld 7, {boot_seconds}(6)",
        "add 3, 8, 7",
        "cmpldi 10, 0",
        "beq 1f",
        "std 3, 0(10)",
        "1:",
        "k42_vdso_return",
        ".Lvdso_time_end:",

        ".balign 32",
        ".Lvdso_get_tbfreq:",
        "lis 6, 0x3ff0",
        "sldi 6, 6, 16",
        "ld 3, {hz}(6)",
        "k42_vdso_return",
        ".Lvdso_get_tbfreq_end:",

        // r3, r4 = where to put CPU and node, or zero. The caller may be elsewhere when it reads them, as always.
        ".balign 32",
        ".Lvdso_getcpu:",
        "mfspr 5, 259",
        "lwz 5, {cpu}(5)",
        "li 6, 0",
        "cmpldi 3, 0",
        "beq 1f",
        "stw 5, 0(3)",
        "1:",
        "cmpldi 4, 0",
        "beq 2f",
        "stw 6, 0(4)",
        "2:",
        "li 3, 0",
        "k42_vdso_return",
        ".Lvdso_getcpu_end:",
        ".balign 8",
        ".Lvdso_end:",
        ".text",
        data = const ELF_DATA,
        flags = const ELF_FLAGS,
        tramp = const SIGTRAMP,
        hz = const offset_of!(KernelInfo, timebase_hz),
        boot_ticks = const offset_of!(KernelInfo, boot_timebase),
        boot_seconds = const offset_of!(KernelInfo, boot_seconds),
        cpu = const offset_of!(DispatcherPage, cpu),
    );

    unsafe extern "C" {
        static k42_vdso: u8;
    }

    /// Has the linker take the section in; nobody in the image itself refers to it.
    #[used]
    // SAFETY: only the address is taken.
    static IMAGE: &u8 = unsafe { &k42_vdso };
}
