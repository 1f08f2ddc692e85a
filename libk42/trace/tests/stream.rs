//! From a logging call to a line of text.
#![cfg(not(loom))]

mod common;

use common::{SUB, Small, WORDS, file_bytes, file_of, region_bytes, tick};
use k42_trace::decode::{DecodeError, Stream, Table, Trace, table_markdown};
use k42_trace::{
    Class, CpuBuffer, EventHeader, Region, RegionError, Show, Side, TABLE_TEXT, Target, events,
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
        .map(|e| {
            (
                trace.arg(e, "mark").unwrap(),
                trace.arg(e, "value").unwrap(),
            )
        })
        .collect()
}

#[test]
fn what_is_logged_is_read_in_both_byte_orders() {
    for big in [false, true] {
        let (kernel, user) = (Small::new(), Small::new());
        for n in 0..20 {
            mark(if n % 3 == 0 { &kernel } else { &user }, n, n * n);
        }
        let trace = Trace::parse(&file_bytes(&kernel, &user, big)).unwrap();
        assert_eq!(
            marks(&trace),
            (0..20).map(|n| (n, n * n)).collect::<Vec<_>>()
        );
        assert!(trace.events.is_sorted_by_key(|e| e.time));
        assert!(trace.complete && trace.big_endian == big);
        assert_eq!(
            (trace.gaps.len(), trace.lost, trace.damaged_bytes),
            (0, 0, 0)
        );
        assert_eq!(trace.table, Table::own());
        assert_eq!(trace.events[0].side, Side::Kernel);
        assert_eq!(trace.events[1].side, Side::User);
    }
}

#[test]
fn the_oldest_is_overwritten_and_the_newest_is_all_there() {
    let (kernel, user) = (Small::new(), Small::new());
    for n in 0..if cfg!(miri) { 15 } else { 1_000 } {
        mark(&kernel, n, 0);
        let trace = Trace::parse(&file_bytes(&kernel, &user, false)).unwrap();
        let seen = marks(&trace);
        let gaps: Vec<_> = trace
            .gaps
            .iter()
            .map(|gap| gap.words % SUB as u64)
            .collect();
        assert!(gaps.is_empty() || gaps == [0], "whole sub-buffers in front");
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
        let trace = Trace::parse(&file_bytes(&kernel, &user, false)).unwrap();
        assert_eq!(trace.gaps.last().map(|gap| gap.words), Some(3));
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
    let trace = Trace::parse(&file_bytes(&kernel, &user, true)).unwrap();
    assert_eq!(
        trace.gaps.iter().map(|gap| gap.words).collect::<Vec<_>>(),
        [SUB as u64]
    );
    let seen: Vec<u64> = marks(&trace).iter().map(|m| m.0).collect();
    assert_eq!(seen, (0..9).chain(18..36).collect::<Vec<_>>());
}

#[test]
fn a_silly_index_costs_the_buffer_and_nothing_else() {
    let (kernel, user) = (Small::new(), Small::new());
    for n in 0..15 {
        mark(&user, n, 0);
        mark(&kernel, n, 0);
    }
    for index in [0, 1, 127, 4711, u64::MAX, u64::MAX - 7, 1 << 40] {
        user.control.index.store(index, Relaxed);
        let trace = Trace::parse(&file_bytes(&kernel, &user, false)).unwrap();
        assert_eq!(marks(&trace), (0..15).map(|n| (n, 0)).collect::<Vec<_>>());
        assert!(!trace.gaps.is_empty() && trace.gaps.iter().all(|gap| gap.side == Side::User));
        assert_eq!(trace.lines().count(), 15 + trace.gaps.len());
    }
    // And whoever logs next does not get hurt.
    user.control.index.store(u64::MAX - 1, Relaxed);
    (0..50).for_each(|n| mark(&user, n, 0));
}

#[test]
fn an_event_that_cannot_fit_is_counted() {
    let (kernel, user) = (Small::new(), Small::new());
    kernel.log(
        EventHeader::kind_of(Class::Application, 0, 40),
        [0; 40],
        tick,
    );
    let trace = Trace::parse(&file_bytes(&kernel, &user, false)).unwrap();
    assert_eq!((trace.lost, trace.events.len()), (1, 0));
}

#[test]
fn a_long_silence_keeps_the_time() {
    let (kernel, user) = (Small::new(), Small::new());
    mark(&kernel, 1, 0);
    common::CLOCK.with(|clock| clock.set(clock.get() + (1 << 38)));
    mark(&kernel, 2, 0);
    let trace = Trace::parse(&file_bytes(&kernel, &user, false)).unwrap();
    assert_eq!(trace.events[1].time - trace.events[0].time, (1 << 38) + 10);
}

#[test]
fn cut_and_foreign_files_get_clear_answers() {
    let (kernel, user) = (Small::new(), Small::new());
    (0..20).for_each(|n| mark(&kernel, n, 0));
    let whole = file_bytes(&kernel, &user, false);
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
        (48, "size of buffers"),
        (56, "size of sub-buffers"),
        (72, "table of events"),
    ] {
        let mut bad = whole.clone();
        bad[byte] = 0xff;
        bad[byte + 1] = 0xff;
        assert_eq!(Trace::parse(&bad).err(), Some(DecodeError::BadHeader(name)));
    }
    let chunks = (72 + TABLE_TEXT.len()).next_multiple_of(8);
    for length in 0..chunks - 8 {
        let error = Trace::parse(&whole[..length]).err();
        let expected = match length {
            ..72 => DecodeError::TooShort,
            _ => DecodeError::TableCutShort,
        };
        assert_eq!(error, Some(expected), "{length}");
    }
    let mut most = 0;
    for length in chunks..whole.len() {
        let trace = Trace::parse(&whole[..length]).unwrap();
        assert!(!trace.complete);
        assert!(trace.gaps.is_empty(), "{length}: {:?}", trace.gaps);
        assert!((most..=20).contains(&trace.events.len()));
        most = trace.events.len();
    }
    assert_eq!(most, 20);
}

/// A file of a program that knew other events, other classes and other ways to show a number.
#[test]
fn the_file_explains_itself() {
    let (kernel, user) = (Small::new(), Small::new());
    mark(&kernel, 10, u64::MAX);
    kernel.log(0x3f << 12 | 3 << 18 | 7 << 4, [1, 2], tick);
    kernel.log(0x21 << 12 | 2 << 18 | 200 << 4, [5], tick);
    let region = region_bytes(&kernel, &user, true);
    let own = String::from_utf8(TABLE_TEXT.to_vec()).unwrap();
    let other = "later words\nclass 33 weather 2\nevent 200 rain drops:roman\nclass 9 app\nevent 0 stamp a:dec b:int\n";
    let mut region = region;
    region[4096..4096 + own.len()].fill(b'\n');
    region[4096..4096 + other.len()].copy_from_slice(other.as_bytes());
    let trace = Trace::parse(&file_of(&region).unwrap()).unwrap();
    let lines: Vec<_> = trace.lines().collect();
    assert!(lines[0].ends_with("0k app.stamp a=10 b=-1"), "{lines:?}");
    assert!(lines[1].ends_with("3 words lost"), "{lines:?}");
    assert!(lines[2].ends_with("0k weather.rain drops=0x5"), "{lines:?}");
    assert_eq!(trace.table.find("weather", "rain"), Some((33, 200)));
    assert_eq!(trace.table.find("app", "mark"), None);
}

#[test]
fn tables_that_make_no_sense() {
    for text in [
        "event 0 early",
        "class 63 control",
        "class 300 big",
        "class 1",
        "class 1 a\nclass 1 b",
        "class 1 a\nevent 1 x\nevent 1 y",
        "class 1 a\nevent 1 x y",
        "class 1 a\nevent 256 x",
    ] {
        assert_eq!(Table::parse(text), None, "{text}");
    }
    assert_eq!(Table::parse(""), Some(Table::default()));
}

/// A reader that looks often enough loses nothing; one that does not, counts what it lost. Nobody reads what is being
/// written.
#[test]
fn streaming() {
    for pace in [1, 5, 8, 20, 60, 200] {
        let (kernel, user) = (Small::new(), Small::new());
        let mut file = Vec::new();
        let region = region_bytes(&kernel, &user, true);
        let mut stream = Stream::open(&region[..], &mut file).unwrap();
        if pace == 5 {
            stream.note_counted(&mut file);
        }
        let total = if cfg!(miri) { 60 } else { 2_000 };
        for n in 0..total {
            mark(&kernel, n, 1);
            if n % pace == pace - 1 {
                let region = region_bytes(&kernel, &user, true);
                stream.poll(&region[..], &mut file).unwrap();
            }
        }
        kernel.control.lost.store(3, Relaxed);
        let region = region_bytes(&kernel, &user, true);
        stream.finish(&region[..], &mut file).unwrap();
        let trace = Trace::parse(&file).unwrap();
        assert!(trace.complete);
        assert_eq!((trace.lost, trace.counted), (3, pace == 5));
        let seen: Vec<u64> = marks(&trace).iter().map(|mark| mark.0).collect();
        assert!(seen.is_sorted());
        // Nine marks fit between a start event and the end of a sub-buffer.
        let lost: u64 = trace
            .gaps
            .iter()
            .map(|gap| gap.words / SUB as u64 * 9)
            .sum();
        assert_eq!(seen.len() as u64 + lost, total, "pace {pace}");
        assert_eq!(lost == 0, pace <= 20, "pace {pace}");
    }
}

/// Memory that changes while it is read: a writer laps the reader in the middle of a copy.
#[test]
fn what_is_overwritten_during_the_copy_is_not_used() {
    struct Racing<'a> {
        before: &'a [u8],
        after: &'a [u8],
        reads: std::cell::Cell<u32>,
    }
    impl k42_trace::decode::Memory for Racing<'_> {
        type Error = DecodeError;
        fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), DecodeError> {
            // The third read of the poll is the first piece.
            self.reads.set(self.reads.get() + 1);
            let now = if self.reads.get() > 2 {
                self.after
            } else {
                self.before
            };
            now.read(offset, into)
        }
    }
    let (kernel, user) = (Small::new(), Small::new());
    (0..30).for_each(|n| mark(&kernel, n, 0));
    let before = region_bytes(&kernel, &user, false);
    (30..50).for_each(|n| mark(&kernel, n, 0));
    let after = region_bytes(&kernel, &user, false);
    let mut file = Vec::new();
    let mut stream = Stream::open(&before[..], &mut file).unwrap();
    let reads = std::cell::Cell::new(0);
    let racing = Racing {
        before: &before,
        after: &after,
        reads,
    };
    stream.poll(&racing, &mut file).unwrap();
    stream.finish(&after[..], &mut file).unwrap();
    let trace = Trace::parse(&file).unwrap();
    let seen: Vec<u64> = marks(&trace).iter().map(|mark| mark.0).collect();
    assert_eq!(
        trace.gaps.iter().map(|gap| gap.words).collect::<Vec<_>>(),
        [2 * SUB as u64]
    );
    assert_eq!(seen, (18..50).collect::<Vec<_>>());
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

    let trace = Trace::parse(&file_of(pages.bytes()).unwrap()).unwrap();
    let lines: Vec<String> = trace.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].ends_with("  0u ipc.ret caller=7 server=2 result=-14"),
        "{lines:?}"
    );
    assert!(
        lines[1].ends_with("sched.name process=7 name=busybox name2="),
        "{lines:?}"
    );

    // SAFETY: the pages hold a region.
    let found = unsafe { Region::attach(pages.base(), Region::bytes(1)) }.unwrap();
    assert_eq!(found.mask(), 0);
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
    let own = Table::own();
    for (class, infos) in events::TABLE {
        for (place, info) in infos.iter().enumerate() {
            let entry = own.event(*class as u8, info.event).unwrap();
            let args: Vec<_> = info.args.iter().map(|arg| (arg.name, arg.show)).collect();
            let read: Vec<(&str, Show)> = entry
                .args
                .iter()
                .map(|(name, show)| (name.as_str(), *show))
                .collect();
            assert_eq!(
                (info.class, info.name, args),
                (*class, entry.name.as_str(), read)
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
