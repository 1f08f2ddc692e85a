//! `test`: runs the suites and counts.
//!
//! A [`Suite`] is a name and a list of cases. Most cases are one test; a case that runs a
//! test program of cargo's reports each test in it (see [`Report`]). Every failure is
//! printed as one line with its detail below; the last line of all is
//! `N passed, N failed`, with `, N skipped` when some were.
//!
//! What is known not to pass yet stands in `tests/pending` with the reason ([`pending`]);
//! it is skipped and counted as that, unless `--pending` asks for it.

mod boot;
mod busybox;
mod guest;
mod host;
mod pending;
mod report;
mod run;
mod source;
mod trace;

use crate::cargo;
use crate::cli::TestOptions;
use crate::progress::Progress;
use crate::repo::Repo;
use anyhow::Result;
use pending::Pending;
pub use report::{Report, Verdict};
use std::time::Instant;

/// A suite: a name, names of cases, and a way to run some of them.
trait Suite {
    /// Its name, the first part of every case's full name.
    fn name(&self) -> &str;

    /// The names of its cases, in order.
    fn cases(&self) -> Vec<String>;

    /// Runs the cases that are `chosen`, and records how each ended.
    fn run(self: Box<Self>, chosen: &dyn Fn(&str) -> bool, report: &mut Report);
}

/// What a job does: it records one or more verdicts.
type JobFn = Box<dyn FnOnce(&mut Report)>;

/// A suite whose cases have nothing to do with each other.
struct Jobs {
    name: String,
    jobs: Vec<(String, JobFn)>,
}

impl Jobs {
    /// An empty suite.
    fn new(name: &str) -> Self {
        Jobs {
            name: name.into(),
            jobs: Vec::new(),
        }
    }

    /// Adds a job that records its own verdicts.
    fn job(&mut self, name: impl Into<String>, run: impl FnOnce(&mut Report) + 'static) {
        self.jobs.push((name.into(), Box::new(run)));
    }

    /// Adds a job that passes or fails as one case.
    fn case(&mut self, name: impl Into<String>, run: impl FnOnce() -> Result<()> + 'static) {
        let name = name.into();
        let record = name.clone();
        self.job(name, move |report| {
            report.record(&record, Verdict::from(run()))
        });
    }
}

impl Suite for Jobs {
    fn name(&self) -> &str {
        &self.name
    }

    fn cases(&self) -> Vec<String> {
        self.jobs.iter().map(|(name, _)| name.clone()).collect()
    }

    fn run(self: Box<Self>, chosen: &dyn Fn(&str) -> bool, report: &mut Report) {
        let progress = Progress::new(true);
        for (name, job) in self.jobs.into_iter().filter(|(name, _)| chosen(name)) {
            let _step = progress.step(format!("{}/{name}", self.name));
            job(report);
        }
    }
}

/// Carries out `test`.
pub fn command(repo: &Repo, options: &TestOptions) -> Result<u8> {
    let packages = cargo::packages(repo)?;
    let mut suites: Vec<Box<dyn Suite>> = vec![
        Box::new(source::lint_suite(repo, &packages)),
        Box::new(host::suite(repo, &packages, host::Machine::Native)),
        Box::new(host::suite(repo, &packages, host::Machine::BigEndian)),
        Box::new(host::suite(repo, &packages, host::Machine::Loom)),
        Box::new(host::suite(repo, &packages, host::Machine::Miri)),
        Box::new(source::build_suite(repo, &packages)),
        Box::new(boot::suite(repo, &packages)),
        Box::new(run::suite(repo)),
        Box::new(trace::suite(repo, &packages)),
    ];
    suites.extend(guest::suites(repo, &packages)?);
    suites.push(Box::new(busybox::Tests::find(repo)?));

    let pending = Pending::read(&repo.root().join("tests/pending"))?;
    let filter = options.filter.as_deref().unwrap_or("");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut found = false;
    for suite in suites {
        let name = suite.name().to_string();
        let chosen = |case: &str| format!("{name}/{case}").contains(filter);
        let cases: Vec<String> = suite
            .cases()
            .into_iter()
            .filter(|case| chosen(case))
            .collect();
        if cases.is_empty() {
            continue;
        }
        found = true;
        if options.list {
            cases.iter().for_each(|case| println!("{name}/{case}"));
            continue;
        }
        let start = Instant::now();
        let mut report = Report::new(&name);
        let left: Vec<&str> = cases
            .iter()
            .map(String::as_str)
            .filter(|case| options.pending || !pending.holds(&name, case))
            .collect();
        for (pattern, reason, count) in pending.skipped(&name, &cases, &left) {
            report.skip(pattern, reason, count);
        }
        if !left.is_empty() {
            suite.run(&|case| left.contains(&case), &mut report);
        }
        println!(
            "{} ({:.1} s)",
            report.summary(),
            start.elapsed().as_secs_f32()
        );
        passed += report.passed();
        failed += report.failed();
        skipped += report.skipped();
    }
    if !found {
        anyhow::bail!("no test matches '{filter}'");
    }
    if options.list {
        return Ok(0);
    }
    let skips = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    println!("{passed} passed, {failed} failed{skips}");
    Ok(u8::from(failed > 0))
}
