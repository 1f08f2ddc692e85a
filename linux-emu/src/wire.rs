//! Structures of the Linux ABI on 64-bit Power, written field by field at the offsets of Linux's headers.
//!
//! They are spelled out because the host's headers differ; when the library is compiled for Power the
//! offsets are checked against the types of `linux-raw-sys`.

use k42_api::files::{Attributes, FileSystemInfo};

/// Puts words into a structure of `N` bytes in the process's byte order.
pub struct Layout<const N: usize>(pub [u8; N]);

impl<const N: usize> Layout<N> {
    /// All zero.
    pub const fn new() -> Self {
        Self([0; N])
    }
    /// A 64-bit field.
    pub fn u64(&mut self, at: usize, value: u64) -> &mut Self {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        self
    }
    /// A 32-bit field.
    pub fn u32(&mut self, at: usize, value: u32) -> &mut Self {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }
    /// A 16-bit field.
    pub fn u16(&mut self, at: usize, value: u16) -> &mut Self {
        self.0[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        self
    }
}

impl<const N: usize> Default for Layout<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Seconds and nanoseconds of a signed time.
pub fn split_time(ns: i64) -> (i64, i64) {
    (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000))
}

/// Bytes of `struct stat`.
pub const STAT: usize = 144;

/// `struct stat`.
pub fn stat(a: &Attributes) -> Layout<STAT> {
    let mut out = Layout::<STAT>::new();
    out.u64(0, a.device)
        .u64(8, a.inode)
        .u64(16, u64::from(a.links))
        .u32(24, a.mode)
        .u32(28, a.uid)
        .u32(32, a.gid);
    out.u64(40, a.rdev)
        .u64(48, a.size)
        .u64(56, u64::from(a.block_size))
        .u64(64, a.blocks);
    for (at, ns) in [(72, a.accessed), (88, a.modified), (104, a.changed)] {
        let (seconds, rest) = split_time(ns);
        out.u64(at, seconds as u64).u64(at + 8, rest as u64);
    }
    out
}

/// Bytes of `struct statx`.
pub const STATX: usize = 256;

/// `struct statx` with everything of STATX_BASIC_STATS and the time of birth.
pub fn statx(a: &Attributes) -> Layout<STATX> {
    const MASK: u32 = 0xfff;
    let mut out = Layout::<STATX>::new();
    out.u32(0, MASK)
        .u32(4, a.block_size)
        .u32(16, a.links)
        .u32(20, a.uid)
        .u32(24, a.gid)
        .u16(28, a.mode as u16);
    out.u64(32, a.inode).u64(40, a.size).u64(48, a.blocks);
    for (at, ns) in [
        (64, a.accessed),
        (80, a.created),
        (96, a.changed),
        (112, a.modified),
    ] {
        let (seconds, rest) = split_time(ns);
        out.u64(at, seconds as u64).u32(at + 8, rest as u32);
    }
    out.u32(128, major(a.rdev))
        .u32(132, minor(a.rdev))
        .u32(136, major(a.device))
        .u32(140, minor(a.device));
    out
}

/// Major number of a device.
pub fn major(device: u64) -> u32 {
    (device >> 8 & 0xfff | device >> 32 & 0xffff_f000) as u32
}
/// Minor number.
pub fn minor(device: u64) -> u32 {
    (device & 0xff | device >> 12 & 0xffff_ff00) as u32
}

/// Bytes of `struct statfs` and `struct statfs64`, which are the same.
pub const STATFS: usize = 120;

/// `struct statfs`.
pub fn statfs(info: &FileSystemInfo) -> [u8; STATFS] {
    let mut out = Layout::<STATFS>::new();
    let fields = [
        info.kind,
        info.block_size,
        info.blocks,
        info.free,
        info.available,
        info.files,
        info.files_free,
        info.id,
        info.name_length,
        info.block_size,
        info.flags | ST_VALID,
    ];
    for (index, value) in fields.into_iter().enumerate() {
        if index == 7 {
            out.u32(56, value as u32).u32(60, (value >> 32) as u32);
        } else {
            out.u64(index * 8, value);
        }
    }
    out.0
}
/// Linux marks f_flags as filled in.
const ST_VALID: u64 = 0x20;

/// `struct rusage` bytes.
pub const RUSAGE: usize = 144;

/// `struct rusage` from nanoseconds, bytes and counts.
pub fn rusage(user: u64, system: u64, resident: u64, faults: u64) -> [u8; RUSAGE] {
    let mut out = Layout::<RUSAGE>::new();
    for (at, ns) in [(0, user), (16, system)] {
        out.u64(at, ns / 1_000_000_000)
            .u64(at + 8, ns % 1_000_000_000 / 1000);
    }
    out.u64(32, resident >> 10).u64(64, faults);
    out.0
}

#[cfg(target_arch = "powerpc64")]
mod check {
    //! The offsets above, against Linux's headers.
    use core::mem::offset_of;
    use linux_raw_sys::general::{rusage, stat, statfs64, statx};
    const _: () = {
        assert!(size_of::<stat>() == super::STAT && size_of::<statx>() == super::STATX);
        assert!(size_of::<statfs64>() == super::STATFS && size_of::<rusage>() == super::RUSAGE);
        assert!(
            offset_of!(stat, st_nlink) == 16
                && offset_of!(stat, st_mode) == 24
                && offset_of!(stat, st_gid) == 32
        );
        assert!(
            offset_of!(stat, st_rdev) == 40
                && offset_of!(stat, st_blksize) == 56
                && offset_of!(stat, st_blocks) == 64
        );
        assert!(offset_of!(stat, st_atime) == 72 && offset_of!(stat, st_ctime) == 104);
        assert!(
            offset_of!(statx, stx_nlink) == 16
                && offset_of!(statx, stx_mode) == 28
                && offset_of!(statx, stx_ino) == 32
        );
        assert!(
            offset_of!(statx, stx_atime) == 64
                && offset_of!(statx, stx_btime) == 80
                && offset_of!(statx, stx_ctime) == 96
        );
        assert!(
            offset_of!(statx, stx_mtime) == 112
                && offset_of!(statx, stx_rdev_major) == 128
                && offset_of!(statx, stx_dev_major) == 136
        );
        assert!(
            offset_of!(statfs64, f_fsid) == 56
                && offset_of!(statfs64, f_namelen) == 64
                && offset_of!(statfs64, f_flags) == 80
        );
        assert!(offset_of!(rusage, ru_maxrss) == 32 && offset_of!(rusage, ru_minflt) == 64);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_have_positive_nanoseconds() {
        assert_eq!(split_time(-1), (-1, 999_999_999));
        assert_eq!(split_time(1_500_000_000), (1, 500_000_000));
    }

    #[test]
    fn device_numbers() {
        let device = 0x88u64 << 8 | 3;
        assert_eq!((major(device), minor(device)), (0x88, 3));
    }
}
