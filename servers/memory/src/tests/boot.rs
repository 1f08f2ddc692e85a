//! Loading programs, and the way from free ranges to a machine.

use super::machine::{FIRST, PAGE, Rig, machine};
use crate::archive::Archive;
use crate::frames::{Frame, Kind, Need};
use crate::image::Program;
use crate::server::{BootFacts, SERVERS, Server};
use crate::start::{bring_up, grow_heap};
use crate::window::Window;
use k42_abi::boot::RealRange;
use k42_abi::layout::{EMU_IMAGE, KERNEL_INFO, SERVER_IMAGE, dispatcher_page};
use k42_abi::map::MapFlags;
use k42_abi::message::fault_access::{EXECUTE, READ, WRITE};
use k42_abi::{Error, ProcessId};
use k42_api::memory::Memory;
use k42_ipc::OutBuf;
use std::boxed::Box;
use std::vec::Vec;

/// A program of one page of text, one of data with a relocation, and two of zeroes; linked to address 0.
fn program() -> Vec<u8> {
    let mut file = vec![0u8; 3 * PAGE as usize];
    let put = |file: &mut Vec<u8>, at: usize, bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes)
    };
    let word = |file: &mut Vec<u8>, at: usize, value: u64| put(file, at, &value.to_ne_bytes());
    let order = if cfg!(target_endian = "little") { 1 } else { 2 };
    put(&mut file, 0, &[0x7f, b'E', b'L', b'F', 2, order, 1]);
    put(&mut file, 16, &3u16.to_ne_bytes());
    put(&mut file, 18, &21u16.to_ne_bytes());
    put(&mut file, 20, &1u32.to_ne_bytes());
    word(&mut file, 24, 0x40);
    word(&mut file, 32, 64);
    put(&mut file, 52, &64u16.to_ne_bytes());
    put(&mut file, 54, &56u16.to_ne_bytes());
    put(&mut file, 56, &3u16.to_ne_bytes());
    put(&mut file, 58, &64u16.to_ne_bytes());
    let mut segment = |n: usize, kind: u32, flags: u32, words: [u64; 6]| {
        let at = 64 + n * 56;
        put(&mut file, at, &kind.to_ne_bytes());
        put(&mut file, at + 4, &flags.to_ne_bytes());
        words
            .iter()
            .enumerate()
            .for_each(|(i, &value)| word(&mut file, at + 8 + i * 8, value));
    };
    segment(0, 1, 5, [0, 0, 0, PAGE, PAGE, PAGE]);
    segment(1, 1, 6, [PAGE, PAGE, PAGE, 0x800, 3 * PAGE, PAGE]);
    segment(
        2,
        2,
        6,
        [PAGE + 0x100, PAGE + 0x100, PAGE + 0x100, 0x40, 0x40, 8],
    );
    // Dynamic section: RELA at PAGE + 0x200, 24 bytes of it.
    let data = PAGE as usize;
    [7, PAGE + 0x200, 8, 24, 9, 24, 0, 0]
        .iter()
        .enumerate()
        .for_each(|(i, &v)| word(&mut file, data + 0x100 + i * 8, v));
    [PAGE + 0x10, 22, 0x1234]
        .iter()
        .enumerate()
        .for_each(|(i, &v)| word(&mut file, data + 0x200 + i * 8, v));
    word(&mut file, data + 0x20, 0xabcd);
    file
}

/// A tar archive.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, contents) in members {
        let mut block = vec![0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        block[156] = b'0';
        all.extend(block);
        all.extend_from_slice(contents);
        all.resize(all.len().next_multiple_of(512), 0);
    }
    all.resize((all.len() + 1024).next_multiple_of(PAGE as usize), 0);
    all
}

const FACTS: BootFacts = BootFacts {
    kernel_info: PAGE,
    trace: RealRange { start: 0, bytes: 0 },
    cpus: 2,
};

#[test]
fn programs_are_loaded_where_they_belong() {
    let (core, _) = machine(1024);
    let free = core.frames.free();
    let program = Program::load(core, &program(), EMU_IMAGE).unwrap();
    assert_eq!(program.entry, EMU_IMAGE + 0x40);
    let regions = program.template(k42_api::memory::MapOptions::LIBRARY);
    assert_eq!(
        regions
            .iter()
            .map(|(start, region)| (*start, region.end))
            .collect::<Vec<_>>(),
        [
            (EMU_IMAGE, EMU_IMAGE + PAGE),
            (EMU_IMAGE + PAGE, EMU_IMAGE + 2 * PAGE),
            (EMU_IMAGE + 2 * PAGE, EMU_IMAGE + 4 * PAGE),
        ]
    );
    drop((program, regions));
    assert_eq!(core.frames.free(), free);
    for cut in [0, 10, 63, 64, 200, 0x1000, 0x1100] {
        assert_eq!(
            Program::load(core, &self::program()[..cut], 0).err(),
            Some(Error::ENOEXEC)
        );
    }
    assert_eq!(core.frames.free(), free);
}

#[test]
fn the_archive_starts_all_servers_and_linux_processes() {
    let file = program();
    let mut members: Vec<(&str, &[u8])> = SERVERS
        .iter()
        .map(|server| (server.name, &file[..]))
        .collect();
    members.push(("linux-emu", &file));
    members.push(("init.args", b"/bin/sh\0"));
    let root = vec![7u8; 5 * PAGE as usize];
    members.push(("root.tar", &root));
    let tar = archive(&members);
    let (core, model) = machine(4096);
    let pages = (tar.len() as u64 / PAGE) as u32;
    let place = core
        .frames
        .allocate_row(Kind::Pinned, Need::System, pages)
        .unwrap();
    core.window.write(place.address(), &tar);
    let range = RealRange {
        start: place.address(),
        bytes: tar.len() as u64,
    };
    // As from the kernel: in use, but not the allocator's.
    // SAFETY: written before, and not after.
    let archive = unsafe { Archive::new(core, range) };
    let server = Server::new(core, archive);
    server.load_all(&FACTS).unwrap();
    let rig = Rig::of(core, model, server);
    for loaded in SERVERS {
        let id = loaded.process;
        // Everything is mapped already, relocated, and zero where it should be.
        let word = |address| {
            rig.translation(id, address)
                .map(|(real, _)| core.window.word(real + address % PAGE))
        };
        assert_eq!(
            word(SERVER_IMAGE + PAGE + 0x10),
            Some(SERVER_IMAGE + 0x1234)
        );
        assert_eq!(word(SERVER_IMAGE + PAGE + 0x20), Some(0xabcd));
        assert_eq!(word(SERVER_IMAGE + 3 * PAGE), Some(0));
        assert_eq!(
            rig.translation(id, SERVER_IMAGE).unwrap().1,
            MapFlags::READ | MapFlags::EXECUTE
        );
        assert_eq!(
            rig.translation(id, SERVER_IMAGE + PAGE).unwrap().1,
            MapFlags::READ | MapFlags::WRITE
        );
        assert_eq!(
            rig.translation(id, KERNEL_INFO),
            Some((PAGE, MapFlags::READ))
        );
        assert!(rig.translation(id, dispatcher_page(1)).is_some());
        assert_eq!(word(dispatcher_page(1) + 0x40), Some(SERVER_IMAGE + 0x40));
    }
    // Servers' own image pages are writable by one process only, text is not shared between servers here.
    rig.check_exclusive();

    let (one, two) = (rig.process(), rig.process());
    for id in [one, two] {
        assert_eq!(
            rig.load(id, EMU_IMAGE + PAGE + 0x10),
            Ok(EMU_IMAGE + 0x1234)
        );
        assert!(rig.touch(id, EMU_IMAGE, EXECUTE).is_ok());
        assert_eq!(rig.touch(id, EMU_IMAGE, WRITE), Err(Error::EACCES.status()));
        assert_eq!(rig.touch(id, KERNEL_INFO, READ), Ok(PAGE));
    }
    assert_eq!(
        rig.translation(one, EMU_IMAGE),
        rig.translation(two, EMU_IMAGE)
    );
    rig.store(one, EMU_IMAGE + PAGE + 0x20, 1).unwrap();
    rig.store(one, EMU_IMAGE + 2 * PAGE, 2).unwrap();
    assert_eq!(rig.load(two, EMU_IMAGE + PAGE + 0x20), Ok(0xabcd));
    assert_eq!(rig.load(two, EMU_IMAGE + 2 * PAGE), Ok(0));
    let child = rig.fork(one).unwrap();
    assert!(
        rig.translation(child, EMU_IMAGE + PAGE).is_some(),
        "the library's data is there at once"
    );
    assert_eq!(rig.load(child, EMU_IMAGE + PAGE + 0x20), Ok(1));

    // What the archive holds besides.
    let mut buffer = [0; 16];
    let mut out = OutBuf::new(&mut buffer);
    assert_eq!(
        rig.server
            .boot_member(&Rig::caller(one), "init.args", 1, &mut out),
        Ok(8)
    );
    assert_eq!(out.filled(), b"bin/sh\0");
    assert_eq!(
        rig.server
            .boot_member(&Rig::caller(one), "nothing", 0, &mut out),
        Err(Error::ENOENT)
    );
    let kfs = Rig::caller(ProcessId::KFS);
    assert_eq!(
        rig.server.map_boot_member(&Rig::caller(one), "root.tar"),
        Err(Error::EPERM)
    );
    let [address, bytes] = rig.server.map_boot_member(&kfs, "root.tar").unwrap();
    assert_eq!(bytes, root.len() as u64);
    let (real, flags) = rig.translation(ProcessId::KFS, address).unwrap();
    assert_eq!(
        (core.window.word(real + address % PAGE), flags),
        (0x0707_0707_0707_0707, MapFlags::READ)
    );
    (0..pages).for_each(|i| core.frames.release(place.plus(i)));
}

#[test]
fn a_machine_is_built_from_ranges() {
    let memory = vec![0u8; 513 * PAGE as usize].leak();
    let shift = memory.as_ptr().align_offset(PAGE as usize);
    let free = [
        RealRange {
            start: 0,
            bytes: PAGE,
        },
        RealRange {
            start: u64::from(FIRST) * PAGE,
            bytes: PAGE + 5,
        },
        RealRange {
            start: 32 * PAGE,
            bytes: 480 * PAGE,
        },
    ];
    let model = super::machine::Model::default();
    // SAFETY: the memory is leaked and used by nobody else.
    let core = unsafe {
        let window = Window::new(memory.as_mut_ptr().add(shift), 512 * PAGE, 0);
        bring_up(window, &free, 2, || 1, Box::new(model.clone())).unwrap()
    };
    // 512 entries of 16 bytes are two pages.
    assert_eq!(core.frames.total(), 1 + 480 - 2);
    model.make_memory_server();
    assert!(grow_heap(core, 0x20_0000_0000, 16 * PAGE));
    assert_eq!(core.frames.used(Kind::Heap), 16);
    assert!(!grow_heap(core, 0x20_0001_0000, 1000 * PAGE));
    assert!(
        core.frames
            .allocate_block(Kind::Heap, Need::Heap, 0)
            .is_none()
            || core.frames.free() > 0
    );
    assert_ne!(
        core.frames.allocate(Kind::Pinned, Need::Heap),
        Some(Frame(0))
    );
}
