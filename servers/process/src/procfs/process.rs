//! Files about one process.

use super::{Node, Text, put};
use crate::Server;
use crate::linux::{USER_HZ, resource};
use crate::record::{Life, Program, Record, Used, View};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use k42_abi::layout::PAGE_SIZE;
use k42_api::memory::SpaceUsage;
use k42_fslib::linux::PATH_MAX;
use k42_ipc::{Error, OutBuf, ProcessId, Result};

/// Everything that these files show of a process.
struct Seen {
    view: View,
    space: ProcessId,
    cpu: u32,
    started: u64,
    usage: SpaceUsage,
    used: Used,
    terminal: u64,
}

const NOTHING: SpaceUsage = SpaceUsage {
    mapped: 0,
    resident: 0,
    private: 0,
    regions: 0,
    faults: 0,
    heap: 0,
    stack: 0,
    text: 0,
    locked: 0,
};

fn see(server: &Server, node: Node) -> Result<Seen> {
    server.with_process(node.pid, |_, record| {
        let view = record.view();
        let (usage, used) = if view.life == Life::Zombie {
            (NOTHING, view.remains.own)
        } else {
            (
                server.env.usage(record.space()).unwrap_or(NOTHING),
                server.measure(&record),
            )
        };
        let terminal = view.heritage.group.session.terminal.load(Ordering::Relaxed);
        Seen {
            space: record.space(),
            cpu: record.cpu(),
            started: record.started(),
            view,
            usage,
            used,
            terminal,
        }
    })
}

impl Seen {
    /// Letter and word of the state. Which processes run just now only the kernel knows: those count as sleeping.
    fn state(&self) -> (char, &'static str) {
        match (self.view.life, self.view.stopped) {
            (Life::Zombie, _) => ('Z', "zombie"),
            (Life::Exiting, _) => ('X', "dead"),
            (Life::Running, Some(_)) => ('T', "stopped"),
            (Life::Running, None) => ('S', "sleeping"),
        }
    }
}

fn clock_ticks(nanoseconds: u64) -> u64 {
    nanoseconds / (1_000_000_000 / USER_HZ)
}

/// stat
pub fn stat(server: &Server, node: Node, text: &mut Text) -> Result<()> {
    let seen = see(server, node)?;
    let (view, heritage) = (&seen.view, &seen.view.heritage);
    put!(text, "{} (", node.pid);
    text.bytes(&heritage.program.comm);
    let group = &heritage.group;
    // The foreground group is the terminal's to know.
    put!(
        text,
        ") {} {} {} {} {} -1 0",
        seen.state().0,
        view.parent,
        group.pgid,
        group.session.sid,
        seen.terminal
    );
    put!(text, " {} {} 0 0", seen.used.faults, view.children.faults);
    put!(
        text,
        " {} 0 {} 0",
        clock_ticks(seen.used.time),
        clock_ticks(view.children.time)
    );
    put!(
        text,
        " {} {} 1 0 {}",
        20 + heritage.nice,
        heritage.nice,
        clock_ticks(seen.started)
    );
    put!(
        text,
        " {} {} {}",
        seen.usage.mapped,
        seen.usage.resident / PAGE_SIZE as u64,
        u64::MAX
    );
    put!(
        text,
        " 0 0 0 0 0 {} {} {} {}",
        low(view.pending),
        low(heritage.masks.blocked),
        low(heritage.masks.ignored),
        low(heritage.masks.caught)
    );
    put!(
        text,
        " 0 0 0 17 {} 0 0 0 0 0 0 0 0 0 0 0 0 {}\n",
        seen.cpu,
        view.remains.status
    );
    Ok(())
}

/// stat shows the ordinary signals only.
fn low(set: u64) -> u64 {
    set & 0x7fff_ffff
}

/// statm
pub fn statm(server: &Server, node: Node, text: &mut Text) -> Result<()> {
    let usage = see(server, node)?.usage;
    let pages = |bytes: u64| bytes / PAGE_SIZE as u64;
    let shared = usage.resident.saturating_sub(usage.private);
    let (mapped, resident, text_pages) = (
        pages(usage.mapped),
        pages(usage.resident),
        pages(usage.text),
    );
    put!(
        text,
        "{mapped} {resident} {} {text_pages} 0 {} 0\n",
        pages(shared),
        pages(usage.heap + usage.stack)
    );
    Ok(())
}

/// status
pub fn status(server: &Server, node: Node, text: &mut Text) -> Result<()> {
    let seen = see(server, node)?;
    let (view, heritage, usage) = (&seen.view, &seen.view.heritage, &seen.usage);
    let ids = heritage.identity.ids;
    text.bytes(b"Name:\t");
    text.bytes(&heritage.program.comm);
    let (letter, word) = seen.state();
    put!(
        text,
        "\nUmask:\t{:04o}\nState:\t{letter} ({word})\n",
        heritage.umask
    );
    put!(text, "Tgid:\t{0}\nNgid:\t0\nPid:\t{0}\n", node.pid);
    put!(text, "PPid:\t{}\nTracerPid:\t0\n", view.parent);
    put!(
        text,
        "Uid:\t{}\t{}\t{}\t{}\n",
        ids.ruid,
        ids.euid,
        ids.suid,
        ids.fsuid
    );
    put!(
        text,
        "Gid:\t{}\t{}\t{}\t{}\n",
        ids.rgid,
        ids.egid,
        ids.sgid,
        ids.fsgid
    );
    put!(text, "FDSize:\t64\nGroups:\t");
    for group in heritage.identity.groups.as_chunks::<4>().0 {
        put!(text, "{} ", u32::from_le_bytes(*group));
    }
    let (pgid, sid) = (heritage.group.pgid, heritage.group.session.sid);
    put!(
        text,
        "\nNStgid:\t{0}\nNSpid:\t{0}\nNSpgid:\t{pgid}\nNSsid:\t{sid}\n",
        node.pid
    );
    if view.life == Life::Running {
        let kib = |bytes: u64| bytes >> 10;
        let peak = seen.used.max_resident.max(usage.resident);
        put!(
            text,
            "VmPeak:\t{:8} kB\nVmSize:\t{0:8} kB\nVmLck:\t{:8} kB\nVmPin:\t       0 kB\n",
            kib(usage.mapped),
            kib(usage.locked)
        );
        put!(
            text,
            "VmHWM:\t{:8} kB\nVmRSS:\t{:8} kB\n",
            kib(peak),
            kib(usage.resident)
        );
        put!(
            text,
            "RssAnon:\t{:8} kB\nRssFile:\t{:8} kB\nRssShmem:\t       0 kB\n",
            kib(usage.private),
            kib(usage.resident.saturating_sub(usage.private))
        );
        put!(
            text,
            "VmData:\t{:8} kB\nVmStk:\t{:8} kB\nVmExe:\t{:8} kB\nVmLib:\t       0 kB\n",
            kib(usage.heap),
            kib(usage.stack),
            kib(usage.text)
        );
        put!(text, "VmPTE:\t       0 kB\nVmSwap:\t       0 kB\n");
    }
    put!(
        text,
        "Threads:\t1\nSigQ:\t{}/{}\n",
        view.queued,
        heritage.limits.soft(resource::SIGPENDING)
    );
    put!(
        text,
        "SigPnd:\t{:016x}\nShdPnd:\t{:016x}\n",
        0,
        view.pending
    );
    let masks = heritage.masks;
    put!(
        text,
        "SigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
        masks.blocked,
        masks.ignored,
        masks.caught
    );
    let capabilities: u64 = if heritage.identity.privileged() {
        0x1ff_ffff_ffff
    } else {
        0
    };
    put!(
        text,
        "CapInh:\t{:016x}\nCapPrm:\t{capabilities:016x}\nCapEff:\t{capabilities:016x}\n",
        0
    );
    put!(
        text,
        "CapBnd:\t{:016x}\nCapAmb:\t{:016x}\n",
        0x1ff_ffff_ffff_u64,
        0
    );
    put!(
        text,
        "NoNewPrivs:\t{}\nSeccomp:\t0\n",
        u8::from(heritage.no_new_privileges)
    );
    put!(text, "Cpus_allowed:\t{:x}\n", heritage.affinity);
    let statistics = server.env.statistics(seen.space).unwrap_or_default();
    let voluntary = statistics.chosen.saturating_sub(statistics.preemptions);
    put!(
        text,
        "voluntary_ctxt_switches:\t{voluntary}\nnonvoluntary_ctxt_switches:\t{}\n",
        statistics.preemptions
    );
    Ok(())
}

/// cmdline: empty for who is dead, as in Linux.
pub fn command_line(server: &Server, node: Node, text: &mut Text) -> Result<()> {
    text.bytes(&server.view(node.pid)?.heritage.program.command_line);
    Ok(())
}

/// comm
pub fn comm(server: &Server, node: Node, text: &mut Text) -> Result<()> {
    text.bytes(&server.view(node.pid)?.heritage.program.comm);
    text.bytes(b"\n");
    Ok(())
}

/// A new name, by who owns the process.
pub fn set_comm(server: &Server, node: Node, new: &[u8]) -> Result<()> {
    let name = new.strip_suffix(b"\n").unwrap_or(new);
    let name = &name[..name.len().min(crate::linux::COMM_MAX)];
    server.with_process(node.pid, |_, record| {
        let old = record.view().heritage.program;
        let program = Program {
            comm: name.to_vec(),
            command_line: old.command_line.clone(),
            path: old.path.clone(),
        };
        record.set_program(Arc::new(program), false);
    })
}

/// environ: the environment is in the process's own memory, where only it looks; for others it is empty.
pub fn environment(server: &Server, node: Node, _: &mut Text) -> Result<()> {
    server.view(node.pid).map(drop)
}

/// limits
pub fn limits(server: &Server, node: Node, text: &mut Text) -> Result<()> {
    const NAMES: [(&str, &str); resource::COUNT] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
    let limits = server.view(node.pid)?.heritage.limits;
    put!(
        text,
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit",
        "Soft Limit",
        "Hard Limit",
        "Units"
    );
    for (number, (name, unit)) in NAMES.iter().enumerate() {
        put!(text, "{name:<25} ");
        for limit in limits.get(number as u32)? {
            match limit {
                resource::INFINITY => put!(text, "{:<20} ", "unlimited"),
                value => put!(text, "{value:<20} "),
            }
        }
        put!(text, "{unit:<10}\n");
    }
    Ok(())
}

/// maps, from the memory server piece by piece
pub fn maps(server: &Server, node: Node, text: &mut Text) -> Result<()> {
    let (space, life) =
        server.with_process(node.pid, |_, record| (record.space(), record.life()))?;
    if life == Life::Running {
        put_maps(server, space, text)
    } else {
        Ok(())
    }
}

/// The regions of an address space.
pub(super) fn put_maps(server: &Server, space: ProcessId, text: &mut Text) -> Result<()> {
    let mut from = 0;
    loop {
        // A line with the longest path fits.
        let mut piece = [0; PATH_MAX + 256];
        let mut out = OutBuf::new(&mut piece);
        let next = server.env.describe(space, from, &mut out)?;
        text.bytes(out.filled());
        if next == 0 {
            return Ok(());
        }
        if next <= from {
            return Err(Error::EIO);
        }
        from = next;
    }
}
