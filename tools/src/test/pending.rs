//! `tests/pending`: cases that are known not to pass yet, each with its reason.
//!
//! A line is `SUITE/CASE REASON`; a name that ends in `*` stands for all that begin so.
//! Empty lines and lines that begin with `#` say nothing.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// The lines of the file.
#[derive(Default)]
pub struct Pending {
    lines: Vec<(String, String)>,
}

impl Pending {
    /// Reads the file; without one nothing is pending.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Pending::default());
        }
        Pending::parse(&fs::read_to_string(path)?).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(char::is_whitespace) {
                Some((name, reason)) => lines.push((name.into(), reason.trim().into())),
                None => bail!("{line} has no reason"),
            }
        }
        Ok(Pending { lines })
    }

    /// The line that a case matches.
    fn find(&self, suite: &str, case: &str) -> Option<&(String, String)> {
        let name = format!("{suite}/{case}");
        self.lines
            .iter()
            .find(|(pattern, _)| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == *pattern,
            })
    }

    /// Whether a case is pending.
    pub fn holds(&self, suite: &str, case: &str) -> bool {
        self.find(suite, case).is_some()
    }

    /// The lines that hold some of `cases`, and how many.
    pub fn skipped(&self, suite: &str, cases: &[String]) -> Vec<(&str, &str, usize)> {
        let held = |line: &(String, String)| {
            let held = cases.iter().filter_map(|case| self.find(suite, case));
            held.filter(|found| std::ptr::eq(*found, line)).count()
        };
        let lines = self.lines.iter();
        lines
            .map(|line| (line.0.as_str(), line.1.as_str(), held(line)))
            .filter(|&(_, _, count)| count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        let text = "# why\n\nboot/a  too slow\ndiff/*\tno shell yet\n";
        let pending = Pending::parse(text).expect("is well formed");
        assert!(pending.holds("boot", "a") && !pending.holds("boot", "ab"));
        assert!(pending.holds("diff", "anything") && !pending.holds("difficult", "x"));
        let cases = ["x", "y"].map(String::from);
        assert_eq!(
            pending.skipped("diff", &cases),
            [("diff/*", "no shell yet", 2)]
        );
        assert!(pending.skipped("run", &cases).is_empty());
        assert!(Pending::parse("boot/a\n").is_err());
    }
}
