//! Marks: what the guest says to the plugin.

/// Something that the guest marks in its code, by `ori N,N,0`: an instruction that does nothing, and that no
/// compiler makes (the no-operation that compilers use is `ori 0,0,0`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Mark {
    /// N = 20: from here on the owners of lines are followed, so that they are known when the interval begins.
    Follow = 20,
    /// N = 21: an interval begins. Of several CPUs the first to say so begins it.
    Begin = 21,
    /// N = 22: the interval ends, and its report is written.
    End = 22,
    /// N = 23: this CPU has done one operation.
    Operation = 23,
}

impl Mark {
    /// All marks.
    pub const ALL: [Mark; 4] = [Mark::Follow, Mark::Begin, Mark::End, Mark::Operation];

    /// The instruction.
    const fn word(self) -> u32 {
        let register = self as u32;
        24 << 26 | register << 21 | register << 16
    }

    /// Which mark an instruction is, if any. The guest's byte order is not known, so both are looked for.
    pub fn of(instruction: [u8; 4]) -> Option<Mark> {
        let (big, little) = (
            u32::from_be_bytes(instruction),
            u32::from_le_bytes(instruction),
        );
        Mark::ALL
            .into_iter()
            .find(|mark| [big, little].contains(&mark.word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_byte_order() {
        // ori 21,21,0
        assert_eq!(Mark::of([0x62, 0xb5, 0, 0]), Some(Mark::Begin));
        assert_eq!(Mark::of([0, 0, 0xb5, 0x62]), Some(Mark::Begin));
    }

    #[test]
    fn not_a_mark() {
        // The no-operation, and ori 21,21,1.
        assert_eq!(Mark::of([0x60, 0, 0, 0]), None);
        assert_eq!(Mark::of([0x62, 0xb5, 0, 1]), None);
    }
}
