//! The page of code that a program returns through: the signal trampoline.
//!
//! libgcc, gdb and glibc look at the instructions at a frame's return address: `addi r1,r1,128; li r0,172; sc`
//! is a signal frame.

/// Offset of the trampoline in the page. A word before it is left free: unwinders look at the address
/// before a return address.
pub const SIGTRAMP: u64 = 0x108;

/// The trampoline.
pub const SIGTRAMP_CODE: [u32; 3] = [0x3821_0080, 0x3800_00ac, 0x4400_0002];

/// Instruction that does nothing.
const NOP: u32 = 0x6000_0000;

/// Words of the page that are used.
const WORDS: usize = 128;

/// The page's contents: the memory server maps the section `.vdso` of this image at `layout::VDSO` of every Linux
/// process, one copy for all.
#[unsafe(link_section = ".vdso")]
#[used]
static PAGE: [u32; WORDS] = page();

const fn page() -> [u32; WORDS] {
    let mut words = [NOP; WORDS];
    let mut n = 0;
    while n < SIGTRAMP_CODE.len() {
        words[SIGTRAMP as usize / 4 + n] = SIGTRAMP_CODE[n];
        n += 1;
    }
    // Behind the code follow zeroes, and at 32 bytes from its start a number that tells libgcc to look for the frame
    // on the stack. (Two words: it is -168.)
    let mut zero = n;
    while zero < 8 {
        words[SIGTRAMP as usize / 4 + zero] = 0;
        zero += 1;
    }
    let magic = (-168i64 as u64).to_ne_bytes();
    words[SIGTRAMP as usize / 4 + 8] = u32::from_ne_bytes([magic[0], magic[1], magic[2], magic[3]]);
    words[SIGTRAMP as usize / 4 + 9] = u32::from_ne_bytes([magic[4], magic[5], magic[6], magic[7]]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwinders_recognise_it() {
        let at = SIGTRAMP as usize / 4;
        assert_eq!(PAGE[at..at + 3], [0x3821_0080, 0x3800_00ac, 0x4400_0002]);
        assert_eq!(PAGE[at - 1], NOP);
    }
}
