//! `test`: runs the suites and counts.
//!
//! A suite is a name and a list of cases ([`Jobs`]). Most cases are one test; a
//! case that runs a test binary of cargo reports each test in it (see [`Report`]). Every
//! failure is printed as one line with its detail below; the last line of all is
//! `N passed, N failed`, with `, N skipped` when some were.

mod boot;
mod guest;
mod host;
mod report;
mod source;

use crate::cargo;
use crate::cli::TestOptions;
use crate::progress::Progress;
use crate::repo::Repo;
use anyhow::Result;
pub use report::{Report, Verdict};
use std::time::Instant;

/// A job of a suite: when run, it records one or more verdicts under its suite's name.
pub struct Job {
    /// Name within the suite.
    pub name: String,
    run: Box<dyn FnOnce(&mut Report)>,
}

/// A suite as the runner sees it.
pub struct Jobs {
    name: String,
    jobs: Vec<Job>,
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
        self.jobs.push(Job {
            name: name.into(),
            run: Box::new(run),
        });
    }

    /// Adds a job that passes or fails as one case.
    fn case(
        &mut self,
        name: impl Into<String>,
        run: impl FnOnce() -> Result<(), String> + 'static,
    ) {
        let name = name.into();
        let record = name.clone();
        self.job(name, move |report| {
            report.record(&record, Verdict::from(run()))
        });
    }
}

/// Carries out `test`.
pub fn command(repo: &Repo, options: &TestOptions) -> Result<u8> {
    let packages = cargo::packages(repo)?;
    let suites = [
        source::suite(repo, &packages),
        host::suite(repo, &packages, host::Machine::Native),
        host::suite(repo, &packages, host::Machine::BigEndian),
        source::build_suite(repo, &packages),
        boot::suite(repo, &packages),
    ]
    .into_iter()
    .chain(guest::suites(repo)?);

    let progress = Progress::new(true);
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut found = false;
    for suite in suites {
        let filter = options.filter.as_deref().unwrap_or("");
        let chosen: Vec<Job> = suite
            .jobs
            .into_iter()
            .filter(|job| format!("{}/{}", suite.name, job.name).contains(filter))
            .collect();
        if chosen.is_empty() {
            continue;
        }
        found = true;
        if options.list {
            chosen
                .iter()
                .for_each(|job| println!("{}/{}", suite.name, job.name));
            continue;
        }
        let start = Instant::now();
        let mut report = Report::new(&suite.name);
        for job in chosen {
            let _step = progress.step(format!("{}/{}", suite.name, job.name));
            (job.run)(&mut report);
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
    if options.list {
        return Ok(0);
    }
    if !found {
        anyhow::bail!(
            "no test matches '{}'",
            options.filter.as_deref().unwrap_or("")
        );
    }
    let skips = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    println!("{passed} passed, {failed} failed{skips}");
    Ok(u8::from(failed > 0))
}
