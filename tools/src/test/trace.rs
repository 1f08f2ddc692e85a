//! Suite `trace`: what a machine logs arrives in the file, whole and in order, in both byte
//! orders, and also when the kernel panics or the machine is ended.

use super::Jobs;
use crate::cargo::Package;
use crate::machine::Reason;
use crate::repo::{Order, Repo};
use crate::system::{Alone, SELFTEST};
use anyhow::{Context, Result, ensure};
use k42_trace::Side;
use k42_trace::decode::Trace;
use std::fs;

/// The cases that the workspace can run.
pub fn suite(repo: &Repo, packages: &[Package]) -> Jobs {
    let mut jobs = Jobs::new("trace");
    if !packages.iter().any(|p| p.name == SELFTEST) {
        return jobs;
    }
    for (order, cpus, name) in [
        (Order::Little, 1, "stream-1cpu"),
        (Order::Little, 4, "stream-4cpu"),
        (Order::Big, 2, "stream-big-endian-2cpu"),
    ] {
        let repo = repo.clone();
        jobs.case(name, move || stream(&repo, order, cpus));
    }
    let repo = repo.clone();
    jobs.case("panic", move || panic(&repo));
    jobs
}

/// Boots the self-test with everything traced; gives the trace and why the machine ended.
fn traced(repo: &Repo, order: Order, cpus: u32, fails: bool) -> Result<(Trace, Reason)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trace");
    let machine = Alone {
        order,
        cpus,
        icount: false,
        command_line: "trace=all",
        plugin: None,
        trace: Some(file.clone()),
        fails,
    };
    let (_, seen) = machine.boot(repo)?;
    let tail = seen.tail();
    seen.end.trace.context("no trace")?.context(tail)?;
    Ok((Trace::parse(&fs::read(file)?)?, seen.end.reason))
}

/// The self-test logs marks with the numbers 0 to 9 and 0 to 999, and at its end a flood of a million, as fast as it can.
/// Each of them is in the file, or in a gap that is counted.
fn stream(repo: &Repo, order: Order, cpus: u32) -> Result<()> {
    const FLOOD: u64 = 1_000_000;
    const FLOOD_FROM: u64 = 1 << 32;
    let (trace, reason) = traced(repo, order, cpus, false)?;
    ensure!(reason == Reason::PowerOff, "ended by {reason:?}");
    ensure!(trace.complete && trace.damaged_bytes == 0, "not whole");
    ensure!(trace.big_endian == (order == Order::Big), "byte order");
    ensure!(trace.cpus == cpus, "{} CPUs", trace.cpus);
    let mark = trace.table.find("app", "mark").context("no marks")?;
    let marks: Vec<u64> = trace
        .events
        .iter()
        .filter(|event| (event.class, event.event) == mark)
        .filter_map(|event| trace.arg(event, "mark"))
        .collect();
    let all = (0..10)
        .chain(0..1000)
        .chain((0..FLOOD).map(|n| FLOOD_FROM + n));
    let mut missing = 0;
    let mut seen = marks.iter().peekable();
    for mark in all {
        match seen.next_if_eq(&&mark) {
            Some(_) => {}
            None => missing += 1,
        }
    }
    ensure!(
        seen.peek().is_none(),
        "marks that were not made, or out of order"
    );
    // A mark has three words; at both ends of a gap there are other events, and in each sub-buffer a few words for itself.
    let lost: u64 = trace.gaps.iter().map(|gap| gap.words).sum();
    let made_of_marks = (lost * 98 / 100).saturating_sub(3 * 8192)..=lost;
    ensure!(
        made_of_marks.contains(&(3 * missing)) && trace.lost == 0,
        "{missing} marks are missing, {lost} words lost"
    );
    for cpu in 0..cpus {
        for side in [Side::Kernel, Side::User] {
            let mut own = trace
                .events
                .iter()
                .filter(|e| (e.cpu, e.side) == (cpu, side));
            ensure!(own.next().is_some(), "nothing of CPU {cpu}, {side:?}");
        }
    }
    let last = trace
        .events
        .last()
        .map_or(0.0, |event| trace.seconds(event.time));
    ensure!(
        (0.0..600.0).contains(&last),
        "the last event is at {last} s"
    );
    Ok(())
}

/// The buffers are read after the panic; the last that happened is there.
fn panic(repo: &Repo) -> Result<()> {
    let (trace, reason) = traced(repo, Order::Little, 1, true)?;
    ensure!(matches!(reason, Reason::Guest(_)), "ended by {reason:?}");
    ensure!(trace.complete && trace.damaged_bytes == 0, "not whole");
    let last = trace
        .events
        .last()
        .map(|event| trace.line(event))
        .unwrap_or_default();
    ensure!(
        last.contains(" exception.enter vector=0x300 "),
        "the last: {last}"
    );
    Ok(())
}
