//! System tests of K42: guest programs, run on K42 and on Linux.
//!
//! A *case* is a shell script or a C program under `tests/diff`, `tests/hostile`
//! or `tests/stress`. All cases of a suite run in one boot of a [`machine`],
//! started one after the other by `tests/guest/run-all.sh`, which frames the
//! result of each on the console ([`frames`]). What a case must show is recorded
//! beside it in `expected/NAME.out`, and the record is made by Linux itself
//! ([`linux`]): Debian's own kernel and busybox on the same emulated machine.
//! So one run compares K42 with the record, and another the record with Linux.

pub mod archive;
pub mod busybox;
pub mod compile;
pub mod frames;
pub mod linux;
pub mod machine;
pub mod suite;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use archive::Tree;
use frames::Outcome;
use machine::Machine;
use suite::{Case, Suite};

/// Cases that share a boot: few enough that one which takes the machine along does not
/// make the others wait long, many enough that booting does not count.
const TOGETHER: usize = 48;

/// After this many boots that did not come to their end the rest is not tried: each takes
/// minutes, and the system is broken anyway.
const LOSSES: usize = 8;

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Runs these cases on a machine and gives back how each ended.
///
/// `base` holds what the cases need. A case that the machine did not survive has the
/// status `lost`, and the rest run in another boot; a case that is missing in the answer
/// was not reached.
pub fn run_cases(
    machine: &dyn Machine,
    base: &Tree,
    cases: &[&Case],
) -> Result<BTreeMap<String, Outcome>> {
    let mut done = BTreeMap::new();
    let mut losses = 0;
    while losses < LOSSES {
        let left = cases
            .iter()
            .copied()
            .filter(|c| !done.contains_key(&c.name));
        let now: Vec<_> = left.take(TOGETHER).collect();
        if now.is_empty() {
            break;
        }
        let mut tree = base.clone();
        tree.file("tests/list", 0o644, Suite::list(now.iter().copied()));
        let command = "/bin/busybox sh /tests/guest/run-all.sh";
        let report = frames::parse(&machine.run(&tree, command, limit(&now))?);
        if report.done.is_empty() && report.cut.is_none() {
            // Not even one case began: no second boot will do better.
            let noise = last(&report.noise, 40).join("\n");
            anyhow::bail!(
                "{}: no case ran; the console's last lines:\n{noise}",
                machine.name()
            );
        }
        losses += usize::from(!report.complete);
        done.extend(report.done);
        if let Some((name, mut outcome)) = report.cut {
            outcome.status = "lost".into();
            let noise = last(&report.noise, 20).iter();
            outcome.err.extend(noise.map(|l| format!("2|console: {l}")));
            done.insert(name, outcome);
        }
    }
    Ok(done)
}

/// The host's time for one boot. A guest's second is a thousand million instructions, which may be four seconds of a
/// fast host or twenty of a busy one, but of all cases only few ever take their time. The guest itself ends a case
/// that takes too long; this ends only a machine that is stuck.
fn limit(cases: &[&Case]) -> Duration {
    let all: u64 = cases.iter().map(|c| u64::from(c.seconds)).sum();
    let longest = cases.iter().map(|c| u64::from(c.seconds)).max();
    Duration::from_secs(60 + all.max(10 * longest.unwrap_or(0)))
}

fn last(lines: &[String], count: usize) -> &[String] {
    &lines[lines.len().saturating_sub(count)..]
}

/// How a case compares with its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Equal.
    Pass,
    /// There is nothing to compare with.
    NoRecord,
    /// Not equal: the lines that differ.
    Differs(String),
}

/// Compares an outcome with the record.
pub fn judge(suite: &Suite, name: &str, outcome: Option<&Outcome>) -> Verdict {
    let Ok(record) = std::fs::read_to_string(suite.record(name)) else {
        return Verdict::NoRecord;
    };
    let got = outcome.map_or_else(|| "status never ran\n".to_string(), Outcome::to_record);
    if got == record {
        Verdict::Pass
    } else {
        Verdict::Differs(frames::difference(&record, &got))
    }
}
