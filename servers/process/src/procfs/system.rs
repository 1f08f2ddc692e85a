//! Files about the system.

use super::process::put_maps;
use super::{Node, Text, put};
use crate::Server;
use crate::linux::{PID_MAX, USER_HZ};
use crate::load::ONE;
use core::sync::atomic::Ordering;
use k42_abi::info::Count;
use k42_fslib::mounts::{self, Mount};
use k42_ipc::{Error, OutBuf, ProcessId, Result};

/// What uname(2) tells as well.
const RELEASE: &str = "6.1.0";
const BUILD: &str = "#1 SMP K42";
/// Longest host name.
const HOST_NAME_MAX: usize = 64;

fn seconds(text: &mut Text, nanoseconds: u64) {
    put!(
        text,
        "{}.{:02}",
        nanoseconds / 1_000_000_000,
        nanoseconds / 10_000_000 % 100
    );
}

/// Time that all CPUs together had nothing to do.
fn idle(server: &Server, busy: u64) -> u64 {
    (server.env.uptime() * u64::from(server.env.cpus())).saturating_sub(busy)
}

/// uptime
pub fn uptime(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    seconds(text, server.env.uptime());
    text.bytes(b" ");
    seconds(text, idle(server, server.busy_time()));
    text.bytes(b"\n");
    Ok(())
}

/// loadavg
pub fn loadavg(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    for load in server.loads_now() {
        let hundredths = (load * 100 + ONE / 2) / ONE;
        put!(text, "{}.{:02} ", hundredths / 100, hundredths % 100);
    }
    put!(text, "1/{} {}\n", server.pids.count(), server.pids.last());
    Ok(())
}

/// stat
pub fn stat(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    let cpus = u64::from(server.env.cpus().max(1));
    let ticks = |nanoseconds: u64| nanoseconds / (1_000_000_000 / USER_HZ);
    let busy = server.busy_time();
    let (busy, idle) = (ticks(busy), ticks(idle(server, busy)));
    // The kernel accounts by process and not by CPU: each gets its share of the sum.
    put!(text, "cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n");
    for cpu in 0..cpus {
        put!(
            text,
            "cpu{cpu} {} 0 0 {} 0 0 0 0 0 0\n",
            busy / cpus,
            idle / cpus
        );
    }
    let guard = server.objects.enter();
    let switches: u64 = server
        .pids
        .all()
        .iter()
        .filter_map(|(_, process)| {
            let record = process.get(&guard).ok()?;
            server
                .env
                .statistics(crate::record::Record::space(&record))
                .ok()
                .map(|statistics| statistics.chosen)
        })
        .sum();
    put!(
        text,
        "intr 0\nctxt {switches}\nbtime {}\n",
        server.env.boot_seconds()
    );
    put!(
        text,
        "processes {}\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n",
        server.made.load(Ordering::Relaxed)
    );
    Ok(())
}

/// meminfo
pub fn meminfo(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    let totals = server.env.totals()?;
    let lines = [
        ("MemTotal", totals.total),
        ("MemFree", totals.free),
        ("MemAvailable", totals.free),
        ("Buffers", 0),
        ("Cached", totals.cached),
        ("SwapCached", 0),
        ("Active", totals.anonymous),
        ("Inactive", totals.cached),
        ("Unevictable", totals.pinned),
        ("Mlocked", totals.pinned),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", totals.anonymous),
        ("Mapped", totals.cached),
        ("Shmem", totals.shared),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("SUnreclaim", 0),
        ("PageTables", totals.tables),
        ("CommitLimit", totals.total),
        ("Committed_AS", totals.anonymous),
    ];
    for (name, bytes) in lines {
        let width = 15 - name.len();
        put!(text, "{name}:{:width$}{:8} kB\n", "", bytes >> 10);
    }
    Ok(())
}

/// version
pub fn version(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "Linux version {RELEASE} (K42) {BUILD}\n");
    Ok(())
}

/// cpuinfo, as Linux prints it for the processors that this runs on
pub fn cpuinfo(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    for cpu in 0..server.env.cpus() {
        put!(
            text,
            "processor\t: {cpu}\ncpu\t\t: POWER9 (architected), altivec supported\n"
        );
        put!(
            text,
            "clock\t\t: 1000.000000MHz\nrevision\t: 2.0 (pvr 004e 1200)\n\n"
        );
    }
    put!(
        text,
        "timebase\t: {}\nplatform\t: pSeries\n",
        server.env.ticks_per_second()
    );
    put!(
        text,
        "model\t\t: IBM pSeries (emulated by qemu)\nmachine\t\t: CHRP IBM pSeries (emulated by qemu)\nMMU\t\t: Radix\n"
    );
    Ok(())
}

/// cmdline: there is no Linux kernel to give one to.
pub fn boot_command_line(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"\n");
    Ok(())
}

/// devices
pub fn devices(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n");
    Ok(())
}

/// filesystems
pub fn filesystems(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"nodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tkfs\n");
    Ok(())
}

/// partitions
pub fn partitions(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"major minor  #blocks  name\n\n");
    Ok(())
}

/// swaps
pub fn swaps(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    Ok(())
}

/// Calls `show` with each entry of the mount table.
fn each_mount(server: &Server, mut show: impl FnMut(&Mount<&str>)) -> Result<()> {
    let mut buffer = alloc::vec![0; 8000];
    let mut out = OutBuf::new(&mut buffer);
    server.env.mounts(&mut out)?;
    let mut bytes = out.filled();
    while let Some(mount) = mounts::parse(&mut bytes) {
        show(&mount);
    }
    Ok(())
}

/// A field in which blanks would be taken for its end.
fn field(text: &mut Text, value: &str) {
    for &byte in value.as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => put!(text, "\\{byte:03o}"),
            _ => text.bytes(&[byte]),
        }
    }
}

/// mounts
pub fn mounts(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    each_mount(server, |mount| {
        for value in [mount.source, mount.point, mount.kind, mount.options] {
            field(text, value);
            text.bytes(b" ");
        }
        text.bytes(b"0 0\n");
    })
}

/// mountinfo
pub fn mountinfo(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    each_mount(server, |mount| {
        // Ids begin with one, so that zero can be the parent of the top.
        let parent = if mount.parent == mount.id {
            0
        } else {
            mount.parent.wrapping_add(1)
        };
        put!(text, "{} {parent} 0:{} / ", mount.id + 1, mount.id + 20);
        field(text, mount.point);
        put!(text, " {} - ", mount.options);
        field(text, mount.kind);
        text.bytes(b" ");
        field(text, mount.source);
        put!(text, " {}\n", mount.options);
    })
}

/// k42/counts: what must come back to where it was when all work is done.
pub fn counts(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    let totals = server.env.totals()?;
    let frames = |bytes: u64| bytes / k42_abi::layout::PAGE_SIZE as u64;
    put!(
        text,
        "frames_total {}\nframes_free {}\n",
        frames(totals.total),
        frames(totals.free)
    );
    put!(
        text,
        "frames_tables {}\nframes_pinned {}\n",
        frames(totals.tables),
        frames(totals.pinned)
    );
    put!(
        text,
        "frames_anonymous {}\nframes_cached {}\n",
        frames(totals.anonymous),
        frames(totals.cached)
    );
    put!(
        text,
        "fcms {}\nregions {}\nspaces {}\n",
        totals.fcms,
        totals.regions,
        totals.spaces
    );
    let kernel = [
        ("kernel_processes", Count::Processes),
        ("kernel_dispatchers", Count::Dispatchers),
        ("kernel_table_frames", Count::TableFrames),
        ("calls", Count::Calls),
        ("calls_outstanding", Count::CallsOutstanding),
        ("messages_dropped", Count::MessagesDropped),
    ];
    for (name, which) in kernel {
        put!(text, "{name} {}\n", server.env.count(which)?);
    }
    // What is only waiting to be freed is not a leak.
    server.objects.collect();
    let processes = server.pids.all();
    let guard = server.objects.enter();
    let handles: usize = processes
        .iter()
        .filter_map(|(_, process)| {
            let record = process.get(&guard).ok()?;
            Some(server.files.count(crate::record::Record::space(&record)))
        })
        .sum();
    put!(
        text,
        "processes {}\nzombies {}\nproc_handles {handles}\n",
        processes.len(),
        server.zombies.load(Ordering::Relaxed)
    );
    let objects: usize = (0..server.objects.cpus())
        .filter_map(|cpu| server.objects.stats(cpu))
        .map(|stats| stats.live)
        .sum();
    put!(text, "process_objects {objects}\n");
    Ok(())
}

/// The servers of the boot archive that can be told apart, with their names.
const SERVERS: [(ProcessId, &str); 4] = [
    (ProcessId::PROCESS, "process"),
    (ProcessId::NAME, "name"),
    (ProcessId::KFS, "kfs"),
    (ProcessId::CONSOLE, "console"),
];

/// k42/maps: the regions of the servers.
pub fn server_maps(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    for (space, name) in SERVERS {
        put!(text, "{name}:\n");
        match put_maps(server, space, text) {
            // It has ended.
            Err(Error::ESRCH) => {}
            done => done?,
        }
    }
    Ok(())
}

/// k42/servers: the names of the servers, and which of them have ended.
pub fn server_names(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    for (space, name) in SERVERS {
        let state = match server.env.usage(space) {
            Ok(_) => "runs",
            Err(_) => "ended",
        };
        put!(text, "{name} {state}\n");
    }
    Ok(())
}

/// `end NAME` ends a server, to see what goes on without it; the file's mode lets only root write.
pub fn end_server(server: &Server, _: Node, order: &[u8]) -> Result<()> {
    let order = order.strip_suffix(b"\n").unwrap_or(order);
    let name = order.strip_prefix(b"end ").ok_or(Error::EINVAL)?;
    let known = SERVERS.iter().find(|(_, known)| known.as_bytes() == name);
    server.end_server(known.ok_or(Error::ESRCH)?.0)
}

/// sys/fs/file-max
pub fn file_max(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{}\n", i64::MAX);
    Ok(())
}

/// sys/kernel/domainname
pub fn domain_name(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"(none)\n");
    Ok(())
}

/// sys/kernel/hostname
pub fn host_name(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(&server.host_name.lock());
    text.bytes(b"\n");
    Ok(())
}

/// A new host name; the file's mode lets only root write.
pub fn set_host_name(server: &Server, _: Node, new: &[u8]) -> Result<()> {
    let name = new.strip_suffix(b"\n").unwrap_or(new);
    if name.len() > HOST_NAME_MAX {
        return Err(Error::EINVAL);
    }
    *server.host_name.lock() = name.to_vec();
    Ok(())
}

/// sys/kernel/ngroups_max
pub fn groups_max(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{}\n", crate::credentials::GROUPS_MAX);
    Ok(())
}

/// sys/kernel/osrelease
pub fn release(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{RELEASE}\n");
    Ok(())
}

/// sys/kernel/ostype
pub fn system_name(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"Linux\n");
    Ok(())
}

/// sys/kernel/version
pub fn build(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{BUILD}\n");
    Ok(())
}

/// sys/kernel/pid_max
pub fn pid_max(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{PID_MAX}\n");
    Ok(())
}

/// A version-4 UUID of these random words.
fn print_uuid(text: &mut Text, [high, low]: [u64; 2]) {
    let (high, low) = (high & !0xf000 | 0x4000, low & (u64::MAX >> 2) | 1 << 63);
    put!(
        text,
        "{:08x}-{:04x}-{:04x}-",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff
    );
    put!(text, "{:04x}-{:012x}\n", low >> 48, low & 0xffff_ffff_ffff);
}

/// sys/kernel/random/uuid
pub fn uuid(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    print_uuid(text, [server.env.random(), server.env.random()]);
    Ok(())
}

/// sys/kernel/random/boot_id
pub fn boot_id(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    print_uuid(text, server.boot_id);
    Ok(())
}

/// sys/kernel/random/entropy_avail
pub fn entropy(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"256\n");
    Ok(())
}

/// sys/vm/overcommit_memory
pub fn overcommit(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"0\n");
    Ok(())
}
