//! A reader for tar archives: ustar, GNU's long names and large numbers, and pax headers.
//!
//! It reads from memory, copies no data and believes nothing: a header counts only if its checksum is right, every
//! number and length is checked, and after a damaged piece the reader looks for the next good header, so that one bad
//! block does not cost the rest.

use alloc::vec::Vec;
use core::fmt;

const BLOCK: usize = 512;
/// Longest name or pax header that is believed.
const LONG_MAX: u64 = 64 << 10;

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file.
    Regular,
    /// Another name of a member before.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A directory.
    Directory,
    /// A FIFO.
    Fifo,
}

/// One member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// Its name as written.
    pub path: Vec<u8>,
    /// Where a link leads.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of last change, nanoseconds since 1970.
    pub modified: i64,
    /// Device number, major and minor.
    pub device: (u32, u32),
    /// A file's data.
    pub data: &'a [u8],
}

/// A piece that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Where in the archive.
    pub offset: usize,
    /// The member that it is in, as far as known.
    pub name: Vec<u8>,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return write!(f, "at byte {}: {}", self.offset, self.what);
        }
        write!(
            f,
            "{}: {} (at byte {})",
            self.name.escape_ascii(),
            self.what,
            self.offset
        )
    }
}

/// What pax and GNU headers say about the next member.
#[derive(Clone, Default, Debug)]
struct Overrides {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    modified: Option<i64>,
}

/// Goes through an archive.
pub struct Reader<'a> {
    archive: &'a [u8],
    at: usize,
    global: Overrides,
    /// Looking for the next good header after damage that has been reported.
    lost: bool,
}

/// A text field: up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|&b| b == 0).unwrap_or(field.len())]
}

/// A number: octal digits, or GNU's binary form with the top bit set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // Negative numbers (0xff first) have no meaning here.
        let (high, low) = field.split_at(field.len() - 8.min(field.len() - 1));
        let high_is_zero = high
            .iter()
            .enumerate()
            .all(|(i, &b)| if i == 0 { b == 0x80 } else { b == 0 });
        return high_is_zero.then(|| low.iter().fold(0, |sum, &b| sum << 8 | b as u64));
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0u64, |sum, &b| match b {
        b'0'..=b'7' if sum >> 61 == 0 => Some(sum << 3 | (b - b'0') as u64),
        _ => None,
    })
}

/// Whether the block is a header: its sum, with the checksum field taken as blanks, is what that field says.
fn is_header(block: &[u8]) -> bool {
    let sum = |range: &[u8]| range.iter().map(|&b| b as u64).sum::<u64>();
    number(&block[148..156]) == Some(sum(&block[..148]) + 8 * 32 + sum(&block[156..]))
}

impl<'a> Reader<'a> {
    /// At the archive's beginning.
    pub fn new(archive: &'a [u8]) -> Self {
        Self {
            archive,
            at: 0,
            global: Overrides::default(),
            lost: false,
        }
    }

    fn damage(&mut self, offset: usize, name: &[u8], what: &'static str) -> Damage {
        self.lost = true;
        Damage {
            offset,
            name: name.to_vec(),
            what,
        }
    }

    /// The next header: its place and itself. `None` at the end.
    fn header(&mut self) -> Option<Result<(usize, &'a [u8]), Damage>> {
        loop {
            let archive = self.archive;
            let at = self.at;
            let rest = archive.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return None;
            }
            let Some(block) = rest.get(..BLOCK) else {
                self.at = archive.len();
                return (!self.lost)
                    .then(|| Err(self.damage(at, b"", "the archive is cut off in a header")));
            };
            if block.iter().all(|&b| b == 0) {
                if !self.lost {
                    return None;
                }
            } else if is_header(block) {
                self.lost = false;
                self.at = at + BLOCK;
                return Some(Ok((at, block)));
            } else if !self.lost {
                self.at = at + BLOCK;
                return Some(Err(self.damage(
                    at,
                    b"",
                    "this is no header (wrong checksum)",
                )));
            }
            self.at = at + BLOCK;
        }
    }

    /// Takes the data of a member off the archive. If it is cut off, nothing more can follow.
    fn data(&mut self, size: u64) -> Option<&'a [u8]> {
        let archive = self.archive;
        let data = usize::try_from(size)
            .ok()
            .and_then(|size| archive.get(self.at..)?.get(..size))?;
        self.at = (self.at + data.len().next_multiple_of(BLOCK)).min(archive.len());
        Some(data)
    }

    /// The next member with everything that belongs to it.
    fn member(&mut self) -> Option<Result<Member<'a>, Damage>> {
        let mut over = self.global.clone();
        loop {
            let (offset, header) = match self.header()? {
                Ok(header) => header,
                Err(damage) => return Some(Err(damage)),
            };
            let name = name_of(header);
            let kind = header[156];
            let own_size = number(&header[124..136]);
            let is_extra = matches!(kind, b'L' | b'K' | b'x' | b'g');
            let size = if is_extra {
                own_size
            } else {
                over.size.or(own_size)
            };
            let Some(size) = size else {
                return Some(Err(self.damage(offset, &name, "the size is no number")));
            };
            if is_extra && size > LONG_MAX {
                return Some(Err(self.damage(
                    offset,
                    &name,
                    "an extended header is too long",
                )));
            }
            // Only regular files have data; for links some writers note the size of the file.
            let has_data = is_extra || matches!(kind, 0 | b'0' | b'7');
            let Some(data) = self.data(if has_data { size } else { 0 }) else {
                return Some(Err(self.damage(
                    offset,
                    over.path.as_deref().unwrap_or(&name),
                    "the data is cut off or its size is wrong",
                )));
            };
            match kind {
                b'L' => over.path = Some(text(data).to_vec()),
                b'K' => over.link = Some(text(data).to_vec()),
                b'x' => {
                    if pax(data, &mut over).is_none() {
                        return Some(Err(self.damage(
                            offset,
                            &name,
                            "a pax header is not well formed",
                        )));
                    }
                }
                b'g' => {
                    let mut global = self.global.clone();
                    if pax(data, &mut global).is_none() {
                        return Some(Err(self.damage(
                            offset,
                            &name,
                            "a pax header is not well formed",
                        )));
                    }
                    self.global = global.clone();
                    over = global;
                }
                _ => return Some(self.finish(offset, header, name, over, data)),
            }
        }
    }

    fn finish(
        &mut self,
        offset: usize,
        header: &[u8],
        name: Vec<u8>,
        over: Overrides,
        data: &'a [u8],
    ) -> Result<Member<'a>, Damage> {
        let path = over.path.unwrap_or(name);
        let kind = match header[156] {
            // Old archives mark directories by a slash only.
            0 | b'0' | b'7' if path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' => Kind::Regular,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Character,
            b'4' => Kind::Block,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            _ => return Err(self.not_lost(offset, &path, "this kind of member is not known")),
        };
        let field = |from: usize, to: usize| number(&header[from..to]);
        let small = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
        let numbers = (|| {
            Some((
                small(field(100, 108))? & 0o7777,
                small(over.uid.or_else(|| field(108, 116)))?,
                small(over.gid.or_else(|| field(116, 124)))?,
                small(field(329, 337))?,
                small(field(337, 345))?,
            ))
        })();
        let Some((mode, uid, gid, major, minor)) = numbers else {
            return Err(self.not_lost(offset, &path, "a number in the header is wrong"));
        };
        let seconds =
            || field(136, 148).and_then(|s| i64::try_from(s).ok()?.checked_mul(1_000_000_000));
        let modified = over.modified.or_else(seconds).unwrap_or(0);
        let link = over
            .link
            .unwrap_or_else(|| text(&header[157..257]).to_vec());
        Ok(Member {
            path,
            link,
            kind,
            mode,
            uid,
            gid,
            modified,
            device: (major, minor),
            data,
        })
    }

    /// Damage in one member only: the reader knows where the next one is.
    fn not_lost(&mut self, offset: usize, name: &[u8], what: &'static str) -> Damage {
        let damage = self.damage(offset, name, what);
        self.lost = false;
        damage
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Member<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        self.member()
    }
}

/// The name in a header; ustar has a prefix for it.
fn name_of(header: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    if &header[257..263] == b"ustar\0" {
        let prefix = text(&header[345..500]);
        name.extend_from_slice(prefix);
        if !prefix.is_empty() {
            name.push(b'/');
        }
    }
    name.extend_from_slice(text(&header[..100]));
    name
}

/// Reads pax records: `LENGTH KEY=VALUE\n`, where the length counts the whole record.
fn pax(mut data: &[u8], over: &mut Overrides) -> Option<()> {
    let decimal = |value: &[u8]| core::str::from_utf8(value).ok()?.parse::<u64>().ok();
    // Some writers fill up with zeroes.
    while data.first().is_some_and(|&b| b != 0) {
        let blank = data.iter().position(|&b| b == b' ')?;
        let length = usize::try_from(decimal(&data[..blank])?).ok()?;
        let record = data.get(blank + 1..length)?.strip_suffix(b"\n")?;
        data = &data[length..];
        let equals = record.iter().position(|&b| b == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => over.path = Some(value.to_vec()),
            b"linkpath" => over.link = Some(value.to_vec()),
            b"size" => over.size = Some(decimal(value)?),
            b"uid" => over.uid = Some(decimal(value)?),
            b"gid" => over.gid = Some(decimal(value)?),
            b"mtime" => over.modified = time(value),
            // Times of access, names of users, extended attributes: not kept here.
            _ => {}
        }
    }
    Some(())
}

/// Seconds with a fraction, as nanoseconds. Times before 1970 and far away ones are not kept.
fn time(value: &[u8]) -> Option<i64> {
    let value = core::str::from_utf8(value).ok()?;
    let (seconds, fraction) = value.split_once('.').unwrap_or((value, ""));
    let seconds: i64 = seconds.parse().ok()?;
    let mut nanoseconds = 0;
    for i in 0..9 {
        let digit = fraction.as_bytes().get(i).copied().unwrap_or(b'0');
        nanoseconds = nanoseconds * 10 + digit.is_ascii_digit().then_some((digit - b'0') as i64)?;
    }
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}
