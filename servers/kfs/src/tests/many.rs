//! Many threads at once: nothing is lost, nobody waits for ever, the tree stays a tree.

use crate::mock::{Client, World};
use k42_fslib::linux::open as flag;
use k42_ipc::Error;
use std::thread;

struct Dice(u64);
impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
}

fn each(world: &World, threads: u32, work: impl Fn(u32, Client) + Sync) {
    thread::scope(|scope| {
        for number in 0..threads {
            let client = world.client(20 + number, 0, 0);
            let work = &work;
            scope.spawn(move || work(number, client));
        }
    });
}

/// Writers of their own parts of one file, which changes over to a mapped one under them.
#[test]
fn no_write_is_lost_in_a_change_over() {
    for round in 0..20u8 {
        let world = World::new();
        world.client(19, 0, 0).put("f", b"").unwrap();
        each(&world, 4, |number, c| {
            let file = c.open("f", flag::READ_WRITE, 0).unwrap();
            for i in 0..60u64 {
                let offset = (i * 4 + number as u64) * 40;
                file.pwrite(offset, &[number as u8 + 1; 40]).unwrap();
                assert_eq!(file.pread(offset, 40).unwrap(), [number as u8 + 1; 40]);
            }
            file.close().unwrap();
        });
        let data = world.client(18, 0, 0).get("f").unwrap();
        let expected: Vec<u8> = (0..240).flat_map(|i| [(i % 4) as u8 + 1; 40]).collect();
        assert!(data == expected, "round {round}");
    }
}

/// Appends do not overwrite each other, whatever else happens to the file's implementation.
#[test]
fn appends_are_whole() {
    let world = World::new();
    world.client(19, 0, 0).put("f", b"").unwrap();
    each(&world, 4, |number, c| {
        let file = c.open("f", flag::WRITE_ONLY | flag::APPEND, 0).unwrap();
        for _ in 0..200 {
            file.write(&[number as u8; 16]).unwrap();
        }
    });
    let data = world.client(18, 0, 0).get("f").unwrap();
    assert_eq!(data.len(), 4 * 200 * 16);
    assert!(
        data.chunks(16)
            .all(|record| record.iter().all(|&b| b == record[0]))
    );
}

/// Directories that are moved about, made and removed from all sides: no two operations wait for each other, no
/// directory gets lost or into itself, and link counts are right at the end.
#[test]
fn the_tree_stays_a_tree() {
    let world = World::new();
    let names = [
        "a", "b", "c", "a/a", "a/b", "b/a", "b/c", "c/b", "a/a/b", "b/a/c", "c/b/a", "a/f", "b/f",
    ];
    each(&world, 4, |number, c| {
        let mut dice = Dice(number as u64 + 77);
        for _ in 0..4000 {
            let (x, y) = (names[dice.roll(names.len())], names[dice.roll(names.len())]);
            let result = match dice.roll(7) {
                0 | 1 => c.mkdir(x, 0o755),
                2 => c.rmdir(x),
                3 => c.put(x, b"data"),
                4 => c.rename(x, y, 2),
                _ => c.rename(x, y, 0),
            };
            let expected = [
                Error::ENOENT,
                Error::EEXIST,
                Error::ENOTEMPTY,
                Error::EINVAL,
                Error::ENOTDIR,
                Error::EISDIR,
            ];
            assert!(
                result.is_ok() || expected.contains(&result.unwrap_err()),
                "{x} {y}: {result:?}"
            );
        }
    });
    let c = world.client(18, 0, 0);
    let mut count = 0;
    let mut left = vec![String::from(".")];
    while let Some(directory) = left.pop() {
        let below: Vec<String> = c
            .list(&directory)
            .unwrap()
            .into_iter()
            .filter(|n| n != "." && n != "..")
            .collect();
        let paths: Vec<String> = below
            .iter()
            .map(|name| format!("{directory}/{name}"))
            .collect();
        let folders: Vec<&String> = paths
            .iter()
            .filter(|path| c.stat(path).unwrap().mode & 0o170000 == 0o040000)
            .collect();
        assert_eq!(
            c.stat(&directory).unwrap().links as usize,
            2 + folders.len(),
            "{directory}"
        );
        for path in &folders {
            let above = c.stat(&format!("{path}/..")).unwrap().inode;
            assert_eq!(above, c.stat(&directory).unwrap().inode, "{path}");
        }
        count += paths.len() as u64;
        left.extend(folders.into_iter().cloned());
    }
    assert_eq!(
        world.nodes_used(count),
        count,
        "everything that is left can be reached"
    );
}
