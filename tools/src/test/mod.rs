//! `test`: runs the suites and counts.
//!
//! A [`Suite`] is a name and a list of cases. Most cases are one test; a case that runs a
//! test program of cargo's reports each test in it (see [`Report`]). Two suites run at a
//! time. When one has ended, it prints every failure as one line with its detail below, and
//! its counts; the last line of all is `N passed, N failed`, with `, N skipped` when some were.
//!
//! What is known not to pass yet stands in `tests/pending` with the reason ([`pending`]);
//! it is skipped and counted as that, unless `--pending` asks for it.

mod boot;
mod busybox;
mod fuzz;
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
use anyhow::{Result, ensure};
use pending::Pending;
pub use report::{Report, Verdict};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// A suite: a name, names of cases, and a way to run some of them.
trait Suite: Send {
    /// Its name, the first part of every case's full name.
    fn name(&self) -> &str;

    /// The names of its cases, in order.
    fn cases(&self) -> Vec<String>;

    /// Runs the cases that are `chosen`, and records how each ended.
    fn run(self: Box<Self>, chosen: &dyn Fn(&str) -> bool, report: &mut Report);
}

/// What a job does: it records one or more verdicts.
type JobFn = Box<dyn FnOnce(&mut Report) + Send>;

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
    fn job(&mut self, name: impl Into<String>, run: impl FnOnce(&mut Report) + Send + 'static) {
        self.jobs.push((name.into(), Box::new(run)));
    }

    /// Adds a job that passes or fails as one case.
    fn case(&mut self, name: impl Into<String>, run: impl FnOnce() -> Result<()> + Send + 'static) {
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

/// What is to be run of a suite.
struct Work {
    suite: Box<dyn Suite>,
    cases: Vec<String>,
    /// Has what was skipped already.
    report: Report,
}

impl Work {
    /// What `filter` and `pending` leave of a suite; nothing if no case matches.
    fn choose(suite: Box<dyn Suite>, filter: &str, pending: &Pending) -> Option<Work> {
        let name = suite.name().to_string();
        let mut cases = suite.cases();
        cases.retain(|case| format!("{name}/{case}").contains(filter));
        if cases.is_empty() {
            return None;
        }
        let mut report = Report::new(&name);
        for (pattern, reason, count) in pending.skipped(&name, &cases) {
            report.skip(pattern, reason, count);
        }
        cases.retain(|case| !pending.holds(&name, case));
        Some(Work {
            suite,
            cases,
            report,
        })
    }

    /// Runs the cases; then prints what was found, and adds it to `all`.
    fn run(mut self, all: &Mutex<Report>) {
        let start = Instant::now();
        let name = self.suite.name().to_string();
        if !self.cases.is_empty() {
            let chosen = |case: &str| self.cases.iter().any(|chosen| chosen == case);
            self.suite.run(&chosen, &mut self.report);
        }
        let seconds = start.elapsed().as_secs_f32();
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        let summary = self.report.summary();
        println!("{}{name}: {summary} ({seconds:.1} s)", self.report.text());
        all.add(&self.report);
    }
}

/// Runs suites, two at a time: one lane takes them from the front of the list, where cargo builds, the other from the
/// back, where emulated machines run, each of which keeps one CPU busy.
fn run(work: Vec<Work>) -> Report {
    let all = Mutex::new(Report::new("all"));
    let work = Mutex::new(VecDeque::from(work));
    let lane = |take: fn(&mut VecDeque<Work>) -> Option<Work>| {
        let next = || take(&mut work.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(work) = next() {
            work.run(&all);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| lane(VecDeque::pop_front));
        lane(VecDeque::pop_back);
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Carries out `test`.
pub fn command(repo: &Repo, options: &TestOptions) -> Result<u8> {
    let packages = cargo::packages(repo)?;
    let mut suites: Vec<Box<dyn Suite>> = vec![Box::new(source::lint_suite(repo, &packages))];
    for machine in host::Machine::ALL {
        suites.push(Box::new(host::Tests::find(repo, &packages, machine)));
    }
    suites.push(Box::new(fuzz::suite(repo)));
    suites.push(Box::new(source::build_suite(repo, &packages)));
    suites.push(Box::new(boot::suite(repo, &packages)));
    suites.push(Box::new(run::suite(repo)));
    suites.push(Box::new(trace::suite(repo, &packages)));
    suites.extend(guest::suites(repo, &packages, options.cpus)?);
    suites.push(Box::new(busybox::Tests::find(repo, options.cpus)?));

    let pending = match options.pending || options.list {
        true => Pending::default(),
        false => Pending::read(&repo.root().join("tests/pending"))?,
    };
    let filter = options.filter.as_deref().unwrap_or("");
    let work: Vec<Work> = suites
        .into_iter()
        .filter_map(|suite| Work::choose(suite, filter, &pending))
        .collect();
    ensure!(!work.is_empty(), "no test matches '{filter}'");
    if options.list {
        for work in work {
            let suite = work.suite.name();
            work.cases
                .iter()
                .for_each(|case| println!("{suite}/{case}"));
        }
        return Ok(0);
    }
    let all = run(work);
    println!("{}", all.summary());
    Ok(u8::from(all.failed() > 0))
}
