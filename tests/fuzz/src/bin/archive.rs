//! A root archive, damaged or foreign: KFS reads it, says what is wrong, and makes what it can.
#![no_main]

use k42_fuzz::world::World;
use k42_kfs::tar::Reader;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// Bytes of a block.
const BLOCK: usize = 512;
/// Where the checksum lies in a header.
const SUM: std::ops::Range<usize> = 148..156;

/// A header and what follows it, near what is right.
#[derive(Arbitrary, Debug)]
struct Member {
    name: [u8; 6],
    /// In octal where a header has them: mode, owner, group, length, time.
    numbers: [u16; 5],
    /// Instead of one of these numbers.
    damage: Option<(u8, [u8; 8])>,
    kind: u8,
    link: [u8; 6],
    /// Chance finds no checksum: the input says whether it is right.
    signed: bool,
    data: Vec<u8>,
}

/// Place and width of the numbers in a header.
const NUMBERS: [(usize, usize); 5] = [(100, 8), (108, 8), (116, 8), (124, 12), (136, 12)];

impl Member {
    fn put(&self, archive: &mut Vec<u8>) {
        let mut block = [0; BLOCK];
        block[..self.name.len()].copy_from_slice(&self.name);
        for (&(at, width), number) in NUMBERS.iter().zip(self.numbers) {
            let digits = format!("{number:0width$o}", width = width - 1);
            block[at..at + digits.len()].copy_from_slice(digits.as_bytes());
        }
        if let Some((which, bytes)) = self.damage {
            let (at, _) = NUMBERS[usize::from(which) % NUMBERS.len()];
            block[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        block[156] = self.kind;
        block[157..157 + self.link.len()].copy_from_slice(&self.link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        if self.signed {
            block[SUM].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[SUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        archive.extend(block);
        archive.extend(&self.data);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
}

fuzz_target!(|input: (Vec<Member>, u8)| {
    let (members, cut) = input;
    let mut archive = Vec::new();
    members.iter().for_each(|member| member.put(&mut archive));
    archive.truncate(archive.len().saturating_sub(cut.into()));
    for (read, member) in Reader::new(&archive).enumerate() {
        assert!(
            read <= archive.len() / BLOCK + 1,
            "every step leaves a block behind"
        );
        if let Ok(member) = member {
            let data = member.data.as_ptr_range();
            let whole = archive.as_ptr_range();
            let within = whole.start <= data.start && data.end <= whole.end;
            assert!(within || member.data.is_empty(), "data are the archive's");
        }
    }
    let world = World::get();
    world.fs.unpack(&archive);
    world.clear();
});
