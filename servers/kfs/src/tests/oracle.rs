//! KFS against Linux: the same random operations on both, and every result compared.
//!
//! Linux is the host's own, in a folder of its temporary directory. Both sides see the same few names, so that the
//! operations meet each other's results; errors must be equal, and so must what the files hold.

use crate::mock::{Client, File, World};
use k42_fslib::linux::{open as flag, seek};
use k42_ipc::Error;
use std::ffi::CString;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

/// What one operation gave: a value, or an error number.
type Outcome = Result<Vec<u8>, i32>;

struct Linux {
    root: PathBuf,
}

/// O_* of Power as those of the host.
fn host_flags(flags: u32) -> i32 {
    let pairs = [
        (flag::CREATE, libc::O_CREAT),
        (flag::EXCLUSIVE, libc::O_EXCL),
        (flag::TRUNCATE, libc::O_TRUNC),
        (flag::APPEND, libc::O_APPEND),
        (flag::DIRECTORY, libc::O_DIRECTORY),
        (flag::NO_FOLLOW, libc::O_NOFOLLOW),
    ];
    let more: i32 = pairs
        .iter()
        .filter(|(ours, _)| flags & ours != 0)
        .map(|(_, theirs)| theirs)
        .sum();
    (flags & 3) as i32 | more
}

/// A call of the host's that takes paths and numbers.
macro_rules! host {
    ($name:ident($($argument:expr),*)) => {
        // SAFETY: the paths end with NUL and live until the call is over; nothing is written to.
        status(unsafe { libc::$name($($argument),*) } as i32)
    };
}

fn status(result: i32) -> Outcome {
    if result < 0 {
        Err(errno())
    } else {
        Ok(Vec::new())
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn io<T>(result: std::io::Result<T>) -> Result<T, i32> {
    result.map_err(|error| error.raw_os_error().unwrap_or(0))
}

fn ours<T>(result: k42_ipc::Result<T>) -> Result<T, i32> {
    result.map_err(|error| error.code() as i32)
}

impl Linux {
    fn path(&self, name: &str) -> CString {
        CString::new(format!("{}/{name}", self.root.display())).unwrap()
    }

    fn open(&self, name: &str, flags: u32, mode: u32) -> Result<std::fs::File, i32> {
        use std::os::fd::FromRawFd;
        // SAFETY: a path that ends with NUL; a descriptor that is nobody else's.
        unsafe {
            let fd = libc::open(
                self.path(name).as_ptr(),
                host_flags(flags) | libc::O_CLOEXEC,
                mode,
            );
            if fd < 0 {
                Err(errno())
            } else {
                Ok(std::fs::File::from_raw_fd(fd))
            }
        }
    }

    fn stat(&self, name: &str) -> Outcome {
        let meta = io(std::fs::symlink_metadata(self.root.join(name)))?;
        let directory = meta.is_dir();
        // The size of a directory is the file system's own business.
        let size = if directory { 0 } else { meta.size() };
        Ok(format!("{:o} {} {}", meta.mode(), meta.nlink(), size).into())
    }
}

fn our_stat(c: &Client, name: &str) -> Outcome {
    let a = ours(c.lstat(name))?;
    let size = if a.mode & 0o170000 == 0o040000 {
        0
    } else {
        a.size
    };
    Ok(format!("{:o} {} {}", a.mode, a.links, size).into())
}

struct Dice(u64);
impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.roll(choices.len())]
    }
}

const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "d/a",
    "d/b",
    "d/d",
    "d/d/a",
    "d/d/b",
    "d/../a",
    "./b",
    "d/.",
    "d/..",
    "a/",
    "d/",
    "b/x",
    "l",
    "l/",
    "l/a",
    "m",
    "m/b",
    "nope/x",
    "d/nope/",
    "d/d/",
    "d/d/..",
    "c/",
    "l2",
    "l2/",
    "d/d/../../b",
];
const TARGETS: &[&str] = &["a", "d", "d/d", "../a", "l", "nope", "m/../b", "b/", "./d/"];
const FLAGS: &[u32] = &[
    0,
    1,
    2,
    flag::CREATE | 1,
    flag::CREATE | 2,
    flag::CREATE | flag::EXCLUSIVE | 2,
    flag::CREATE | flag::TRUNCATE | 2,
    flag::TRUNCATE | 1,
    flag::DIRECTORY,
    flag::NO_FOLLOW,
    flag::NO_FOLLOW | flag::CREATE | 2,
    flag::TRUNCATE,
    flag::DIRECTORY | flag::NO_FOLLOW,
    flag::DIRECTORY | 1,
];
const RENAMES: &[u32] = &[0, 0, 0, 1, 2];

/// One random operation on both sides: what was done, and the two outcomes.
fn step(dice: &mut Dice, c: &Client, linux: &Linux) -> (String, Outcome, Outcome) {
    let (x, y) = (dice.of(NAMES), dice.of(NAMES));
    let (px, py) = (linux.path(x), linux.path(y));
    let empty = |result: k42_ipc::Result<()>| ours(result).map(|()| Vec::new());
    match dice.roll(12) {
        0 => (
            format!("mkdir {x}"),
            empty(c.mkdir(x, 0o755)),
            host!(mkdir(px.as_ptr(), 0o755)),
        ),
        1 => (
            format!("rmdir {x}"),
            empty(c.rmdir(x)),
            host!(rmdir(px.as_ptr())),
        ),
        2 => (
            format!("unlink {x}"),
            empty(c.unlink(x)),
            host!(unlink(px.as_ptr())),
        ),
        3 => (
            format!("link {x} {y}"),
            empty(c.link(x, y)),
            host!(link(px.as_ptr(), py.as_ptr())),
        ),
        4 => {
            let target = dice.of(TARGETS);
            let text = CString::new(target).unwrap();
            let theirs = host!(symlink(text.as_ptr(), px.as_ptr()));
            (
                format!("symlink {target} {x}"),
                empty(c.symlink(target, x)),
                theirs,
            )
        }
        5 | 6 => {
            let flags = RENAMES[dice.roll(RENAMES.len())];
            let at = libc::AT_FDCWD;
            let theirs = host!(syscall(
                libc::SYS_renameat2,
                at,
                px.as_ptr(),
                at,
                py.as_ptr(),
                flags
            ));
            (
                format!("rename {x} {y} {flags}"),
                empty(c.rename(x, y, flags)),
                theirs,
            )
        }
        7 => {
            let theirs = io(std::fs::read_link(linux.root.join(x)));
            let theirs = theirs.map(|path| path.into_os_string().into_encoded_bytes());
            (format!("readlink {x}"), ours(c.read_link(x)), theirs)
        }
        8 => {
            let size = dice.roll(9000) as u64;
            let theirs = host!(truncate(px.as_ptr(), size as i64));
            (
                format!("truncate {x} {size}"),
                empty(c.truncate(x, size)),
                theirs,
            )
        }
        9 => {
            let mode = [0o644, 0o755, 0o4755, 0o1777][dice.roll(4)];
            (
                format!("chmod {x} {mode:o}"),
                empty(c.chmod(x, mode)),
                host!(chmod(px.as_ptr(), mode)),
            )
        }
        _ => {
            let flags = FLAGS[dice.roll(FLAGS.len())];
            let (offset, length, byte) = (
                dice.roll(6000) as u64,
                dice.roll(5000),
                dice.roll(255) as u8 + 1,
            );
            let data = vec![byte; length];
            let writes = flags & 3 != 0;
            let our_side = ours(c.open(x, flags, 0o644)).and_then(|file| {
                let result = if writes {
                    ours(file.pwrite(offset, &data)).map(|n| vec![(n as usize == length) as u8])
                } else {
                    ours(file.pread(offset, length))
                };
                ours(file.close())?;
                result
            });
            let their_side = linux.open(x, flags, 0o644).and_then(|file| {
                if writes {
                    return io(file.write_at(&data, offset)).map(|n| vec![(n == length) as u8]);
                }
                let mut buffer = vec![0; length];
                let n = io(file.read_at(&mut buffer, offset))?;
                Ok(buffer[..n].to_vec())
            });
            (
                format!("open {x} {flags:o}, {offset} {length}"),
                our_side,
                their_side,
            )
        }
    }
}

fn compare_all(c: &Client, linux: &Linux, log: &[String]) {
    for name in [
        "a", "b", "c", "d", "d/a", "d/b", "d/d", "d/d/a", "d/d/b", "l", "m", "l2",
    ] {
        assert_eq!(our_stat(c, name), linux.stat(name), "{name} after {log:#?}");
        if let Ok(data) = std::fs::read(linux.root.join(name)) {
            assert!(c.get(name) == Ok(data), "contents of {name} after {log:#?}");
        }
        if let Ok(entries) = std::fs::read_dir(linux.root.join(name)) {
            let mut names: Vec<String> = entries
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.extend([".".into(), "..".into()]);
            names.sort();
            assert_eq!(c.list(name), Ok(names), "entries of {name} after {log:#?}");
        }
    }
}

fn folder(name: &str) -> Linux {
    // SAFETY: no other thread of the tests depends on it.
    unsafe { libc::umask(0) };
    // Two levels, so that `..` leads nowhere else.
    let root = std::env::temp_dir().join(format!("k42-kfs-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    let root = root.join("top");
    std::fs::create_dir_all(&root).unwrap();
    Linux { root }
}

#[test]
#[cfg_attr(miri, ignore = "calls the host")]
fn random_operations() {
    // As another user the host answers differently.
    // SAFETY: no arguments.
    let uid = unsafe { libc::getuid() };
    for seed in 0..150 {
        let linux = folder("random");
        let world = World::new();
        world.client(20, 0, 0).mkdir("top", 0o777).unwrap();
        let root = world.client(20, uid, uid);
        let c = root.below("top");
        let mut dice = Dice(seed);
        let mut log = Vec::new();
        for _ in 0..300 {
            let (what, ours, theirs) = step(&mut dice, &c, &linux);
            let brief = |o: &Outcome| {
                o.as_ref()
                    .map(Vec::len)
                    .map_err(|e| Error::from_code(*e as u16))
            };
            log.push(format!("{what}: {:?}", brief(&theirs)));
            let recent = &log[log.len().saturating_sub(40)..];
            assert!(
                ours == theirs,
                "seed {seed}: KFS {:?}, Linux {:?}: {recent:#?}",
                brief(&ours),
                brief(&theirs)
            );
        }
        compare_all(&c, &linux, &log);
        std::fs::remove_dir_all(linux.root.parent().unwrap()).unwrap();
    }
}

/// Reads, writes, holes and lengths of one file, against the host's.
#[test]
#[cfg_attr(miri, ignore = "calls the host")]
fn random_data() {
    for seed in 0..60 {
        let linux = folder("data");
        let world = World::new();
        let c = world.client(20, 0, 0);
        let flags = flag::CREATE | 2 | if seed % 4 == 0 { flag::APPEND } else { 0 };
        let file: File = c.open("f", flags, 0o644).unwrap();
        let theirs = linux.open("f", flags, 0o644).unwrap();
        let mut dice = Dice(seed);
        // Some files stay small, some grow over windows.
        let range = [3000, 20_000, 200_000, 9_000_000][seed as usize % 4];
        for _ in 0..200 {
            let (offset, length) = (dice.roll(range) as u64, 1 + dice.roll(8000));
            match dice.roll(8) {
                0..3 => {
                    let data = vec![dice.roll(255) as u8 + 1; length];
                    assert_eq!(
                        ours(file.pwrite(offset, &data)),
                        io(theirs.write_at(&data, offset)).map(|n| n as u32)
                    );
                }
                3..6 => {
                    let mut buffer = vec![0; length];
                    let n = theirs.read_at(&mut buffer, offset).unwrap();
                    assert!(
                        file.pread(offset, length).unwrap() == buffer[..n],
                        "seed {seed}: {offset} {length}"
                    );
                }
                6 => {
                    file.truncate(offset).unwrap();
                    theirs.set_len(offset).unwrap();
                }
                _ => {
                    let size = theirs.metadata().unwrap().len();
                    assert_eq!(file.stat().unwrap().size, size);
                    assert_eq!(
                        ours(file.seek(offset as i64, seek::DATA)).is_ok(),
                        offset < size && file.seek(offset as i64, seek::DATA).is_ok()
                    );
                }
            }
        }
        let all = std::fs::read(linux.root.join("f")).unwrap();
        assert!(c.get("f").unwrap() == all, "seed {seed}");
        // Data is only where DATA says it is.
        let mut at = 0;
        while let Ok(start) = file.seek(at, seek::DATA) {
            assert!(all[at as usize..start as usize].iter().all(|&b| b == 0));
            at = file.seek(start as i64, seek::HOLE).unwrap() as i64;
        }
        assert!(all[at as usize..].iter().all(|&b| b == 0));
        file.close().unwrap();
        c.unlink("f").unwrap();
        assert_eq!(
            (world.store.objects(), world.fs.resources.pages.used()),
            (0, 0)
        );
        std::fs::remove_dir_all(linux.root.parent().unwrap()).unwrap();
    }
}
