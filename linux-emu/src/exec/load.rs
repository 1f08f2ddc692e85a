//! Putting a new program in the place of the old one.
//!
//! Everything that can fail with an error the old program can still hear comes first: finding the file,
//! reading headers of program and interpreter, copying the arguments. Then the old mappings go, and from
//! there on a failure ends the process, as on Linux.

use super::elf::{self, HEADER_BYTES, HeaderBuffer, Image, PAGE, Segment};
use super::renew;
use super::script;
use super::stack::{self, Contents, MOST_STRING, Strings, at};
use crate::file::{FileRef, flag};
use crate::port;
use crate::process::{MEMORY, PROCESS, SERVER};
use crate::signal::set::number::SIGKILL;
use crate::sys::path::{at as at_flag, open_path, with_path};
use crate::table::Full;
use crate::thread::{Restart, Thread, big_buffer};
use crate::user::{self, LIMIT, User};
use crate::walk::{AT_FDCWD, PATH_MAX, Stop};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use k42_abi::dispatcher::RegisterFrame;
use k42_abi::{Error, ProcessId, Result};
use k42_api::files::{FileKind, path_flag};
use k42_api::memory::MapOptions;
use k42_api::process::{Ids, fork_flag};

/// Where position-independent programs go (Linux's ELF_ET_DYN_BASE on ppc64).
const PROGRAM_BASE: u64 = 0x1_0000_0000;
/// Where the interpreter goes: far above, below the stack.
const INTERPRETER_BASE: u64 = 0x3fe0_0000_0000;
/// Top of the stack.
const STACK_TOP: u64 = 0x3fef_ffff_0000;
/// Part of the stack that is mapped at once beside its contents; it grows downwards on demand.
const STACK_BYTES: u64 = 128 << 10;
/// X_OK of access(2).
const X_OK: u32 = 1;

/// A program to be loaded: its open file and what its headers say.
pub struct Program {
    file: FileRef,
    image: Image,
}

/// What execve was asked to run, scripts resolved.
pub struct Target {
    program: Program,
    interpreter: Option<Program>,
    /// Arguments.
    pub arguments: Strings,
    /// Path of the program as it was given.
    pub path: Vec<u8>,
}

/// Reads the list of strings that a program passes.
fn strings(list: User) -> Result<Strings> {
    let mut out = Strings::new();
    if list.is_null() {
        return Ok(out);
    }
    for index in 0.. {
        let text = user::get_u64(list.add(index * 8))?;
        if text == 0 {
            break;
        }
        out.push(&user::string(User(text), MOST_STRING - 1, Error::E2BIG)?)?;
    }
    Ok(out)
}

/// Opens a file to execute it.
fn open_executable(directory: i32, path: &[u8], flags: u32) -> Result<FileRef> {
    let mut rest = big_buffer(PATH_MAX + 64)?;
    // Not to wait for the other end of a FIFO: it cannot be executed anyway.
    let mut how = flag::O_RDONLY | flag::O_CLOEXEC | flag::O_NONBLOCK;
    if flags & at_flag::SYMLINK_NOFOLLOW != 0 {
        how |= flag::O_NOFOLLOW;
    }
    let file = if path.is_empty() {
        if flags & at_flag::EMPTY_PATH == 0 {
            return Err(Error::ENOENT);
        }
        PROCESS.file(directory)?
    } else {
        open_path(directory, path, &mut rest, how, 0)?
    };
    if file.kind != FileKind::Regular || file.server == ProcessId::NONE {
        return Err(Error::EACCES);
    }
    let files = k42_api::files::FileSystemClient::root(file.server);
    files
        .access(file.handle, b"", X_OK, path_flag::EMPTY, &mut rest)
        .map_err(|(error, _)| error)?;
    Ok(file)
}

/// Reads the first bytes of a file.
fn head(thread: &Thread, file: &FileRef) -> Result<(Box<HeaderBuffer>, usize)> {
    let mut buffer = Box::try_new(HeaderBuffer([0; HEADER_BYTES])).map_err(|_| Error::ENOMEM)?;
    let mut length = 0;
    while length < HEADER_BYTES {
        let got = crate::sys::io::read_own(thread, file, &mut buffer.0[length..], length as u64)?;
        if got == 0 {
            break;
        }
        length += got;
    }
    Ok((buffer, length))
}

/// Finds the program, through as many scripts as there are.
fn resolve(
    thread: &Thread,
    directory: i32,
    path: &[u8],
    flags: u32,
    arguments: Strings,
) -> Result<Target> {
    let mut arguments = arguments;
    let mut file = open_executable(directory, path, flags)?;
    let mut name = path.to_vec();
    for _ in 0..=script::MOST_NESTED {
        let (buffer, length) = head(thread, &file)?;
        let Some(script) = script::parse(&buffer.0[..length])? else {
            let image = elf::parse(&buffer, length)?;
            let interpreter = interpreter(thread, &file, &image)?;
            return Ok(Target {
                program: Program { file, image },
                interpreter,
                arguments,
                path: path.to_vec(),
            });
        };
        let mut all = Strings::new();
        all.push(script.interpreter)?;
        if let Some(argument) = script.argument {
            all.push(argument)?;
        }
        all.push(&name)?;
        for argument in arguments.iter().skip(1) {
            all.push(argument)?;
        }
        arguments = all;
        name = script.interpreter.to_vec();
        file = open_executable(AT_FDCWD, &name, 0)?;
    }
    Err(Error::ELOOP)
}

/// Opens the interpreter that a program names.
fn interpreter(thread: &Thread, file: &FileRef, image: &Image) -> Result<Option<Program>> {
    let Some((offset, length)) = image.interpreter else {
        return Ok(None);
    };
    let mut path = big_buffer(length)?;
    let mut done = 0;
    while done < length {
        let got = crate::sys::io::read_own(thread, file, &mut path[done..], offset + done as u64)?;
        if got == 0 {
            return Err(Error::ENOEXEC);
        }
        done += got;
    }
    let file = open_executable(AT_FDCWD, &path, 0)?;
    let (buffer, length) = head(thread, &file)?;
    let image = elf::parse(&buffer, length)?;
    Ok(Some(Program { file, image }))
}

/// Maps an image; the bias that was added to its addresses.
fn map(program: &Program, base: u64) -> Result<u64> {
    let image = &program.image;
    let bias = if image.movable {
        base.next_multiple_of(image.alignment) - image.start() / image.alignment * image.alignment
    } else {
        0
    };
    if image.end().checked_add(bias).is_none_or(|end| end > LIMIT) {
        return Err(Error::ENOMEM);
    }
    let wanted = MapOptions::READ | MapOptions::EXECUTE;
    let object = program.file.client().map_handle(wanted.bits())?;
    let mapped = image
        .segments
        .iter()
        .try_for_each(|segment| map_segment(segment, object, bias));
    let _ = MEMORY.release(object);
    mapped.map(|()| bias)
}

fn map_segment(segment: &Segment, object: k42_abi::Handle, bias: u64) -> Result<()> {
    let mut options = MapOptions::FIXED;
    for (have, option) in [
        (segment.read, MapOptions::READ),
        (segment.write, MapOptions::READ | MapOptions::WRITE),
        (segment.execute, MapOptions::READ | MapOptions::EXECUTE),
    ] {
        if have {
            options |= option;
        }
    }
    let start = segment.start + bias;
    let from_file = segment.file_bytes.next_multiple_of(PAGE);
    let total = segment.memory_bytes.next_multiple_of(PAGE);
    if segment.file_bytes > 0 {
        MEMORY.map_object(object, segment.offset, start, from_file, options.bits())?;
    }
    if total > from_file {
        MEMORY.map_anonymous(start + from_file, total - from_file, options.bits())?;
    }
    // What lies behind the file's bytes in its last page belongs to somebody else's part of the file.
    let rest = from_file - segment.file_bytes;
    if segment.memory_bytes > segment.file_bytes && rest > 0 && segment.file_bytes > 0 {
        if !segment.write {
            return Err(Error::ENOEXEC);
        }
        user::clear(User(start + segment.file_bytes), rest as usize)?;
    }
    Ok(())
}

/// Auxiliary vector, without what points into the stack.
fn auxiliary(target: &Target, bias: u64, interpreter_base: u64) -> Result<[(u64, u64); 19]> {
    let image = &target.program.image;
    let info = port::kernel_info();
    let ids = PROCESS.ids()?;
    // SCV needs a vector that the kernel has not got, HTM registers that it does not switch.
    const HWCAP2_WITHOUT: u64 = 0x0010_0000 | 0x4000_0000 | 0x0100_0000 | 0x0080_0000;
    let headers = if image.headers == 0 {
        0
    } else {
        image.headers + bias
    };
    let block = info.dcache_block.max(1);
    Ok([
        (at::DCACHEBSIZE, block),
        (at::ICACHEBSIZE, info.icache_block.max(1)),
        (at::UCACHEBSIZE, 0),
        (at::PAGESZ, PAGE),
        (at::CLKTCK, 100),
        (at::PHDR, headers),
        (at::PHENT, 56),
        (at::PHNUM, u64::from(image.header_count)),
        (at::BASE, interpreter_base),
        (at::FLAGS, 0),
        (at::ENTRY, image.entry + bias),
        (at::UID, u64::from(ids.ruid)),
        (at::EUID, u64::from(ids.euid)),
        (at::GID, u64::from(ids.rgid)),
        (at::EGID, u64::from(ids.egid)),
        (at::SECURE, u64::from(is_secure(&ids))),
        (at::SYSINFO_EHDR, k42_abi::layout::VDSO),
        (at::HWCAP, info.hwcap[0]),
        (at::HWCAP2, info.hwcap[1] & !HWCAP2_WITHOUT),
    ])
}

/// Whether the program has rights that whoever executes it has not: AT_SECURE.
fn is_secure(ids: &Ids) -> bool {
    ids.euid != ids.ruid || ids.egid != ids.rgid
}

/// Registers of a new program: all zero but stack and entry.
pub fn fresh_frame(entry: u64, pointer: u64) -> RegisterFrame {
    let mut frame = RegisterFrame::ZERO;
    frame.gpr[1] = pointer;
    frame.gpr[12] = entry;
    frame.nip = entry;
    frame
}

/// execve(2) and execveat(2).
pub fn execve(
    thread: &Thread,
    directory: i32,
    path: User,
    arguments: User,
    environment: User,
    flags: u32,
) -> Result<Full> {
    if flags & !(at_flag::EMPTY_PATH | at_flag::SYMLINK_NOFOLLOW) != 0 {
        return Err(Error::EINVAL);
    }
    let path = with_path(thread, path, flags & at_flag::EMPTY_PATH != 0, |path, _| {
        Ok(path.to_vec())
    })
    .map_err(Stop::error)?;
    let mut arguments = strings(arguments)?;
    if arguments.count() == 0 {
        // As Linux since 5.18: there is always a name.
        arguments.push(b"")?;
    }
    let environment = strings(environment)?;
    execute(thread, directory, &path, flags, arguments, &environment)?;
    Ok(Full::Frame)
}

/// Replaces the program; the thread's frame holds the registers of the new one afterwards.
pub fn execute(
    thread: &Thread,
    directory: i32,
    path: &[u8],
    flags: u32,
    arguments: Strings,
    environment: &Strings,
) -> Result<()> {
    let target = resolve(thread, directory, path, flags, arguments)?;
    let total = target.arguments.bytes().len() + environment.bytes().len();
    if total > stack::MOST_TOTAL {
        return Err(Error::E2BIG);
    }
    // From here on there is no error: a child that borrows its parent's memory gets its own.
    // Before a set-id program all of it: what hands that over can still fail.
    let whole = renew::may_be_needed(&target.program.file);
    let without = if whole { 0 } else { fork_flag::WITHOUT_PROGRAM };
    crate::vfork::make_real(thread, without)?;
    if renew::is_needed(&target.program.file)? {
        return renew::hand_over(thread, &target, environment);
    }
    super::super::sys::task::leave_other_threads(thread)?;
    super::super::sys::task::release(thread);
    finish(thread, &target, environment);
    Ok(())
}

/// Loads the program that `file` is, in a process that has none yet.
pub fn execute_file(
    thread: &Thread,
    file: FileRef,
    path: Vec<u8>,
    arguments: Strings,
    environment: &Strings,
) -> Result<()> {
    let (buffer, length) = head(thread, &file)?;
    let image = elf::parse(&buffer, length)?;
    let interpreter = interpreter(thread, &file, &image)?;
    let target = Target {
        program: Program { file, image },
        interpreter,
        arguments,
        path,
    };
    finish(thread, &target, environment);
    Ok(())
}

/// Puts the new program in place. There is no way back: it ends the process if it fails.
fn finish(thread: &Thread, target: &Target, environment: &Strings) {
    if let Err(error) = replace(thread, target, environment) {
        let mut line = crate::strace::Line::new();
        let _ = core::fmt::Write::write_fmt(
            &mut line,
            format_args!("[{}] exec failed half way: {error}", PROCESS.pid()),
        );
        port::log(line.finish());
        crate::sys::process::end_process(SIGKILL);
    }
}

fn replace(thread: &Thread, target: &Target, environment: &Strings) -> Result<()> {
    let image = &target.program.image;
    let bias_of = |program: &Program, base: u64| if program.image.movable { base } else { 0 };
    let break_start = (image.end() + bias_of(&target.program, PROGRAM_BASE)).next_multiple_of(PAGE);
    MEMORY.clear_program(break_start)?;
    PROCESS.shares_memory.store(false, Ordering::Relaxed);
    let bias = map(&target.program, PROGRAM_BASE)?;
    let (entry, interpreter_base) = match &target.interpreter {
        Some(interpreter) => {
            let bias = map(interpreter, INTERPRETER_BASE)?;
            (
                interpreter.image.entry + bias,
                interpreter.image.start() + bias,
            )
        }
        None => (image.entry + bias, 0),
    };
    let mut options =
        MapOptions::READ | MapOptions::WRITE | MapOptions::FIXED | MapOptions::GROWS_DOWN;
    if image.executable_stack {
        options |= MapOptions::EXECUTE;
    }
    let mut random = [0; 16];
    crate::sys::system::random_bytes(thread, &mut random)?;
    let auxiliary = auxiliary(target, bias, interpreter_base)?;
    let built = stack::build(
        STACK_TOP,
        &Contents {
            arguments: &target.arguments,
            environment,
            path: &target.path,
            platform: if cfg!(target_endian = "little") {
                b"power9"
            } else {
                b"ppc970"
            },
            random,
            auxiliary: &auxiliary,
        },
    )?;
    let bytes = (built.bytes.len() as u64).next_multiple_of(PAGE) + STACK_BYTES;
    MEMORY.map_anonymous(STACK_TOP - bytes, bytes, options.bits())?;
    user::copy_out(User(built.pointer), &built.bytes)?;
    settle(thread, target, environment)?;
    // SAFETY: the thread's own frame, in a call with all registers.
    unsafe { *thread.frame.get() = fresh_frame(entry, built.pointer) };
    port::load_vectors(&port::FpState::ZERO);
    Ok(())
}

/// What execve changes beside memory.
fn settle(thread: &Thread, target: &Target, environment: &Strings) -> Result<()> {
    loop {
        let next = PROCESS
            .files
            .lock()
            .remove_first(0, |_, close_on_exec| close_on_exec);
        let Some((_, file)) = next else { break };
        let _ = crate::sys::descriptor::finish(file);
    }
    PROCESS.signals.lock().reset_for_exec();
    PROCESS.timers.lock().clear_posix();
    thread.alt_stack.set(crate::signal::frame::AltStack::NONE);
    thread.restart.set(Restart::None);
    thread.robust.set((0, 0));
    thread.tid.store(PROCESS.pid(), Ordering::Relaxed);
    // The saved ids follow the effective ones, here as at the process server.
    if let Some(ids) = &mut *PROCESS.ids.lock() {
        (ids.suid, ids.fsuid, ids.sgid, ids.fsgid) = (ids.euid, ids.euid, ids.egid, ids.egid);
    }
    let trace = environment
        .iter()
        .any(|variable| variable == b"K42_STRACE=1")
        && !PROCESS.ids().is_ok_and(|ids| is_secure(&ids));
    PROCESS.trace.store(trace, Ordering::Relaxed);
    crate::vfork::update_special();
    let name = target
        .path
        .rsplit(|&b| b == b'/')
        .next()
        .unwrap_or_default();
    let name = &name[..name.len().min(15)];
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name);
    *PROCESS.name.lock() = comm;
    let mut path = big_buffer(PATH_MAX)?;
    let length = crate::sys::directory::path_of(&target.program.file, &mut path).unwrap_or(0);
    let line = target.arguments.bytes();
    let line = &line[..line.len().min(3000)];
    // Only for /proc: not worth failing for.
    let _ = SERVER.program_changed(name, line, &path[..length.min(4000)]);
    *PROCESS.program.lock() = path[..length].to_vec();
    crate::sys::signal::tell_again(thread);
    Ok(())
}
