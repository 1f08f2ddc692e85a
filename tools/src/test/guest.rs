//! The suites that run programs inside a booted K42: the folders of `tests/`.
//!
//! The chosen cases of a suite share a few boots (`k42-tests` does that), and what each
//! shows is compared with what it showed on Linux. The suite `linux-diff` runs the same
//! cases on Linux itself, so that a record which is no longer true is found.

use super::{Report, Suite, Verdict};
use crate::build::{KERNEL, PROGRAMS};
use crate::cargo::Package;
use crate::progress::Progress;
use crate::repo::Repo;
use crate::system::K42;
use anyhow::Result;
use k42_tests::archive::Tree;
use k42_tests::compile::Compiler;
use k42_tests::linux::Linux;
use k42_tests::suite::{self, Case};

/// The folders of `tests/` that hold cases.
const FOLDERS: [&str; 3] = ["diff", "hostile", "stress"];

/// The suites that `tests/` holds, on machines with that many CPUs.
pub fn suites(repo: &Repo, packages: &[Package], cpus: u32) -> Result<Vec<Box<dyn Suite>>> {
    let missing = [KERNEL]
        .into_iter()
        .chain(PROGRAMS.map(|(package, _)| package))
        .find(|name| !packages.iter().any(|p| p.name == *name));
    let mut suites: Vec<Box<dyn Suite>> = Vec::new();
    for folder in FOLDERS {
        if !repo.root().join("tests").join(folder).is_dir() {
            continue;
        }
        let suite = suite::Suite::find(repo.root(), folder)?;
        suites.push(Box::new(Guest {
            repo: repo.clone(),
            name: folder.into(),
            suite,
            missing,
            on_linux: false,
            cpus,
        }));
    }
    suites.push(Box::new(Guest {
        repo: repo.clone(),
        name: "linux-diff".into(),
        suite: suite::Suite::find(repo.root(), "diff")?,
        missing: None,
        on_linux: true,
        // The record is of such a machine; where instructions are counted, CPUs take turns, and Linux spins.
        cpus: 1,
    }));
    Ok(suites)
}

/// A folder of cases.
struct Guest {
    repo: Repo,
    name: String,
    suite: suite::Suite,
    /// Whether they run on Linux, to check the record itself.
    on_linux: bool,
    cpus: u32,
    /// A package without which nothing can be run.
    missing: Option<&'static str>,
}

impl Suite for Guest {
    fn name(&self) -> &str {
        &self.name
    }

    fn cases(&self) -> Vec<String> {
        self.suite
            .cases
            .iter()
            .map(|case| case.name.clone())
            .collect()
    }

    fn run(self: Box<Self>, chosen: &dyn Fn(&str) -> bool, report: &mut Report) {
        if let Some(package) = self.missing {
            let count = self.suite.cases.iter().filter(|c| chosen(&c.name)).count();
            let reason = format!("the workspace has no {package}");
            return report.skip(&self.name, &reason, count);
        }
        let cases: Vec<&Case> = self
            .suite
            .cases
            .iter()
            .filter(|c| chosen(&c.name))
            .collect();
        let step = Progress::new(true).step(format!("{}: {} cases", self.name(), cases.len()));
        if let Err(e) = self.run_all(&cases, report) {
            report.record("boot", Verdict::Fail(format!("{e:#}")));
        }
        drop(step);
    }
}

impl Guest {
    fn run_all(&self, cases: &[&Case], report: &mut Report) -> Result<()> {
        let alone = self.repo.lock()?;
        let compiler = Compiler::new("powerpc64le-linux-gnu-", self.repo.root())?;
        let mut tree = Tree::default();
        suite::install_runner(self.repo.root(), &compiler, &mut tree)?;
        self.suite.install(&compiler, &mut tree)?;
        let outcomes = if self.on_linux {
            let system = Linux::prepare(self.repo.root())?.with_cpus(self.cpus);
            drop(alone);
            k42_tests::run_cases(&system, &tree, cases)?
        } else {
            drop(alone);
            let system = K42::prepare(&self.repo, Progress::new(true))?.with_cpus(self.cpus);
            k42_tests::run_cases(&system, &tree, cases)?
        };
        for case in cases {
            let verdict = match k42_tests::judge(&self.suite, &case.name, outcomes.get(&case.name))
            {
                k42_tests::Verdict::Pass => Verdict::Pass,
                k42_tests::Verdict::NoRecord => {
                    Verdict::Fail("no record of what Linux shows".into())
                }
                k42_tests::Verdict::Differs(lines) => Verdict::Fail(lines),
            };
            report.record(&case.name, verdict);
        }
        Ok(())
    }
}
