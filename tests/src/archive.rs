//! The guest's files as a tree in memory, written out as tar (K42's root
//! archive) or as a `newc` cpio (Linux's initramfs).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// One file of the guest.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory with this mode.
    Dir(u32),
    /// A regular file: mode and content.
    File(u32, Vec<u8>),
    /// A symbolic link to this target.
    Link(String),
    /// A character device: mode, major, minor.
    Char(u32, u32, u32),
}

/// A tree of files, by path without a leading slash; parents sort before children.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

/// Every file carries the same time, so that an archive depends on its content alone.
const TIME: u64 = 1_767_225_600; // 2026-01-01

impl Tree {
    /// Puts a node in, and the directories above it that are not there yet.
    pub fn put(&mut self, path: &str, node: Node) {
        let path = path.trim_matches('/');
        let mut at = 0;
        while let Some(slash) = path[at..].find('/') {
            at += slash;
            self.nodes
                .entry(path[..at].to_string())
                .or_insert(Node::Dir(0o755));
            at += 1;
        }
        self.nodes.insert(path.to_string(), node);
    }

    /// Puts an ordinary file in.
    pub fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.put(path, Node::File(mode, content.into()));
    }

    /// Whether something is at this path.
    pub fn contains(&self, path: &str) -> bool {
        self.nodes.contains_key(path.trim_matches('/'))
    }

    /// Puts all of another tree in, over what is there.
    pub fn merge(&mut self, other: &Self) {
        self.nodes.extend(
            other
                .nodes
                .iter()
                .map(|(path, node)| (path.clone(), node.clone())),
        );
    }

    /// Adds a directory of the host with all that is in it.
    pub fn add_host_dir(&mut self, guest: &str, host: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let entries = std::fs::read_dir(host).with_context(|| host.display().to_string())?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            ensure!(
                !name.is_empty(),
                "a file in {} has no UTF-8 name",
                host.display()
            );
            let path = format!("{guest}/{name}");
            let (host, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                self.put(
                    &path,
                    Node::Dir(entry.metadata()?.permissions().mode() & 0o7777),
                );
                self.add_host_dir(&path, &host)?;
            } else if kind.is_symlink() {
                let target = std::fs::read_link(&host)?;
                self.put(&path, Node::Link(target.to_string_lossy().into_owned()));
            } else if kind.is_file() {
                let mode = entry.metadata()?.permissions().mode() & 0o7777;
                self.file(&path, mode, std::fs::read(&host)?);
            }
        }
        Ok(())
    }

    /// The tree as a POSIX (`ustar`) archive.
    pub fn to_tar(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for (path, node) in &self.nodes {
            let (kind, mode, data, link, dev): (u8, u32, &[u8], &str, (u32, u32)) = match node {
                Node::Dir(mode) => (b'5', *mode, &[], "", (0, 0)),
                Node::File(mode, data) => (b'0', *mode, data, "", (0, 0)),
                Node::Link(to) => (b'2', 0o777, &[], to, (0, 0)),
                Node::Char(mode, major, minor) => (b'3', *mode, &[], "", (*major, *minor)),
            };
            let name = if kind == b'5' {
                format!("{path}/")
            } else {
                path.clone()
            };
            let (prefix, name) =
                split_name(&name).with_context(|| format!("{path}: too long for tar"))?;
            ensure!(link.len() <= 100, "{path}: link too long for tar");
            let mut h = [0u8; 512];
            put(&mut h[0..100], name.as_bytes());
            put(&mut h[100..107], format!("{mode:07o}").as_bytes());
            put(&mut h[108..115], b"0000000");
            put(&mut h[116..123], b"0000000");
            put(&mut h[124..135], format!("{:011o}", data.len()).as_bytes());
            put(&mut h[136..147], format!("{TIME:011o}").as_bytes());
            h[148..156].fill(b' ');
            h[156] = kind;
            put(&mut h[157..257], link.as_bytes());
            put(&mut h[257..265], b"ustar\x0000");
            put(&mut h[265..297], b"root");
            put(&mut h[297..329], b"root");
            put(&mut h[329..336], format!("{:07o}", dev.0).as_bytes());
            put(&mut h[337..344], format!("{:07o}", dev.1).as_bytes());
            put(&mut h[345..500], prefix.as_bytes());
            let sum: u32 = h.iter().map(|b| u32::from(*b)).sum();
            put(&mut h[148..155], format!("{sum:06o}\0").as_bytes());
            out.extend_from_slice(&h);
            out.extend_from_slice(data);
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        Ok(out)
    }

    /// The tree as an initramfs for Linux.
    pub fn to_cpio(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (inode, (path, node)) in self.nodes.iter().enumerate() {
            let (mode, data, dev): (u32, &[u8], (u32, u32)) = match node {
                Node::Dir(mode) => (0o040000 | mode, &[], (0, 0)),
                Node::File(mode, data) => (0o100000 | mode, data, (0, 0)),
                Node::Link(to) => (0o120777, to.as_bytes(), (0, 0)),
                Node::Char(mode, major, minor) => (0o020000 | mode, &[], (*major, *minor)),
            };
            cpio_record(&mut out, inode + 1, path, mode, data, dev);
        }
        cpio_record(&mut out, 0, "TRAILER!!!", 0, &[], (0, 0));
        out
    }
}

fn put(field: &mut [u8], value: &[u8]) {
    field[..value.len()].copy_from_slice(value);
}

/// Splits a path into ustar's prefix (155 bytes) and name (100 bytes).
fn split_name(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    path.match_indices('/')
        .map(|(i, _)| (&path[..i], &path[i + 1..]))
        .find(|(prefix, name)| prefix.len() <= 155 && name.len() <= 100 && !name.is_empty())
}

fn cpio_record(
    out: &mut Vec<u8>,
    inode: usize,
    path: &str,
    mode: u32,
    data: &[u8],
    dev: (u32, u32),
) {
    let fields = [
        inode as u64,
        u64::from(mode),
        0,
        0,
        1,
        TIME,
        data.len() as u64,
        0,
        0,
        u64::from(dev.0),
        u64::from(dev.1),
        path.len() as u64 + 1,
        0,
    ];
    out.extend_from_slice(b"070701");
    for field in fields {
        out.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::default();
        tree.file("/a/b/c", 0o644, "hello");
        tree.put("a/l", Node::Link("b/c".into()));
        tree
    }

    #[test]
    fn parents_come_first() {
        let paths: Vec<_> = sample().nodes.keys().cloned().collect();
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/l"]);
    }

    #[test]
    fn tar_has_good_checksums() {
        let tar = sample().to_tar().unwrap();
        assert_eq!(tar.len() % 512, 0);
        let mut at = 0;
        let mut names = Vec::new();
        while tar[at] != 0 {
            let h = &tar[at..at + 512];
            let field = |r: std::ops::Range<usize>| {
                let s = std::str::from_utf8(&h[r]).unwrap();
                u64::from_str_radix(s.trim_matches(['\0', ' ']), 8).unwrap()
            };
            let sum: u64 = h
                .iter()
                .enumerate()
                .map(|(i, b)| {
                    if (148..156).contains(&i) {
                        32
                    } else {
                        u64::from(*b)
                    }
                })
                .sum();
            assert_eq!(field(148..156), sum);
            names.push(
                String::from_utf8(h[..100].split(|b| *b == 0).next().unwrap().to_vec()).unwrap(),
            );
            at += 512 + (field(124..136) as usize).next_multiple_of(512);
        }
        assert_eq!(names, ["a/", "a/b/", "a/b/c", "a/l"]);
    }

    #[test]
    fn long_names_are_split_or_refused() {
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        assert_eq!(split_name(&long).unwrap().0.len(), 120);
        assert!(split_name(&"x".repeat(101)).is_none());
    }
}
