//! What a suite has found so far.

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

/// Counts of one suite, and its failures and skips in words. They are printed together when
/// the suite has ended: another may run at the same time.
pub struct Report {
    suite: String,
    text: String,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    /// Nothing recorded yet.
    pub fn new(suite: &str) -> Self {
        Report {
            suite: suite.into(),
            text: String::new(),
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
                self.say(format!("FAILED {}/{case}", self.suite));
                for line in detail.trim_end().lines() {
                    self.say(format!("    {line}"));
                }
            }
            Verdict::Skip(reason) => {
                self.skipped += 1;
                self.say(format!("skipped {}/{case}: {reason}", self.suite));
            }
        }
    }

    /// Records `count` cases that were not run, under one name with one reason.
    pub fn skip(&mut self, name: &str, reason: &str, count: usize) {
        self.skipped += count;
        self.say(format!("skipped {name} ({count}): {reason}"));
    }

    fn say(&mut self, line: String) {
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// The failures and skips, a line each with the details below.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds the counts of another suite.
    pub fn add(&mut self, other: &Report) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Number of failures.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// The counts in words.
    pub fn summary(&self) -> String {
        let skips = match self.skipped {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        format!("{} passed, {} failed{skips}", self.passed, self.failed)
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
        assert_eq!(report.summary(), "1 passed, 1 failed");
        report.record("c", Verdict::Skip("no".into()));
        assert_eq!(report.summary(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(report.text(), "FAILED s/b\n    why\nskipped s/c: no\n");
        let mut all = Report::new("all");
        all.add(&report);
        all.add(&report);
        assert_eq!(all.summary(), "2 passed, 2 failed, 2 skipped");
    }
}
