//! `ibm,client-architecture-support`: tells the hypervisor what this operating system can
//! do, and so chooses compatibility level, translation and interrupt controller (PAPR,
//! "ibm,client-architecture-support"; what QEMU 7.2 reads of it was found by trying).
//!
//! The argument is a list of processor versions that are welcome, then option vectors.
//! Without the call QEMU keeps every choice open (`ibm,architecture-vec-5` in `/chosen` is
//! two zero bytes) and describes the machine as for an old system. The call may change the
//! tree, so it comes before the tree is read.

use super::client::{Client, OfError};
use crate::physical;

/// A processor version: all `mask`ed bits of the version register must equal `value`.
struct Version {
    mask: u32,
    value: u32,
}

/// Versions in order of no meaning: the hypervisor takes the newest architecture that it
/// can give. The entry whose value has bits outside its mask ends the list.
const VERSIONS: [Version; 10] = [
    Version {
        mask: 0xffff_0000,
        value: 0x0039_0000,
    }, // 970
    Version {
        mask: 0xffff_0000,
        value: 0x003c_0000,
    }, // 970FX
    Version {
        mask: 0xffff_0000,
        value: 0x0044_0000,
    }, // 970MP
    Version {
        mask: 0xffff_0000,
        value: 0x004b_0000,
    }, // POWER8E
    Version {
        mask: 0xffff_0000,
        value: 0x004d_0000,
    }, // POWER8
    Version {
        mask: 0xffff_0000,
        value: 0x004e_0000,
    }, // POWER9
    Version {
        mask: 0xffff_0000,
        value: 0x0080_0000,
    }, // POWER10
    Version {
        mask: 0xffff_ffff,
        value: 0x0f00_0004,
    }, // architecture 2.07
    Version {
        mask: 0xffff_ffff,
        value: 0x0f00_0005,
    }, // architecture 3.00
    Version {
        mask: 0x0000_0000,
        value: 0x0f00_0001,
    }, // end: 2.04 and older
];

/// Option vectors, each led by its number of bytes less one. "Ignore" is 0x80 first.
const OPTIONS: [&[u8]; 6] = [
    // 1: processor architectures 2.00 to 2.07, and 3.00.
    &[2, 0x00, 0xff, 0x80],
    // 2: Open Firmware's own layout: as it likes.
    &[0, 0x80],
    // 3: floating point, vectors and decimal floating point are known.
    &[1, 0x00, 0xe0],
    // 4: the least share of a processor: as it likes.
    &[0, 0x80],
    // 5: see below.
    &OPTION_5,
    // 6: the kind of operating system: as it likes.
    &[0, 0x80],
];

/// Option vector 5, platform facilities. Bytes are counted from 1, behind the length.
const OPTION_5: [u8; 27] = {
    let mut vector = [0; 27];
    vector[0] = 25;
    vector[2] = 0x80; // logical partition
    vector[12] = 0x00; // bytes 9-12: most CPUs, 32 bits
    vector[11] = 0x08; // = 2048
    vector[23] = 0x00; // interrupts: XICS (0x40 would be XIVE)
    vector[24] = 0x40; // translation: radix, not hash (0x00), not "either" (0x80)
    vector[26] = 0x40; // radix: the guest issues tlbie itself (GTSE)
    vector
};

/// The whole argument.
pub struct Vectors {
    bytes: [u8; 160],
    length: usize,
}

impl Vectors {
    /// The argument in the byte order of the interface. `radix` only where the CPU has it:
    /// QEMU stops the machine when radix is asked of a CPU without.
    pub fn new(radix: bool) -> Self {
        let mut vectors = Self {
            bytes: [0; 160],
            length: 0,
        };
        for Version { mask, value } in VERSIONS {
            vectors.push(&mask.to_be_bytes());
            vectors.push(&value.to_be_bytes());
        }
        vectors.push(&[OPTIONS.len() as u8 - 1]);
        for option in OPTIONS {
            vectors.push(option);
        }
        if !radix {
            // From the end: vector 6 has two bytes; then bytes 26, 25, 24 of vector 5.
            let end = vectors.length - 2;
            vectors.bytes[end - 3..end].fill(0);
        }
        vectors
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Negotiates. A firmware without the method, or one that refuses, leaves the machine as
/// it is: that is for the caller to judge by the tree.
///
/// # Errors
/// See [`OfError`].
pub fn negotiate(client: &Client, radix: bool) -> Result<(), OfError> {
    let root = client.open(c"/")?;
    let vectors = Vectors::new(radix);
    let place = u32::try_from(physical(vectors.bytes.as_ptr())).map_err(|_| OfError::OutOfReach)?;
    match client.call_method(c"ibm,client-architecture-support", root, place)? {
        0 => Ok(()),
        _ => Err(OfError::Failed(c"ibm,client-architecture-support")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks the argument as PAPR says, and gives option vector `number` without its length.
    fn option(bytes: &[u8], number: u8) -> &[u8] {
        let mut rest = &bytes[8 * VERSIONS.len()..];
        assert_eq!(rest[0], 5, "number of vectors less one");
        rest = &rest[1..];
        for _ in 1..number {
            rest = &rest[rest[0] as usize + 2..];
        }
        &rest[1..][..rest[0] as usize + 1]
    }

    #[test]
    fn radix_is_asked_for() {
        let vectors = Vectors::new(true);
        let five = option(vectors.as_bytes(), 5);
        assert_eq!(
            (five.len(), five[22], five[23], five[25]),
            (26, 0, 0x40, 0x40)
        );
        assert_eq!(option(vectors.as_bytes(), 6), [0x80]);
    }

    #[test]
    fn or_not() {
        let vectors = Vectors::new(false);
        let five = option(vectors.as_bytes(), 5);
        assert_eq!((five.len(), five[23], five[25]), (26, 0, 0));
    }
}
