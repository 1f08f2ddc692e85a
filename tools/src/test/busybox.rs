//! Suite `busybox`: busybox's own tests, from Debian's source package.
//!
//! A case is a unit of that suite, a script or a folder of scripts; each test in it that
//! passes on Linux must pass here, or stand in `tests/busybox/exceptions.txt`.

use super::{Report, Suite, Verdict};
use crate::progress::Progress;
use crate::repo::Repo;
use crate::system::K42;
use anyhow::Result;
use k42_tests::archive::Tree;
use k42_tests::busybox::{self, Busybox};
use k42_tests::compile::Compiler;
use k42_tests::suite;

/// The suite; its units are known from the record, so that listing fetches nothing.
pub struct Tests {
    repo: Repo,
    units: Vec<String>,
    cpus: u32,
}

impl Tests {
    /// The units in which something passes on Linux, for a machine with that many CPUs.
    pub fn find(repo: &Repo, cpus: u32) -> Result<Self> {
        Ok(Tests {
            repo: repo.clone(),
            units: busybox::recorded_units(repo.root())?,
            cpus,
        })
    }

    fn run_units(&self, chosen: &dyn Fn(&str) -> bool, report: &mut Report) -> Result<()> {
        let alone = self.repo.lock()?;
        let tests = Busybox::prepare(self.repo.root())?;
        let all = tests.cases()?;
        let cases: Vec<_> = all.iter().filter(|case| chosen(&case.name)).collect();
        let compiler = Compiler::new("powerpc64le-linux-gnu-", self.repo.root())?;
        let mut tree = Tree::default();
        suite::install_runner(self.repo.root(), &compiler, &mut tree)?;
        tests.install(&mut tree)?;
        drop(alone);
        let system = K42::prepare(&self.repo, Progress::new(true))?.with_cpus(self.cpus);
        let outcomes = k42_tests::run_cases(&system, &tree, &cases)?;
        let passed = busybox::passed(&outcomes);
        for name in tests.expected()? {
            let unit = name.split(':').next().unwrap_or_default();
            if !cases.iter().any(|case| case.name == unit) {
                continue;
            }
            let verdict = match passed.contains(&name) {
                true => Verdict::Pass,
                false => Verdict::Fail(match outcomes.get(unit) {
                    Some(outcome) => format!("{unit} ended with {}", outcome.status),
                    None => format!("{unit} did not run"),
                }),
            };
            report.record(&name, verdict);
        }
        Ok(())
    }
}

impl Suite for Tests {
    fn name(&self) -> &str {
        "busybox"
    }

    fn cases(&self) -> Vec<String> {
        self.units.clone()
    }

    fn run(self: Box<Self>, chosen: &dyn Fn(&str) -> bool, report: &mut Report) {
        let _step = Progress::new(true).step("busybox: its own tests");
        if let Err(e) = self.run_units(chosen, report) {
            report.record("boot", Verdict::Fail(format!("{e:#}")));
        }
    }
}
