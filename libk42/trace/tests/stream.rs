//! From a logging call to a line of text.
#![cfg(not(loom))]

mod common;

use common::{SUB, Small, WORDS, region_bytes, tick};
use k42_trace::decode::{DecodeError, Trace, table_markdown};
use k42_trace::{
    Class, CpuBuffer, EventHeader, Region, RegionError, Side, Target, events, find, table_hash,
};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

const MARK: u64 = EventHeader::kind_of(Class::Application, 0, 2);

fn mark(buffer: &Small, number: u64, value: u64) {
    buffer.log(MARK, [number, value], tick);
}

fn marks(trace: &Trace) -> Vec<(u64, u64)> {
    trace
        .events
        .iter()
        .map(|e| (e.arg("mark").unwrap(), e.arg("value").unwrap()))
        .collect()
}

#[test]
fn what_is_logged_is_read_in_both_byte_orders() {
    for big in [false, true] {
        let (kernel, user) = (Small::new(), Small::new());
        for n in 0..20 {
            mark(if n % 3 == 0 { &kernel } else { &user }, n, n * n);
        }
        let trace = Trace::parse(&region_bytes(&kernel, &user, big)).unwrap();
        assert_eq!(
            marks(&trace),
            (0..20).map(|n| (n, n * n)).collect::<Vec<_>>()
        );
        assert!(trace.events.is_sorted_by_key(|e| e.time));
        assert!(trace.same_table && trace.big_endian == big);
        assert_eq!(
            (trace.gaps.len(), trace.lost, trace.missing_bytes),
            (0, 0, 0)
        );
        assert_eq!(trace.events[0].side, Side::Kernel);
        assert_eq!(trace.events[1].side, Side::User);
    }
}

#[test]
fn the_oldest_is_overwritten_and_the_newest_is_all_there() {
    let (kernel, user) = (Small::new(), Small::new());
    for n in 0..if cfg!(miri) { 15 } else { 1_000 } {
        mark(&kernel, n, 0);
        let trace = Trace::parse(&region_bytes(&kernel, &user, false)).unwrap();
        let seen = marks(&trace);
        assert_eq!(trace.gaps, []);
        assert_eq!(seen.last(), Some(&(n, 0)));
        assert!(
            seen.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1),
            "no hole in the middle"
        );
        assert!(
            seen.len() as u64 > n.min(20),
            "three sub-buffers of nine marks at least"
        );
    }
}

#[test]
fn a_hole_costs_one_event() {
    for lap in [0, 3] {
        let (kernel, user) = (Small::new(), Small::new());
        for n in 0..lap * 40 {
            mark(&kernel, 1_000 + n, 7);
        }
        mark(&kernel, 1, 0);
        // Somebody reserves room for a mark and is never seen again.
        while kernel.control.index.load(Relaxed) as usize % SUB > SUB - 8 {
            mark(&kernel, 1, 0);
        }
        kernel.control.index.fetch_add(3, Relaxed);
        mark(&kernel, 2, 0);
        let trace = Trace::parse(&region_bytes(&kernel, &user, false)).unwrap();
        assert_eq!(
            trace.gaps.iter().map(|gap| gap.words).collect::<Vec<_>>(),
            [3]
        );
        let seen = marks(&trace);
        assert_eq!(seen[seen.len() - 2..], [(1, 0), (2, 0)]);
        assert!(trace.lines().any(|line| line.ends_with("3 words lost")));
    }
}

#[test]
fn a_spoiled_sub_buffer_is_a_gap_and_the_rest_is_read() {
    let (kernel, user) = (Small::new(), Small::new());
    for n in 0..36 {
        mark(&kernel, n, 0);
    }
    for word in &kernel.words[SUB..2 * SUB] {
        word.store(0xdead_beef_dead_beef, Relaxed);
    }
    let trace = Trace::parse(&region_bytes(&kernel, &user, true)).unwrap();
    assert_eq!(
        trace.gaps.iter().map(|gap| gap.words).collect::<Vec<_>>(),
        [SUB as u64]
    );
    let seen: Vec<u64> = marks(&trace).iter().map(|m| m.0).collect();
    assert_eq!(seen, (0..9).chain(18..36).collect::<Vec<_>>());
}

#[test]
fn a_silly_index_costs_at_most_the_end() {
    let (kernel, user) = (Small::new(), Small::new());
    for n in 0..15 {
        mark(&kernel, n, 0);
    }
    for index in [0, 1, u64::MAX, 1 << 40] {
        kernel.control.index.store(index, Relaxed);
        let trace = Trace::parse(&region_bytes(&kernel, &user, false)).unwrap();
        assert_eq!(marks(&trace).len(), 15);
    }
    // And whoever logs next does not get hurt.
    kernel.control.index.store(u64::MAX - 1, Relaxed);
    (0..50).for_each(|n| mark(&kernel, n, 0));
}

#[test]
fn an_event_that_cannot_fit_is_counted() {
    let (kernel, user) = (Small::new(), Small::new());
    kernel.log(
        EventHeader::kind_of(Class::Application, 0, 40),
        [0; 40],
        tick,
    );
    let trace = Trace::parse(&region_bytes(&kernel, &user, false)).unwrap();
    assert_eq!((trace.lost, trace.events.len()), (1, 0));
}

#[test]
fn a_long_silence_keeps_the_time() {
    let (kernel, user) = (Small::new(), Small::new());
    mark(&kernel, 1, 0);
    common::CLOCK.with(|clock| clock.set(clock.get() + (1 << 38)));
    mark(&kernel, 2, 0);
    let trace = Trace::parse(&region_bytes(&kernel, &user, false)).unwrap();
    assert_eq!(trace.events[1].time - trace.events[0].time, (1 << 38) + 10);
}

#[test]
fn cut_and_foreign_files_get_clear_answers() {
    let (kernel, user) = (Small::new(), Small::new());
    (0..20).for_each(|n| mark(&kernel, n, 0));
    let whole = region_bytes(&kernel, &user, false);
    assert_eq!(Trace::parse(&[]).err(), Some(DecodeError::TooShort));
    assert_eq!(Trace::parse(&[0; 5000]).err(), Some(DecodeError::NotATrace));
    let mut other = whole.clone();
    other[16] = 9;
    assert_eq!(
        Trace::parse(&other).err(),
        Some(DecodeError::OtherVersion(9))
    );
    for (byte, name) in [
        (24, "number of CPUs"),
        (40, "size of buffers"),
        (48, "size of sub-buffers"),
    ] {
        let mut bad = whole.clone();
        bad[byte] = 0xff;
        bad[byte + 1] = 0xff;
        assert_eq!(Trace::parse(&bad).err(), Some(DecodeError::BadHeader(name)));
    }
    for length in (4096..whole.len()).step_by(if cfg!(miri) { 2000 } else { 8 }) {
        let trace = Trace::parse(&whole[..length]).unwrap();
        assert_eq!(trace.missing_bytes as usize, whole.len() - length);
        assert!(trace.events.len() <= 20);
    }
    let mut foreign = whole;
    foreign[56] ^= 1;
    let trace = Trace::parse(&foreign).unwrap();
    assert!(!trace.same_table);
    assert_eq!(trace.events.len(), 20);
    assert!(trace.lines().next().unwrap().contains("app.0 0x0 0x0"));
}

/// Zeroed memory on a page boundary.
struct Pages(NonNull<u8>, std::alloc::Layout);

impl Pages {
    fn new(bytes: usize) -> Pages {
        let layout = std::alloc::Layout::from_size_align(bytes, 4096).unwrap();
        // SAFETY: the size is not zero in any test.
        Pages(
            NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).unwrap(),
            layout,
        )
    }

    fn base(&self) -> NonNull<u8> {
        self.0
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is there, was zeroed, and no test writes while it looks.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr(), self.1.size()) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: it was allocated so.
        unsafe { std::alloc::dealloc(self.0.as_ptr(), self.1) };
    }
}

/// A target in a real region.
enum Host {}

static REGION: OnceLock<Region> = OnceLock::new();

// SAFETY: the region is never unmapped (the test leaks it).
unsafe impl Target for Host {
    fn mask() -> u64 {
        REGION.get().map_or(0, Region::mask)
    }

    fn buffer() -> NonNull<CpuBuffer> {
        REGION.get().and_then(|r| r.buffer(0, Side::User)).unwrap()
    }

    fn now() -> u64 {
        tick()
    }
}

#[test]
fn the_logging_functions_obey_the_mask_and_the_text_is_readable() {
    events::app::mark::<Host>(0, 0); // no region yet: nothing happens
    let pages = Box::leak(Box::new(Pages::new(Region::bytes(1))));
    // SAFETY: the pages are zeroed and are leaked.
    let region =
        unsafe { Region::create(pages.base(), Region::bytes(1), 1, 1_000_000, 0) }.unwrap();
    REGION.set(region).ok().unwrap();
    events::ipc::call::<Host>(7, 2, 0x15, 64);
    region.set_mask(Class::Ipc.bit() | Class::Scheduling.bit());
    events::ipc::ret::<Host>(7, 2, -14_i64 as u64);
    events::fs::open::<Host>(7, 1, 0);
    events::sched::name::<Host>(7, u64::from_be_bytes(*b"busybox\0"), 0);
    region.set_mask(0);
    events::ipc::ret::<Host>(7, 2, 0);

    let trace = Trace::parse(pages.bytes()).unwrap();
    let lines: Vec<String> = trace.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].ends_with("  0u ipc.ret caller=7 server=2 result=-14"),
        "{lines:?}"
    );
    assert!(
        lines[1].ends_with("sched.name pid=7 name=busybox name2="),
        "{lines:?}"
    );

    // SAFETY: the pages hold a region.
    let found = unsafe { Region::attach(pages.base(), Region::bytes(1)) }.unwrap();
    assert_eq!(found.header().table_hash, table_hash());
    // SAFETY: the memory is readable.
    let short = unsafe { Region::attach(pages.base(), Region::bytes(1) - 1) };
    assert_eq!(short.err(), Some(RegionError::BadMemory));
    let empty = Pages::new(8192);
    // SAFETY: the memory is readable.
    let empty = unsafe { Region::attach(empty.base(), 8192) };
    assert_eq!(empty.err(), Some(RegionError::BadHeader));
}

#[test]
fn the_table_is_sound() {
    for (class, infos) in events::TABLE {
        for (place, info) in infos.iter().enumerate() {
            assert_eq!(
                (info.class, find(*class as u8, info.event)),
                (*class, Some(info))
            );
            assert!(
                infos[..place].iter().all(|other| other.event < info.event),
                "{}",
                info.name
            );
            assert!(
                infos[..place].iter().all(|other| other.name != info.name),
                "{}",
                info.name
            );
            assert!(!info.doc.is_empty() && info.args.len() < 8);
        }
    }
    assert_eq!(events::TABLE.len(), Class::ALL.len());
    assert_eq!(Class::mask_of("ipc, fs"), Ok(0b100_0100));
    assert_eq!(Class::mask_of("all"), Ok(0x3ff));
    assert_eq!(Class::mask_of("ipc,no"), Err("no"));
    assert_eq!(WORDS % SUB, 0);
}

/// `EVENTS.md` is made from the table: `UPDATE=1 cargo test -p k42-trace` writes it.
#[test]
fn the_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/EVENTS.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, table_markdown()).unwrap();
    }
    assert!(cfg!(miri) || std::fs::read_to_string(path).unwrap() == table_markdown());
}
