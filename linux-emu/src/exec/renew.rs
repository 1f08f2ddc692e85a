//! Executing a program that changes who the process is: set-user-id and set-group-id.
//!
//! This library is memory that the program above it can write, so it is not what a program with other rights may start on.
//! The process server makes an address space with a fresh library and a copy of the old program's memory, and the
//! old library leaves there what the new one needs: arguments, descriptors, masks. The new library believes none of it:
//! all of it is what any program may ask for itself. What it has from the process server is the program's handle, and who it is.

use super::load;
use super::stack::Strings;
use crate::epoll::Epoll;
use crate::file::{self, Backing, Counter, FileRef, OpenFile};
use crate::port::{self, Lock};
use crate::process::{MEMORY, PROCESS, SERVER};
use crate::signal::state::{Action, SIG_IGN};
use crate::signal::{Info, SignalSet};
use crate::thread::Thread;
use crate::timer::{Spec, TimerFile};
use crate::user::{self, User};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::files::FileKind;
use k42_api::memory::MapOptions;
use k42_ipc::Wire;

/// S_ISUID and S_ISGID.
const SET_ID: u32 = 0o6000;
/// Most bytes that are handed over.
const MOST: usize = 8 << 20;
/// More open files than any process has.
const MOST_FILES: u64 = crate::fd::MAXIMUM as u64;

/// Whether executing `file` takes a fresh library. Asks the file's server if the file looks like it.
pub fn is_needed(file: &FileRef) -> Result<bool> {
    Ok(may_be_needed(file) && file.client().execute()?)
}

/// Whether it may be, as far as the mode of the file tells.
pub fn may_be_needed(file: &FileRef) -> bool {
    file.mode & SET_ID != 0
}

/// Words and texts, one after the other.
struct Writer(Vec<u8>);

impl Writer {
    fn word(&mut self, word: u64) -> Result<()> {
        self.raw(&word.to_ne_bytes())
    }
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.try_reserve(bytes.len()).map_err(|_| Error::ENOMEM)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    fn text(&mut self, bytes: &[u8]) -> Result<()> {
        self.word(bytes.len() as u64)?;
        self.raw(bytes)
    }
    fn strings(&mut self, strings: &Strings) -> Result<()> {
        self.word(strings.count() as u64)?;
        strings.iter().try_for_each(|text| self.text(text))
    }
}

/// The other way; EINVAL at the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn raw(&mut self, bytes: usize) -> Result<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(bytes).ok_or(Error::EINVAL)?;
        self.0 = rest;
        Ok(first)
    }
    fn word(&mut self) -> Result<u64> {
        Ok(self.raw(8)?.try_into().map_or(0, u64::from_ne_bytes))
    }
    fn text(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.word()?).map_err(|_| Error::EINVAL)?;
        self.raw(length)
    }
    fn strings(&mut self) -> Result<Strings> {
        let mut out = Strings::new();
        for _ in 0..self.word()? {
            out.push(self.text()?)?;
        }
        Ok(out)
    }
}

mod backing {
    pub const SERVER: u64 = 0;
    pub const EPOLL: u64 = 1;
    pub const COUNTER: u64 = 2;
    pub const TIMER: u64 = 3;
    pub const SIGNALS: u64 = 4;
}

fn put_file(out: &mut Writer, file: &OpenFile) -> Result<()> {
    // What this library keeps about it goes to its server.
    file.publish();
    let mut kind = [0];
    file.kind.put(&mut kind);
    let mut words = [0; 4];
    let backing = match &file.backing {
        Backing::Server => backing::SERVER,
        // What it watches is named by the old library's files: it comes empty.
        Backing::Epoll(_) => backing::EPOLL,
        Backing::Counter(counter) => {
            let counter = counter.lock();
            words[..2].copy_from_slice(&[counter.value, u64::from(counter.semaphore)]);
            backing::COUNTER
        }
        Backing::Timer(timer) => {
            words = timer.lock().to_words();
            backing::TIMER
        }
        Backing::Signals(set) => {
            words[0] = set.load(Ordering::Relaxed);
            backing::SIGNALS
        }
    };
    for word in [
        backing,
        u64::from(file.server.0),
        file.handle.0,
        kind[0],
        u64::from(file.flags()),
        u64::from(file.mode),
    ] {
        out.word(word)?;
    }
    words.into_iter().try_for_each(|word| out.word(word))
}

fn get_file(from: &mut Reader<'_>) -> Result<FileRef> {
    let mut word = || from.word();
    let (kind, server, handle) = (word()?, ProcessId(word()? as u32), Handle(word()?));
    let what = FileKind::get(&[word()?])?;
    let (flags, mode) = (word()? as u32, word()? as u32);
    let words = [word()?, word()?, word()?, word()?];
    let backing = match kind {
        backing::SERVER => {
            let file = OpenFile::new(server, handle, what, flags, mode);
            // It is not a file just opened: the server has its offset.
            file.publish();
            return file::share(|| file);
        }
        backing::EPOLL => Backing::Epoll(file::boxed(Epoll::new())?),
        backing::COUNTER => Backing::Counter(Lock::new(Counter {
            value: words[0],
            semaphore: words[1] != 0,
        })),
        backing::TIMER => Backing::Timer(file::boxed(TimerFile::from_words(words))?),
        backing::SIGNALS => {
            PROCESS.signal_files.store(true, Ordering::Release);
            Backing::Signals(AtomicU64::new(words[0]))
        }
        _ => return Err(Error::EINVAL),
    };
    file::share(|| OpenFile::local(backing, flags))
}

/// Numbers for open files: each is handed over once, however many descriptors it has.
fn index(files: &mut Vec<FileRef>, file: &FileRef) -> Result<u64> {
    let at = files.iter().position(|known| Arc::ptr_eq(known, file));
    if let Some(at) = at {
        return Ok(at as u64);
    }
    files.try_reserve(1).map_err(|_| Error::ENOMEM)?;
    files.push(file.clone());
    Ok(files.len() as u64 - 1)
}

fn put_info(out: &mut Writer, info: &Info) -> Result<()> {
    for word in [
        u64::from(info.signal),
        info.code as u64,
        info.errno as u64,
        info.pid as u64,
        u64::from(info.uid),
        info.value,
    ] {
        out.word(word)?;
    }
    Ok(())
}

fn get_info(from: &mut Reader<'_>) -> Result<Info> {
    let mut word = || from.word();
    let info = Info {
        signal: word()? as u32,
        code: word()? as i32,
        errno: word()? as i32,
        pid: word()? as i32,
        uid: word()? as u32,
        value: word()?,
        ..Info::default()
    };
    if (1..=64).contains(&info.signal) {
        Ok(info)
    } else {
        Err(Error::EINVAL)
    }
}

/// All that the new library needs.
fn describe(thread: &Thread, target: &load::Target, environment: &Strings) -> Result<Vec<u8>> {
    let mut out = Writer(Vec::new());
    // The length comes last.
    out.word(0)?;
    out.text(&target.path)?;
    out.strings(&target.arguments)?;
    out.strings(environment)?;
    let ignored = {
        let signals = PROCESS.signals.lock();
        (1..=64)
            .filter(|&signal| signals.action(signal).handler == SIG_IGN)
            .fold(SignalSet::EMPTY, |set, s| set.with(SignalSet::one(s)))
    };
    let mut pending = thread.pending.lock().clone();
    let mut shared = PROCESS.signals.lock().shared.clone();
    let timer = PROCESS.timers.lock().interval(0, port::monotonic_ns());
    for word in [
        u64::from(PROCESS.umask.load(Ordering::Relaxed)),
        thread.blocked().0,
        ignored.0,
        timer.first,
        timer.interval,
    ] {
        out.word(word)?;
    }
    let table = PROCESS.files.lock().try_clone()?;
    let mut files = Vec::new();
    let mut numbers = Vec::new();
    for (fd, file, close_on_exec) in table.numbered() {
        numbers.try_reserve(1).map_err(|_| Error::ENOMEM)?;
        numbers.push((fd as u64, index(&mut files, file)?, close_on_exec));
    }
    let directories = {
        let directories = PROCESS.directories.lock();
        [directories.current.clone(), directories.root.clone()]
    };
    let mut places = [0; 2];
    for (place, directory) in places.iter_mut().zip(&directories) {
        if let Some(file) = directory {
            *place = index(&mut files, file)? + 1;
        }
    }
    out.word(files.len() as u64)?;
    files.iter().try_for_each(|file| put_file(&mut out, file))?;
    out.word(numbers.len() as u64)?;
    for (fd, file, close_on_exec) in numbers {
        for word in [fd, file, u64::from(close_on_exec)] {
            out.word(word)?;
        }
    }
    places.into_iter().try_for_each(|place| out.word(place))?;
    let all = SignalSet(u64::MAX);
    while let Some(info) = pending.take(all).or_else(|| shared.take(all)) {
        put_info(&mut out, &info)?;
    }
    let length = out.0.len() as u64;
    out.0[..8].copy_from_slice(&length.to_ne_bytes());
    Ok(out.0)
}

/// Hands the process over to a fresh library, which goes on with the program. Comes back only with an error.
pub fn hand_over(thread: &Thread, target: &load::Target, environment: &Strings) -> Result<()> {
    let bytes = describe(thread, target, environment)?;
    if bytes.len() > MOST {
        return Err(Error::E2BIG);
    }
    let options = (MapOptions::READ | MapOptions::WRITE).bits();
    let room = (bytes.len() as u64).next_multiple_of(super::elf::PAGE);
    let at = MEMORY.map_anonymous(0, room, options)?;
    let result = user::copy_out(User(at), &bytes).and_then(|()| SERVER.renew(at));
    let _ = MEMORY.unmap(at, room);
    result
}

/// In the new library: takes over what the old one left at `request`, and loads the program that `server` has by `handle`.
pub fn take_over(
    thread: &'static Thread,
    request: u64,
    server: ProcessId,
    handle: Handle,
) -> Result<()> {
    let length = usize::try_from(user::get_u64(User(request))?).map_err(|_| Error::EINVAL)?;
    if !(8..=MOST).contains(&length) {
        return Err(Error::EINVAL);
    }
    let bytes = user::bytes(User(request), length)?;
    let mut from = Reader(&bytes[8..]);
    let path = from.text()?.to_vec();
    let (arguments, environment) = (from.strings()?, from.strings()?);
    let mask = from.word()? as u32 & 0o777;
    PROCESS.umask.store(mask, Ordering::Relaxed);
    let blocked = SignalSet(from.word()?).without(SignalSet::UNBLOCKABLE);
    thread.blocked.store(blocked.0, Ordering::Relaxed);
    let ignored = SignalSet(from.word()?);
    for signal in (1..=64).filter(|&signal| ignored.has(signal)) {
        let action = Action {
            handler: SIG_IGN,
            ..Action::default()
        };
        // The two that cannot be ignored are not.
        let _ = PROCESS.signals.lock().set_action(signal, Some(action));
    }
    let timer = Spec {
        first: from.word()?,
        interval: from.word()?,
    };
    take_files(&mut from)?;
    while !from.0.is_empty() {
        crate::signal::deliver::to_process(get_info(&mut from)?);
    }
    if timer.first != 0 {
        let now = port::monotonic_ns();
        PROCESS.timers.lock().set_interval(0, timer, now);
        crate::timer::wake_keeper()?;
    }
    // What the process server has not sent yet, it may have told the old library of.
    PROCESS.place_changed.store(true, Ordering::Relaxed);
    PROCESS.fetch_signals.store(true, Ordering::Release);
    thread.call_attention();
    crate::sys::identity::take_limits()?;
    let program = OpenFile::new(server, handle, FileKind::Regular, file::flag::O_RDONLY, 0);
    let file = file::share(|| program)?;
    load::execute_file(thread, file, path, arguments, &environment)
}

fn take_files(from: &mut Reader<'_>) -> Result<()> {
    let count = from.word()?.min(MOST_FILES) as usize;
    let mut files = Vec::new();
    for _ in 0..count {
        files.try_reserve(1).map_err(|_| Error::ENOMEM)?;
        files.push(get_file(from)?);
    }
    let file = |index: u64| -> Result<FileRef> {
        let index = usize::try_from(index).map_err(|_| Error::EINVAL)?;
        files.get(index).cloned().ok_or(Error::EINVAL)
    };
    // Descriptors above the limit stay, so the limit comes later.
    PROCESS.files.lock().set_limit(crate::fd::MAXIMUM);
    for _ in 0..from.word()? {
        let (fd, index, close_on_exec) = (from.word()?, from.word()?, from.word()?);
        let fd = i32::try_from(fd).map_err(|_| Error::EINVAL)?;
        let file = file(index)?;
        PROCESS
            .files
            .lock()
            .insert_at(file, fd, close_on_exec != 0)?;
    }
    let mut place = || -> Result<Option<FileRef>> {
        match from.word()? {
            0 => Ok(None),
            place => file(place - 1).map(Some),
        }
    };
    let (current, root) = (place()?, place()?);
    let mut directories = PROCESS.directories.lock();
    directories.current = current;
    directories.root = root;
    PROCESS.elsewhere.forget();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_texts_come_back() {
        let mut out = Writer(Vec::new());
        out.word(7).unwrap();
        out.text(b"/bin/su").unwrap();
        let mut strings = Strings::new();
        strings.push(b"su").unwrap();
        strings.push(b"").unwrap();
        out.strings(&strings).unwrap();
        let mut from = Reader(&out.0);
        assert_eq!(from.word(), Ok(7));
        assert_eq!(from.text(), Ok(&b"/bin/su"[..]));
        assert_eq!(from.strings(), Ok(strings));
        assert_eq!(from.word(), Err(Error::EINVAL));
    }

    #[test]
    fn lengths_are_not_believed() {
        let mut out = Writer(Vec::new());
        out.word(u64::MAX).unwrap();
        assert_eq!(Reader(&out.0).text(), Err(Error::EINVAL));
        assert_eq!(Reader(&out.0).strings(), Err(Error::EINVAL));
    }

    #[test]
    fn files_of_the_library_keep_their_state() {
        let backing = Backing::Counter(Lock::new(Counter {
            value: 5,
            semaphore: true,
        }));
        let mut out = Writer(Vec::new());
        put_file(&mut out, &OpenFile::local(backing, 2)).unwrap();
        let file = get_file(&mut Reader(&out.0)).unwrap();
        let Backing::Counter(counter) = &file.backing else {
            panic!("another file");
        };
        let counter = counter.lock();
        assert_eq!(
            (counter.value, counter.semaphore, file.flags()),
            (5, true, 2)
        );
    }
}
