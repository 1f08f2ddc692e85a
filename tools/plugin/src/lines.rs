//! Which cache lines move between CPUs.
//!
//! Every CPU is taken to have an infinite cache, kept coherent by a directory: for each line, who has a copy and who
//! wrote it last. A line *moves* when a CPU reads what another has written since, and when a CPU writes what another
//! has a copy of. So what is counted is communication, and nothing that a bigger cache would save.
//!
//! A report is, per interval,
//!
//! ```text
//! interval NUMBER
//! cpu CPU INSTRUCTIONS OPERATIONS LOADS STORES MOVED_BY_LOAD MOVED_BY_STORE
//! place ADDRESS MOVES CODE             the instructions that moved most lines
//! line PHYSICAL LAST_ADDRESS MOVES LAST_PLACE CODE
//! ```
//!
//! A place is an instruction; CODE is it and what follows in its block, as hexadecimal digits, by which its program is
//! found (several programs are linked at the same addresses).

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;

/// log2 of a line's bytes on POWER9 and on the 970.
const LINE_SHIFT: u32 = 7;

/// CPUs that can be told apart.
pub const CPUS: usize = 64;

/// Who has a copy of a line.
#[derive(Clone, Copy, Default)]
struct Line {
    /// A bit for each CPU with a copy.
    holders: u64,
    /// The CPU, plus one, that wrote it and that nobody has read it from since; 0 if none.
    writer: u8,
}

/// What one CPU did in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    instructions: u64,
    operations: u64,
    loads: u64,
    stores: u64,
    moved_by_load: u64,
    moved_by_store: u64,
}

/// An instruction that accesses memory. It lives as long as QEMU, which may have translations that point to it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its address.
    pub address: u64,
    /// It and what follows it in its block.
    pub code: Vec<u8>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.code
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One access to memory.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The CPU.
    pub cpu: usize,
    /// Physical address.
    pub physical: u64,
    /// The address that the program used.
    pub address: u64,
    /// The instruction.
    pub place: &'static Place,
    /// It writes.
    pub store: bool,
}

/// The last movement of a line, and how many there were.
#[derive(Clone, Copy)]
struct Hot {
    moves: u64,
    address: u64,
    place: &'static Place,
}

/// The directory, and the counts of the interval.
pub struct Directory {
    lines: Vec<Line>,
    counts: [Counts; CPUS],
    places: HashMap<&'static Place, u64>,
    hot: HashMap<usize, Hot>,
    following: bool,
    counting: bool,
    intervals: u64,
    top: usize,
}

impl Directory {
    /// For a guest with `ram` MiB of memory; a report names the `top` hottest lines and places.
    pub fn new(ram: usize, top: usize) -> Self {
        Directory {
            lines: vec![Line::default(); ram << (20 - LINE_SHIFT)],
            counts: [Counts::default(); CPUS],
            places: HashMap::new(),
            hot: HashMap::new(),
            following: false,
            counting: false,
            intervals: 0,
            top,
        }
    }

    /// From here on the owners of lines are followed.
    pub fn follow(&mut self) {
        self.following = true;
    }

    /// An interval begins, unless one is going on.
    pub fn begin(&mut self) {
        self.following = true;
        if !self.counting {
            self.counting = true;
            self.counts = [Counts::default(); CPUS];
            self.places.clear();
            self.hot.clear();
        }
    }

    /// Counts the instructions of a block.
    pub fn ran(&mut self, cpu: usize, instructions: u64) {
        if self.counting {
            self.counts[cpu % CPUS].instructions += instructions;
        }
    }

    /// Counts one operation.
    pub fn operation(&mut self, cpu: usize) {
        if self.counting {
            self.counts[cpu % CPUS].operations += 1;
        }
    }

    /// Follows an access.
    pub fn access(&mut self, access: Access) {
        if !self.following {
            return;
        }
        let index = (access.physical >> LINE_SHIFT) as usize;
        let Some(line) = self.lines.get_mut(index) else {
            return;
        };
        let cpu = access.cpu % CPUS;
        let (bit, me) = (1 << cpu, cpu as u8 + 1);
        let moved = if access.store {
            let moved = line.holders & !bit != 0;
            line.holders = bit;
            line.writer = me;
            moved
        } else {
            let moved = line.holders & bit == 0 && line.writer != 0 && line.writer != me;
            if moved {
                line.writer = 0;
            }
            line.holders |= bit;
            moved
        };
        if !self.counting {
            return;
        }
        let counts = &mut self.counts[cpu];
        let (accesses, moves) = match access.store {
            true => (&mut counts.stores, &mut counts.moved_by_store),
            false => (&mut counts.loads, &mut counts.moved_by_load),
        };
        *accesses += 1;
        if moved {
            *moves += 1;
            *self.places.entry(access.place).or_default() += 1;
            let hot = self.hot.entry(index).or_insert(Hot {
                moves: 0,
                address: access.address,
                place: access.place,
            });
            hot.moves += 1;
            (hot.address, hot.place) = (access.address, access.place);
        }
    }

    /// The interval ends; gives its report. None if there was none.
    pub fn end(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.counting) {
            return None;
        }
        let mut text = format!("interval {}\n", self.intervals);
        self.intervals += 1;
        // Writing to a String cannot fail.
        for (cpu, c) in self.counts.iter().enumerate() {
            if *c != Counts::default() {
                let _ = writeln!(
                    text,
                    "cpu {cpu} {} {} {} {} {} {}",
                    c.instructions,
                    c.operations,
                    c.loads,
                    c.stores,
                    c.moved_by_load,
                    c.moved_by_store
                );
            }
        }
        for (place, moves) in hottest(&self.places, self.top, |&moves| moves) {
            let _ = writeln!(text, "place {:#x} {moves} {place}", place.address);
        }
        for (index, hot) in hottest(&self.hot, self.top, |hot| hot.moves) {
            let _ = writeln!(
                text,
                "line {:#x} {:#x} {} {:#x} {}",
                index << LINE_SHIFT,
                hot.address,
                hot.moves,
                hot.place.address,
                hot.place
            );
        }
        Some(text)
    }
}

/// The entries with most moves, most first, in an order that repeats.
fn hottest<K: Copy + Ord + Hash, V: Copy>(
    entries: &HashMap<K, V>,
    top: usize,
    moves: impl Fn(&V) -> u64,
) -> Vec<(K, V)> {
    let mut list: Vec<(K, V)> = entries.iter().map(|(&key, &value)| (key, value)).collect();
    list.sort_by_key(|(key, value)| (std::cmp::Reverse(moves(value)), *key));
    list.truncate(top);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    static PLACE: Place = Place {
        address: 0x100,
        code: Vec::new(),
    };

    fn access(directory: &mut Directory, cpu: usize, physical: u64, store: bool) {
        directory.access(Access {
            cpu,
            physical,
            address: physical | 0xc000_0000_0000_0000,
            place: &PLACE,
            store,
        });
    }

    /// Moves by load and by store of all CPUs.
    fn moves(directory: &Directory) -> (u64, u64) {
        directory.counts.iter().fold((0, 0), |(l, s), c| {
            (l + c.moved_by_load, s + c.moved_by_store)
        })
    }

    #[test]
    fn private_lines_do_not_move() {
        let mut directory = Directory::new(1, 4);
        directory.begin();
        for cpu in 0..4 {
            for _ in 0..10 {
                access(&mut directory, cpu, cpu as u64 * 128, true);
                access(&mut directory, cpu, cpu as u64 * 128 + 8, false);
            }
        }
        assert_eq!(moves(&directory), (0, 0));
    }

    #[test]
    fn reading_together_does_not_move() {
        let mut directory = Directory::new(1, 4);
        directory.begin();
        for cpu in [0, 1, 2, 1, 0] {
            access(&mut directory, cpu, 0, false);
        }
        assert_eq!(moves(&directory), (0, 0));
    }

    #[test]
    fn a_shared_counter_moves_each_time() {
        let mut directory = Directory::new(1, 4);
        access(&mut directory, 0, 0, true);
        directory.follow();
        directory.begin();
        for round in 0..10 {
            // Each CPU in turn reads and writes the line that the other has written.
            access(&mut directory, round % 2, 64, false);
            access(&mut directory, round % 2, 64, true);
            directory.operation(round % 2);
        }
        // The very first access finds nobody; then each round reads what the other wrote, and takes its copy away.
        assert_eq!(moves(&directory), (9, 9));
        let report = directory.end().unwrap();
        assert!(
            report.contains("line 0x0 0xc000000000000040 18 0x100 \n"),
            "{report}"
        );
        assert!(report.contains("place 0x100 18 \n"), "{report}");
    }

    #[test]
    fn owners_are_known_from_before_the_interval() {
        let mut directory = Directory::new(1, 4);
        directory.follow();
        access(&mut directory, 1, 256, true);
        directory.begin();
        access(&mut directory, 0, 256, false);
        assert_eq!(moves(&directory), (1, 0));
        assert_eq!(directory.end().unwrap().lines().next(), Some("interval 0"));
        assert_eq!(directory.end(), None);
    }

    #[test]
    fn beyond_memory_is_left_out() {
        let mut directory = Directory::new(1, 4);
        directory.begin();
        access(&mut directory, 0, 1 << 40, true);
        assert_eq!(directory.counts[0], Counts::default());
    }
}
