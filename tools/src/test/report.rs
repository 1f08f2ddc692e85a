//! What a suite has found so far, printed as it is found.

/// How one case ended.
pub enum Verdict {
    /// As it should.
    Pass,
    /// Not as it should; the text says how.
    Fail(String),
    /// Was not run, for this reason.
    Skip(String),
}

impl From<anyhow::Result<()>> for Verdict {
    fn from(result: anyhow::Result<()>) -> Self {
        match result {
            Ok(()) => Verdict::Pass,
            Err(e) => Verdict::Fail(format!("{e:#}")),
        }
    }
}

/// Counts of one suite. Failures and skips are printed the moment they are recorded, so
/// that a run that is cut short has said what it knew.
pub struct Report {
    suite: String,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    /// Nothing recorded yet.
    pub fn new(suite: &str) -> Self {
        Report {
            suite: suite.into(),
            passed: 0,
            failed: 0,
            skipped: 0,
        }
    }

    /// Records how one case ended.
    pub fn record(&mut self, case: &str, verdict: Verdict) {
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail(detail) => {
                self.failed += 1;
                println!("FAILED {}/{case}", self.suite);
                for line in detail.trim_end().lines() {
                    println!("    {line}");
                }
            }
            Verdict::Skip(reason) => {
                self.skipped += 1;
                println!("skipped {}/{case}: {reason}", self.suite);
            }
        }
    }

    /// Records `count` cases that were not run, under one name with one reason.
    pub fn skip(&mut self, name: &str, reason: &str, count: usize) {
        self.skipped += count;
        println!("skipped {name} ({count}): {reason}");
    }

    /// Number of passes.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// Number of failures.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Number of skips.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// One line for the suite.
    pub fn summary(&self) -> String {
        let skips = match self.skipped {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        format!(
            "{}: {} passed, {} failed{skips}",
            self.suite, self.passed, self.failed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_summary() {
        let mut report = Report::new("s");
        report.record("a", Verdict::Pass);
        report.record("b", Verdict::Fail("why".into()));
        assert_eq!(report.summary(), "s: 1 passed, 1 failed");
        report.record("c", Verdict::Skip("no".into()));
        assert_eq!(report.summary(), "s: 1 passed, 1 failed, 1 skipped");
    }
}
