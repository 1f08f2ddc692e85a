//! A tree of files in memory: read from a tar archive or a folder, changed, written as a
//! tar archive that depends on nothing but the files.

use super::EPOCH;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path};
use tar::{Archive, Builder, EntryType, Header};

/// Files by their path, which has no slash at either end; parents sort before children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

/// A file of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-id and sticky.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u64, u64),
    /// Modification time in seconds.
    pub mtime: u64,
}

/// The kinds of file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File(Vec<u8>),
    /// A directory.
    Directory,
    /// A symbolic link with its text.
    Symlink(String),
    /// One more name of the file with this path.
    Hardlink(String),
    /// A device: character or block, major and minor number.
    Device { block: bool, major: u32, minor: u32 },
    /// A named pipe.
    Fifo,
}

impl Entry {
    /// An entry of root's, made by the tool.
    pub fn new(kind: Kind, mode: u32) -> Self {
        Entry {
            kind,
            mode,
            owner: (0, 0),
            mtime: EPOCH,
        }
    }
}

impl Tree {
    /// Reads a whole tar archive. Any fault in it is an error: a bad checksum, a header
    /// that makes no sense, missing data, a missing end mark.
    pub fn from_tar(bytes: &[u8]) -> Result<Self> {
        let end = bytes.len().saturating_sub(1024);
        ensure!(!bytes.is_empty(), "it is empty");
        ensure!(
            bytes.len() >= 1024 && bytes[end..].iter().all(|&b| b == 0),
            "it has no end mark (cut short, or not an unpacked tar archive)"
        );
        let mut tree = Tree::default();
        let mut archive = Archive::new(Cursor::new(bytes));
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.into_owned();
            let path = clean(&name).with_context(|| format!("entry {}", name.display()))?;
            let kind = read_kind(&mut entry).with_context(|| format!("entry {path}"))?;
            let header = entry.header();
            let (Some(kind), false) = (kind, path.is_empty()) else {
                continue;
            };
            let value = Entry {
                kind,
                mode: header.mode()? & 0o7777,
                owner: (header.uid()?, header.gid()?),
                mtime: header.mtime()?.min(EPOCH),
            };
            tree.entries.insert(path, value);
        }
        for (path, entry) in &tree.entries {
            if let Kind::Hardlink(target) = &entry.kind
                && !matches!(
                    tree.get(target),
                    Some(Entry {
                        kind: Kind::File(_),
                        ..
                    })
                )
            {
                bail!("{path} is a link to {target}, which is not there");
            }
        }
        Ok(tree)
    }

    /// Puts a file or a whole folder of the host at `path`. It will belong to root and
    /// have the time of all that is generated.
    pub fn add(&mut self, host: &Path, path: &str) -> Result<()> {
        let metadata = fs::symlink_metadata(host)?;
        // What the user names may be a link; inside a folder a link stays a link.
        let metadata = if metadata.is_symlink() {
            fs::metadata(host)?
        } else {
            metadata
        };
        self.add_as(host, path, &metadata)
    }

    fn add_as(&mut self, host: &Path, path: &str, metadata: &fs::Metadata) -> Result<()> {
        let kind = metadata.file_type();
        let mode = metadata.permissions().mode() & 0o7777;
        if kind.is_dir() {
            if !path.is_empty() {
                self.directory(path, mode);
            }
            for entry in fs::read_dir(host)? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_str().context("a file name is not UTF-8")?;
                let child = if path.is_empty() {
                    name.into()
                } else {
                    format!("{path}/{name}")
                };
                self.add_as(&entry.path(), &child, &entry.metadata()?)
                    .with_context(|| entry.path().display().to_string())?;
            }
            return Ok(());
        }
        let kind = if kind.is_symlink() {
            let target = fs::read_link(host)?;
            Kind::Symlink(target.to_str().context("a link is not UTF-8")?.into())
        } else if kind.is_file() {
            Kind::File(fs::read(host)?)
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_char_device() || kind.is_block_device() {
            let device = metadata.rdev();
            Kind::Device {
                block: kind.is_block_device(),
                major: rustix::fs::major(device),
                minor: rustix::fs::minor(device),
            }
        } else {
            bail!("a socket cannot be put into an archive");
        };
        self.insert(path, Entry::new(kind, mode));
        Ok(())
    }

    /// Puts all of another tree on top.
    pub fn merge(&mut self, other: Tree) {
        for (path, entry) in other.entries {
            match entry.kind {
                Kind::Directory => self.directory(&path, entry.mode),
                _ => self.insert(&path, entry),
            }
        }
    }

    /// The entry at a path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Puts an entry at a path, in place of what was there, with the folders above it.
    /// Where a folder above is a link (a merged /usr), the entry goes to where it leads.
    pub fn insert(&mut self, path: &str, entry: Entry) {
        let path = self.real(path);
        let mut at = 0;
        while let Some(slash) = path[at..].find('/') {
            self.directory(&path[..at + slash], 0o755);
            at += slash + 1;
        }
        self.entries.insert(path, entry);
    }

    /// Puts an entry at a path if nothing is there.
    pub fn insert_new(&mut self, path: &str, entry: Entry) {
        if !self.entries.contains_key(&self.real(path)) {
            self.insert(path, entry);
        }
    }

    /// Makes a directory if nothing is there.
    pub fn directory(&mut self, path: &str, mode: u32) {
        let path = self.real(path);
        self.entries
            .entry(path)
            .or_insert_with(|| Entry::new(Kind::Directory, mode));
    }

    /// Removes what lies below a path.
    pub fn clear(&mut self, path: &str) {
        let prefix = format!("{path}/");
        self.entries.retain(|p, _| !p.starts_with(&prefix));
    }

    /// Removes an entry and what lies below it.
    pub fn remove(&mut self, path: &str) {
        self.clear(path);
        self.entries.remove(path);
    }

    /// The path with links among its first components followed once.
    fn real(&self, path: &str) -> String {
        if let Some((first, rest)) = path.split_once('/')
            && let Some(Entry {
                kind: Kind::Symlink(target),
                ..
            }) = self.entries.get(first)
        {
            return format!("{}/{rest}", target.trim_matches('/'));
        }
        path.into()
    }

    /// Writes everything as a tar archive, sorted, hard links after the rest so that what
    /// they name is already there. Long names take GNU's extension.
    pub fn write_tar(&self, out: impl Write) -> Result<()> {
        let mut builder = Builder::new(out);
        let is_link = |e: &Entry| matches!(e.kind, Kind::Hardlink(_));
        let first = self.entries.iter().filter(|(_, e)| !is_link(e));
        let links = self.entries.iter().filter(|(_, e)| is_link(e));
        for (path, entry) in first.chain(links) {
            write_entry(&mut builder, path, entry).with_context(|| format!("entry {path}"))?;
        }
        builder.into_inner()?.flush()?;
        Ok(())
    }
}

/// A path of an archive without `.` and slashes at its ends; `..` is refused.
fn clean(path: &Path) -> Result<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str().context("not UTF-8")?),
            Component::CurDir | Component::RootDir => {}
            _ => bail!("its path leads outside the archive"),
        }
    }
    Ok(parts.join("/"))
}

/// What an entry of an archive is; `None` for kinds that carry no file.
fn read_kind<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Option<Kind>> {
    let header = entry.header();
    let device = |block| -> Result<Option<Kind>> {
        Ok(Some(Kind::Device {
            block,
            major: header.device_major()?.unwrap_or(0),
            minor: header.device_minor()?.unwrap_or(0),
        }))
    };
    Ok(Some(match header.entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let size = usize::try_from(entry.size())?;
            let mut data = Vec::new();
            entry.read_to_end(&mut data)?;
            ensure!(
                data.len() == size,
                "{} of {size} bytes are there",
                data.len()
            );
            Kind::File(data)
        }
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => {
            let name = entry.link_name()?.context("a link without a target")?;
            Kind::Symlink(name.to_str().context("a link is not UTF-8")?.into())
        }
        EntryType::Link => Kind::Hardlink(clean(
            &entry.link_name()?.context("a link without a target")?,
        )?),
        EntryType::Char => return device(false),
        EntryType::Block => return device(true),
        EntryType::Fifo => Kind::Fifo,
        EntryType::XGlobalHeader => return Ok(None),
        other => bail!("unknown kind of entry {other:?}"),
    }))
}

fn write_entry<W: Write>(builder: &mut Builder<W>, path: &str, entry: &Entry) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.0);
    header.set_gid(entry.owner.1);
    header.set_mtime(entry.mtime);
    header.set_size(0);
    match &entry.kind {
        Kind::File(data) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(data.len() as u64);
            builder.append_data(&mut header, path, data.as_slice())?;
            return Ok(());
        }
        Kind::Symlink(target) => {
            header.set_entry_type(EntryType::Symlink);
            return Ok(builder.append_link(&mut header, path, target)?);
        }
        Kind::Hardlink(target) => {
            header.set_entry_type(EntryType::Link);
            return Ok(builder.append_link(&mut header, path, target)?);
        }
        Kind::Directory => header.set_entry_type(EntryType::Directory),
        Kind::Fifo => header.set_entry_type(EntryType::Fifo),
        Kind::Device {
            block,
            major,
            minor,
        } => {
            header.set_entry_type(if *block {
                EntryType::Block
            } else {
                EntryType::Char
            });
            header.set_device_major(*major)?;
            header.set_device_minor(*minor)?;
        }
    }
    builder.append_data(&mut header, path, std::io::empty())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::default();
        tree.insert("bin/sh", Entry::new(Kind::File(b"#!".to_vec()), 0o755));
        tree.insert("a/link", Entry::new(Kind::Hardlink("bin/sh".into()), 0o755));
        tree.insert(
            "etc/self",
            Entry::new(Kind::Symlink("/proc/self".into()), 0o777),
        );
        tree.insert(
            &format!("deep/{}end", "x/".repeat(80)),
            Entry::new(Kind::Fifo, 0o600),
        );
        let null = Kind::Device {
            block: false,
            major: 1,
            minor: 3,
        };
        tree.insert("dev/null", Entry::new(null, 0o666));
        tree
    }

    fn bytes(tree: &Tree) -> Vec<u8> {
        let mut out = Vec::new();
        tree.write_tar(&mut out).expect("writes to memory");
        out
    }

    #[test]
    fn a_tree_survives_the_archive() {
        let tree = sample();
        let back = Tree::from_tar(&bytes(&tree)).expect("reads back");
        let long = format!("deep/{}end", "x/".repeat(80));
        assert!(tree.get(&long).is_some() && back.get(&long).is_some());
        let differs = tree.entries.iter().find(|(p, e)| back.get(p) != Some(e));
        assert_eq!((back.entries.len(), differs), (tree.entries.len(), None));
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = bytes(&sample());
        for cut in (0..whole.len() - 1024).step_by(97) {
            assert!(Tree::from_tar(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_header_is_noticed() {
        let mut whole = bytes(&sample());
        whole[3] ^= 0x20;
        assert!(Tree::from_tar(&whole).is_err());
    }

    #[test]
    fn paths_cannot_escape() {
        assert!(clean(Path::new("../etc")).is_err());
        assert_eq!(
            clean(Path::new("./etc//passwd/")).expect("fine"),
            "etc/passwd"
        );
    }

    #[test]
    fn a_merged_usr_is_followed() {
        let mut tree = Tree::default();
        tree.insert("bin", Entry::new(Kind::Symlink("usr/bin".into()), 0o777));
        tree.insert("bin/ls", Entry::new(Kind::Fifo, 0o644));
        assert!(tree.get("usr/bin/ls").is_some() && tree.get("bin/ls").is_none());
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        assert_eq!(bytes(&sample()), bytes(&sample()));
    }
}
