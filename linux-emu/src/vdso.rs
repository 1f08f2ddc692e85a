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
    use crate::signal::frame::{CALLER_FRAME, at as frame};
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
        ".short 64, 56, 3, 64, 0, 0",
        // What is loaded: all of it. Where its dynamic section is, and the index of its frame descriptions.
        ".long 1, 5",
        ".quad 0, 0, 0, .Lvdso_end - k42_vdso, .Lvdso_end - k42_vdso, 4096",
        ".long 2, 4",
        ".quad .Lvdso_dynamic - k42_vdso, .Lvdso_dynamic - k42_vdso, .Lvdso_dynamic - k42_vdso",
        ".quad .Lvdso_dynamic_end - .Lvdso_dynamic, .Lvdso_dynamic_end - .Lvdso_dynamic, 8",
        ".long 0x6474e550, 4",
        ".quad .Lvdso_frame_index - k42_vdso, .Lvdso_frame_index - k42_vdso, .Lvdso_frame_index - k42_vdso",
        ".quad .Lvdso_frame_index_end - .Lvdso_frame_index, .Lvdso_frame_index_end - .Lvdso_frame_index, 4",
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

        // How to unwind from a signal handler to what was interrupted. libgcc's own knowledge of signal frames is not
        // enough on this machine. A handler returns to the trampoline with r1 at the bottom of the frame; a pointer to
        // the saved registers lies at a fixed distance from there.
        ".balign 4",
        ".Lvdso_frame_index:",
        ".byte 1, 0x1b, 0x03, 0x3b",
        ".long .Lvdso_frames - .",
        ".long 1",
        ".long .Lvdso_sigtramp_rt64 - 4 - .Lvdso_frame_index, .Lvdso_description - .Lvdso_frame_index",
        ".Lvdso_frame_index_end:",
        // A common part: signal frames; code in units of 4; the return address is column 67.
        ".Lvdso_frames:",
        ".long .Lvdso_common_end - .Lvdso_common",
        ".Lvdso_common:",
        ".long 0",
        ".byte 1",
        ".asciz \"zRS\"",
        ".uleb128 4",
        ".sleb128 -8",
        ".byte 67",
        ".uleb128 1",
        ".byte 0x1b",
        ".balign 4, 0",
        ".Lvdso_common_end:",
        // Unwinders look at the address before the one returned to, so the trampoline's description begins with the
        // word before it.
        ".Lvdso_description:",
        ".long .Lvdso_description_end - 1f",
        "1:",
        ".long 1b - .Lvdso_frames",
        ".long .Lvdso_sigtramp_rt64 - 4 - .",
        ".long .Lvdso_sigtramp_rt64_end - .Lvdso_sigtramp_rt64 + 4",
        ".uleb128 0",
        // The address of the saved registers: the word at r1 + distance.
        ".macro k42_vdso_saved",
        ".byte 0x71",
        ".sleb128 {regs}",
        ".byte 0x06",
        ".endm",
        // The frame's address is what r1 was.
        ".byte 0x0f",
        ".uleb128 9f - 8f",
        "8:",
        "k42_vdso_saved",
        ".byte 0x23",
        ".uleb128 8",
        ".byte 0x06",
        "9:",
        // A register of the frame lies that far behind the first.
        ".macro k42_vdso_register column, distance",
        ".byte 0x10",
        ".uleb128 \\column",
        ".uleb128 9f - 8f",
        "8:",
        "k42_vdso_saved",
        ".byte 0x23",
        ".uleb128 \\distance",
        "9:",
        ".endm",
        // A vector register, behind a second pointer.
        ".macro k42_vdso_vector column, distance",
        ".byte 0x10",
        ".uleb128 \\column",
        ".uleb128 9f - 8f",
        "8:",
        "k42_vdso_saved",
        ".byte 0x23",
        ".uleb128 {vectors}",
        ".byte 0x06, 0x23",
        ".uleb128 \\distance",
        "9:",
        ".endm",
        "k42_vdso_register 0, 0",
        ".set .Lvdso_n, 2",
        ".rept 30",
        "k42_vdso_register .Lvdso_n, .Lvdso_n * 8",
        ".set .Lvdso_n, .Lvdso_n + 1",
        ".endr",
        // Floating point, link and count register, return address, CR fields.
        ".set .Lvdso_n, 0",
        ".rept 32",
        "k42_vdso_register .Lvdso_n + 32, .Lvdso_n * 8 + 48 * 8",
        ".set .Lvdso_n, .Lvdso_n + 1",
        ".endr",
        "k42_vdso_register 65, 36 * 8",
        "k42_vdso_register 66, 35 * 8",
        "k42_vdso_register 67, 32 * 8",
        "k42_vdso_register 70, 38 * 8 + {low_word}",
        ".set .Lvdso_n, 0",
        ".rept 32",
        "k42_vdso_vector .Lvdso_n + 77, .Lvdso_n * 16",
        ".set .Lvdso_n, .Lvdso_n + 1",
        ".endr",
        ".balign 4, 0",
        ".Lvdso_description_end:",
        ".long 0",

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
        regs = const CALLER_FRAME as usize + frame::REGS,
        vectors = const frame::V_REGS - frame::GP_REGS,
        low_word = const if cfg!(target_endian = "little") { 0 } else { 4 },
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
