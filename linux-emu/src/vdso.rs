//! The page of code that a program returns through: the signal trampoline.
//!
//! libgcc, gdb and glibc look at the instructions at a frame's return address: `addi r1,r1,128; li r0,172; sc`
//! is a signal frame.

/// Offset of the trampoline in the page. A word before it is left free: unwinders look at the address
/// before a return address.
pub const SIGTRAMP: u64 = 0x104;

/// The trampoline.
pub const SIGTRAMP_CODE: [u32; 3] = [0x3821_0080, 0x3800_00ac, 0x4400_0002];

/// Instruction that does nothing.
const NOP: u32 = 0x6000_0000;

/// Fills the page.
pub fn fill(page: &mut [u8]) {
    for word in page.chunks_exact_mut(4) {
        word.copy_from_slice(&NOP.to_ne_bytes());
    }
    let at = SIGTRAMP as usize;
    for (word, code) in page[at..at + 12].chunks_exact_mut(4).zip(SIGTRAMP_CODE) {
        word.copy_from_slice(&code.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwinders_recognise_it() {
        let mut page = vec![0; 4096];
        fill(&mut page);
        let word = |n: usize| u32::from_ne_bytes(page[SIGTRAMP as usize + 4 * n..][..4].try_into().unwrap());
        assert_eq!([word(0), word(1), word(2)], [0x3821_0080, 0x3800_00ac, 0x4400_0002]);
    }
}
