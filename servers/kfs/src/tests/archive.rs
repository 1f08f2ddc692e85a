//! Archives, good and bad, and what becomes of them.

use crate::mock::World;
use crate::tar::{Kind, Member, Reader};
use crate::unpack::Unpacked;
use k42_fslib::linux::{device, mode};
use std::process::{Command, Stdio};

/// A header and the data of one member, as ustar has them.
struct Entry<'a> {
    name: &'a str,
    kind: u8,
    mode: u32,
    link: &'a str,
    data: &'a [u8],
}

impl Entry<'_> {
    fn file<'a>(name: &'a str, data: &'a [u8]) -> Entry<'a> {
        Entry {
            name,
            kind: b'0',
            mode: 0o644,
            link: "",
            data,
        }
    }
    fn bytes(&self) -> Vec<u8> {
        let mut h = vec![0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| h[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, self.name.as_bytes());
        put(100, format!("{:07o}\0", self.mode).as_bytes());
        put(108, b"0000012\0");
        put(116, b"0000024\0");
        put(124, format!("{:011o}\0", self.data.len()).as_bytes());
        put(136, b"00000000144\0");
        put(156, &[self.kind]);
        put(157, self.link.as_bytes());
        put(257, b"ustar\x0000");
        put(329, b"0000001\0");
        put(337, b"0000003\0");
        put(148, b"        ");
        let sum: u32 = h.iter().map(|&b| b as u32).sum();
        h[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        h.extend(self.data);
        h.resize(h.len().next_multiple_of(512), 0);
        h
    }
}

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut all: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    all.resize(all.len() + 1024, 0);
    all
}

fn names(archive: &[u8]) -> Vec<String> {
    let text = |member: Result<Member<'_>, _>| match member {
        Ok(member) => String::from_utf8(member.path).unwrap(),
        Err::<_, crate::tar::Damage>(damage) => format!("! {damage}"),
    };
    Reader::new(archive).map(text).collect()
}

#[test]
fn long_names_and_pax() {
    let long = "d/".repeat(70) + "name";
    let record = |text: String| {
        let length = (text.len() + 2..)
            .find(|n| n.to_string().len() + 1 + text.len() == *n)
            .unwrap();
        format!("{length} {text}")
    };
    let pax = [
        format!("path={long}\n"),
        "mtime=1234567890.5\n".into(),
        "uid=3000000\n".into(),
    ]
    .map(record)
    .concat();
    let gnu = format!("{long}\0");
    let bytes = archive(&[
        Entry {
            name: "././@LongLink",
            kind: b'L',
            ..Entry::file("", gnu.as_bytes())
        },
        Entry::file("cut", b"one"),
        Entry {
            name: "x",
            kind: b'x',
            ..Entry::file("", pax.as_bytes())
        },
        Entry::file("cut", b"two"),
        Entry::file("last", b""),
    ]);
    let members: Vec<Member<'_>> = Reader::new(&bytes).map(|m| m.unwrap()).collect();
    assert_eq!(members.len(), 3);
    assert_eq!(
        (members[0].path.as_slice(), members[0].data),
        (long.as_bytes(), &b"one"[..])
    );
    assert_eq!(
        (members[1].path.as_slice(), members[1].data),
        (long.as_bytes(), &b"two"[..])
    );
    assert_eq!(
        (members[1].uid, members[1].gid, members[1].modified),
        (3_000_000, 20, 1_234_567_890_500_000_000)
    );
    assert_eq!(
        (
            members[2].path.as_slice(),
            members[2].uid,
            members[2].modified
        ),
        (&b"last"[..], 10, 100_000_000_000)
    );
}

#[test]
fn everything_is_made() {
    let world = World::new();
    let big = vec![7; 100_000];
    let dir = |name, mode| Entry {
        name,
        kind: b'5',
        mode,
        ..Entry::file("", b"")
    };
    let bytes = archive(&[
        dir("./", 0o755),
        dir("./etc/", 0o750),
        Entry::file("./etc/passwd", b"root:x:0:0\n"),
        Entry {
            name: "./usr/bin/big",
            mode: 0o4755,
            ..Entry::file("", &big)
        },
        Entry {
            name: "./bin",
            kind: b'2',
            link: "usr/bin",
            ..Entry::file("", b"")
        },
        Entry {
            name: "./usr/bin/alias",
            kind: b'1',
            link: "./usr/bin/big",
            ..Entry::file("", b"")
        },
        Entry {
            name: "./bin/via-link",
            ..Entry::file("", b"x")
        },
        Entry {
            name: "./dev/null",
            kind: b'3',
            mode: 0o666,
            ..Entry::file("", b"")
        },
        Entry {
            name: "./run/fifo",
            kind: b'6',
            ..Entry::file("", b"")
        },
        Entry {
            name: "./bad",
            kind: b'1',
            link: "none",
            ..Entry::file("", b"")
        },
        dir("./etc", 0o755),
    ]);
    let done = world.fs.unpack(&bytes);
    assert_eq!(
        done,
        Unpacked {
            members: 10,
            bytes: 100_012,
            failed: 1
        }
    );
    let c = world.client(20, 0, 0);
    assert_eq!(c.get("/etc/passwd").unwrap(), b"root:x:0:0\n");
    assert_eq!(c.get("/bin/alias").unwrap(), big);
    let big = c.stat("/usr/bin/big").unwrap();
    assert_eq!(
        (big.mode, big.uid, big.gid, big.links),
        (mode::REGULAR | 0o4755, 10, 20, 2)
    );
    assert_eq!(big.modified, 100_000_000_000);
    assert_eq!(c.stat("/etc").unwrap().mode, mode::DIRECTORY | 0o755);
    assert_eq!(c.stat("/etc").unwrap().modified, 100_000_000_000);
    assert_eq!(
        c.list("/usr/bin").unwrap(),
        [".", "..", "alias", "big", "via-link"]
    );
    let null = c.stat("/dev/null").unwrap();
    assert_eq!(
        (null.mode, null.rdev),
        (mode::CHARACTER | 0o666, device(1, 3))
    );
    assert_eq!(c.stat("/run/fifo").unwrap().mode & mode::TYPE, mode::FIFO);
    assert_eq!(
        (
            c.stat("/tmp").unwrap().mode & 0o7777,
            c.stat("/proc").unwrap().links
        ),
        (0o1777, 2)
    );
}

#[test]
fn damage_is_named_and_the_rest_is_read() {
    let good = archive(&[
        Entry::file("a", b"1"),
        Entry::file("b", &[2; 700]),
        Entry::file("c", b"3"),
    ]);
    assert_eq!(names(&good), ["a", "b", "c"]);
    // A header that was written over.
    let mut bad = good.clone();
    bad[1024 + 20] ^= 0x55;
    let read = names(&bad);
    assert_eq!(
        (read.len(), read[0].as_str(), read[2].as_str()),
        (3, "a", "c")
    );
    assert!(read[1].contains("checksum"), "{read:?}");
    // The end is missing.
    let read = names(&good[..2000]);
    assert_eq!(
        read,
        [
            "a",
            "! b: the data is cut off or its size is wrong (at byte 1024)"
        ]
    );
    // A size that goes beyond everything.
    let mut huge = Entry::file("a", b"1").bytes();
    huge[124..136].copy_from_slice(b"77777777777\0");
    huge[148..156].fill(b' ');
    let sum: u32 = huge[..512].iter().map(|&b| b as u32).sum();
    huge[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    huge.extend(Entry::file("b", b"2").bytes());
    let read = names(&huge);
    assert!(read[0].starts_with("! a: the data"), "{read:?}");
    assert_eq!(read[1], "b");
    let odd = archive(&[
        Entry {
            kind: b'Z',
            ..Entry::file("odd", b"")
        },
        Entry::file("b", b""),
    ]);
    assert!(names(&odd)[0].starts_with("! odd: this kind"));
    assert_eq!(names(&odd)[1], "b");
    assert_eq!(names(&[]), Vec::<String>::new());
}

#[test]
fn nothing_in_an_archive_makes_the_server_fall() {
    let good = archive(&[
        Entry {
            name: "././@LongLink",
            kind: b'L',
            ..Entry::file("", b"long name\0")
        },
        Entry::file("a", &[1; 600]),
        Entry {
            kind: b'x',
            ..Entry::file("p", b"13 path=abcd\n11 uid=77\n")
        },
        Entry::file("b", b"2"),
        Entry {
            kind: b'5',
            ..Entry::file("d", b"")
        },
        Entry {
            kind: b'2',
            link: "d",
            ..Entry::file("l", b"")
        },
    ]);
    let mut seed = 7u64;
    let mut next = |n: usize| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as usize % n
    };
    let world = World::new();
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..1 + next(6) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
            // Half of the time make the header's sum right again, so that the damage gets further in.
            let block = at / 512 * 512;
            if next(2) == 0 {
                bytes[block + 148..block + 156].fill(b' ');
                let sum: u32 = bytes[block..block + 512].iter().map(|&b| b as u32).sum();
                bytes[block + 148..block + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        bytes.truncate(bytes.len() - next(600));
        world.fs.unpack(&bytes);
    }
}

/// What the host's tar writes, in both of its formats.
#[test]
#[cfg_attr(miri, ignore = "runs other programs")]
fn archives_of_gnu_tar() {
    let folder = std::env::temp_dir().join(format!("k42-kfs-tar-{}", std::process::id()));
    let deep = folder.join("x".repeat(90)).join("y".repeat(90));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("z".repeat(120)), b"deep").unwrap();
    std::fs::write(folder.join("f"), vec![3; 3000]).unwrap();
    std::os::unix::fs::symlink("q".repeat(150), folder.join("l")).unwrap();
    std::fs::hard_link(folder.join("f"), folder.join("g")).unwrap();
    for format in ["gnu", "pax", "ustar"] {
        let mut tar = Command::new("tar");
        tar.args(["--format", format, "-cf", "-", "-C"])
            .arg(&folder)
            .arg(".")
            .stderr(Stdio::null());
        let bytes = match tar.output() {
            Ok(output) if !output.stdout.is_empty() => output.stdout,
            _ => continue,
        };
        let world = World::new();
        let done = world.fs.unpack(&bytes);
        // ustar has no room for the longest names, and tar leaves those members out.
        assert_eq!(
            (done.failed, done.members >= 5),
            (0, true),
            "{format}: {done:?}"
        );
        let c = world.client(20, 0, 0);
        assert_eq!(c.get("g").unwrap(), [3; 3000]);
        if format != "ustar" {
            let path = format!("{}/{}/{}", "x".repeat(90), "y".repeat(90), "z".repeat(120));
            assert_eq!(c.get(&path).unwrap(), b"deep");
            assert_eq!(c.read_link("l").unwrap(), [b'q'; 150]);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn kinds() {
    let kind = |kind| {
        let bytes = archive(&[Entry {
            kind,
            link: "x",
            ..Entry::file("m", b"")
        }]);
        Reader::new(&bytes).next().unwrap().unwrap().kind
    };
    assert_eq!(
        [b'0', 0, b'1', b'2', b'3', b'4', b'5', b'6', b'7'].map(kind),
        [
            Kind::Regular,
            Kind::Regular,
            Kind::HardLink,
            Kind::Symlink,
            Kind::Character,
            Kind::Block,
            Kind::Directory,
            Kind::Fifo,
            Kind::Regular
        ]
    );
}
