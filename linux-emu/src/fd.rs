//! The table of file descriptors: numbers to open files. Lowest free number first.

use alloc::vec::Vec;
use k42_abi::{Error, Result};

/// What a number stands for.
#[derive(Clone, Debug)]
struct Entry<T> {
    file: T,
    close_on_exec: bool,
}

/// Numbers to open files of type `T` (a counted reference).
#[derive(Clone, Debug)]
pub struct FdTable<T> {
    entries: Vec<Option<Entry<T>>>,
    /// No number below this is free.
    lowest: usize,
    /// RLIMIT_NOFILE.
    limit: usize,
}

/// The table never grows beyond this, whatever the limit says.
pub const MAXIMUM: usize = 1 << 20;

impl<T: Clone> FdTable<T> {
    /// An empty table.
    pub const fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            lowest: 0,
            limit,
        }
    }

    /// A copy that refers to the same files.
    pub fn try_clone(&self) -> Result<Self> {
        let mut entries = Vec::new();
        entries
            .try_reserve_exact(self.entries.len())
            .map_err(|_| Error::ENOMEM)?;
        entries.extend(self.entries.iter().cloned());
        Ok(Self {
            entries,
            lowest: self.lowest,
            limit: self.limit,
        })
    }

    /// The file of `fd`.
    #[inline]
    pub fn get(&self, fd: i32) -> Result<&T> {
        match self.entries.get(fd as usize) {
            Some(Some(entry)) if fd >= 0 => Ok(&entry.file),
            _ => Err(Error::EBADF),
        }
    }

    /// The close-on-exec flag of `fd`.
    pub fn close_on_exec(&self, fd: i32) -> Result<bool> {
        self.get(fd)?;
        Ok(self.entries[fd as usize]
            .as_ref()
            .is_some_and(|e| e.close_on_exec))
    }

    /// Sets it.
    pub fn set_close_on_exec(&mut self, fd: i32, value: bool) -> Result<()> {
        self.get(fd)?;
        if let Some(entry) = &mut self.entries[fd as usize] {
            entry.close_on_exec = value;
        }
        Ok(())
    }

    /// Puts `file` at the lowest free number from `from` up. EMFILE; EINVAL if `from` is beyond the limit.
    #[inline(always)]
    pub fn insert(&mut self, file: T, from: i32, close_on_exec: bool) -> Result<i32> {
        let from = usize::try_from(from).map_err(|_| Error::EINVAL)?;
        if from >= self.limit {
            return Err(if from == 0 {
                Error::EMFILE
            } else {
                Error::EINVAL
            });
        }
        let mut at = from.max(self.lowest);
        while matches!(self.entries.get(at), Some(Some(_))) {
            at += 1;
        }
        if at >= self.limit.min(MAXIMUM) {
            return Err(Error::EMFILE);
        }
        let entry = Entry {
            file,
            close_on_exec,
        };
        *self.place(at)? = Some(entry);
        if from <= self.lowest {
            self.lowest = at + 1;
        }
        Ok(at as i32)
    }

    /// Puts `file` at `fd`; what was there comes back. EBADF if `fd` is beyond the limit.
    pub fn insert_at(&mut self, file: T, fd: i32, close_on_exec: bool) -> Result<Option<T>> {
        let at = usize::try_from(fd).map_err(|_| Error::EBADF)?;
        if at >= self.limit.min(MAXIMUM) {
            return Err(Error::EBADF);
        }
        let old = self.place(at)?.replace(Entry {
            file,
            close_on_exec,
        });
        Ok(old.map(|old| old.file))
    }

    /// Where the entry of a number is; the table grows if it does not reach so far. ENOMEM.
    #[inline]
    fn place(&mut self, at: usize) -> Result<&mut Option<Entry<T>>> {
        if at >= self.entries.len() {
            self.grow(at + 1)?;
        }
        Ok(&mut self.entries[at])
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, length: usize) -> Result<()> {
        let more = length - self.entries.len();
        self.entries.try_reserve(more).map_err(|_| Error::ENOMEM)?;
        self.entries.resize_with(length, || None);
        Ok(())
    }

    /// Numbers, files, and whether they are closed by exec.
    pub fn numbered(&self) -> impl Iterator<Item = (i32, &T, bool)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(fd, entry)| {
            let entry = entry.as_ref()?;
            Some((fd as i32, &entry.file, entry.close_on_exec))
        })
    }

    /// Takes `fd` out.
    pub fn remove(&mut self, fd: i32) -> Result<T> {
        self.get(fd)?;
        let entry = self.entries[fd as usize].take().ok_or(Error::EBADF)?;
        self.lowest = self.lowest.min(fd as usize);
        Ok(entry.file)
    }

    /// Takes out the first descriptor at or above `from` for which `which(fd, close_on_exec)` holds.
    pub fn remove_first(
        &mut self,
        from: i32,
        mut which: impl FnMut(i32, bool) -> bool,
    ) -> Option<(i32, T)> {
        for fd in from.max(0)..self.entries.len() as i32 {
            if let Some(entry) = &self.entries[fd as usize]
                && which(fd, entry.close_on_exec)
            {
                return self.remove(fd).ok().map(|file| (fd, file));
            }
        }
        None
    }

    /// The descriptors in use, in order.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &T)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(fd, e)| e.as_ref().map(|e| (fd as i32, &e.file)))
    }

    /// Numbers up to which the table reaches now, as Linux's grows: select(2) looks no further.
    pub fn room(&self) -> usize {
        self.entries.len().max(64).next_power_of_two()
    }
    /// RLIMIT_NOFILE.
    pub fn limit(&self) -> usize {
        self.limit
    }
    /// Sets it; descriptors above it stay.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_number_is_given() {
        let mut table = FdTable::new(8);
        for n in 0..5 {
            assert_eq!(table.insert(n, 0, false), Ok(n));
        }
        assert_eq!(table.remove(1), Ok(1));
        assert_eq!(table.remove(3), Ok(3));
        assert_eq!(table.insert(10, 2, false), Ok(3));
        assert_eq!(table.insert(11, 0, false), Ok(1));
        assert_eq!(table.insert(12, 0, false), Ok(5));
    }

    #[test]
    fn limits() {
        let mut table = FdTable::new(2);
        table.insert('a', 0, false).unwrap();
        table.insert('b', 0, false).unwrap();
        assert_eq!(table.insert('c', 0, false), Err(Error::EMFILE));
        assert_eq!(table.insert('c', 2, false), Err(Error::EINVAL));
        assert_eq!(table.insert('c', -1, false), Err(Error::EINVAL));
        assert_eq!(table.insert_at('c', 2, false), Err(Error::EBADF));
        assert_eq!(table.insert_at('c', 1, true), Ok(Some('b')));
        assert_eq!(table.get(-1), Err(Error::EBADF));
        assert_eq!(table.get(i32::MAX), Err(Error::EBADF));
    }

    #[test]
    fn close_on_exec_goes_with_the_number() {
        let mut table = FdTable::new(16);
        table.insert('a', 0, true).unwrap();
        table.insert('b', 0, false).unwrap();
        assert_eq!(table.close_on_exec(0), Ok(true));
        table.set_close_on_exec(1, true).unwrap();
        table.set_close_on_exec(0, false).unwrap();
        assert_eq!(table.remove_first(0, |_, cloexec| cloexec), Some((1, 'b')));
        assert_eq!(table.remove_first(0, |_, cloexec| cloexec), None);
    }
}
