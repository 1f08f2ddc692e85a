//! The frames in which the guest runner wraps each result, read on the host.
//!
//! `tests/kit/guard.c` defines the format. A frame survives the console: the
//! lines of a case are led by `1|` or `2|`, and whatever else reaches the
//! console between them (a kernel's message, say) is passed over.

use std::collections::BTreeMap;

/// What one case left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended: `exit N`, `signal N` or `timeout S`.
    pub status: String,
    /// The lines of standard output, tagged `1|`.
    pub out: Vec<String>,
    /// The lines of standard error, tagged `2|`.
    pub err: Vec<String>,
}

impl Outcome {
    /// The text kept in `expected/NAME.out`.
    pub fn to_record(&self) -> String {
        let mut text = format!("status {}\n", self.status);
        for line in self.out.iter().chain(&self.err) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads what [`Outcome::to_record`] wrote.
    pub fn from_record(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let status = lines.next()?.strip_prefix("status ")?.to_string();
        let mut outcome = Self {
            status,
            ..Self::default()
        };
        for line in lines {
            outcome.push(line);
        }
        Some(outcome)
    }

    fn push(&mut self, line: &str) -> bool {
        let lines = match line.as_bytes() {
            [b'1', b'|' | b'\\', ..] => &mut self.out,
            [b'2', b'|' | b'\\', ..] => &mut self.err,
            _ => return false,
        };
        lines.push(line.to_string());
        true
    }
}

/// Everything that one boot reported.
#[derive(Debug, Default)]
pub struct Report {
    /// The cases that ended, by name.
    pub done: BTreeMap<String, Outcome>,
    /// A case that began and did not end before the console did, with what it
    /// had shown by then.
    pub cut: Option<(String, Outcome)>,
    /// Whether the runner reached the end of its list.
    pub complete: bool,
    /// Lines outside any frame: what the kernel and the servers said.
    pub noise: Vec<String>,
}

/// Splits what came over the console.
pub fn parse(console: &str) -> Report {
    let mut report = Report::default();
    let mut current: Option<(String, Outcome)> = None;
    for line in console.split('\n') {
        let line = line.trim_end_matches('\r');
        if let Some(rest) = line.strip_prefix("@@@ begin ") {
            current = Some((rest.to_string(), Outcome::default()));
        } else if let Some(rest) = line.strip_prefix("@@@ end ") {
            let (name, status) = rest.split_once(' ').unwrap_or((rest, ""));
            let mut outcome = match current.take() {
                Some((begun, outcome)) if begun == name => outcome,
                _ => Outcome::default(),
            };
            outcome.status = status.to_string();
            report.done.insert(name.to_string(), outcome);
        } else if line == "@@@ done" {
            report.complete = true;
        } else if line != "@@@ start" {
            let taken = current
                .as_mut()
                .is_some_and(|(_, outcome)| outcome.push(line));
            if !taken && !line.is_empty() {
                report.noise.push(line.to_string());
            }
        }
    }
    report.cut = current;
    report
}

/// The lines in which two records differ, `-` what was expected, `+` what came.
pub fn difference(expected: &str, got: &str) -> String {
    let (a, b): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    // Longest common subsequence; records are small (the guard caps them).
    let cap = 400;
    let (a, b) = (&a[..a.len().min(cap)], &b[..b.len().min(cap)]);
    let mut len = vec![vec![0u16; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            len[i][j] = if a[i] == b[j] {
                len[i + 1][j + 1] + 1
            } else {
                len[i + 1][j].max(len[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if j < b.len() && (i == a.len() || len[i][j + 1] > len[i + 1][j]) {
            text += &format!("    + {}\n", b[j]);
            j += 1;
        } else {
            text += &format!("    - {}\n", a[i]);
            i += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_frames_and_passes_over_noise() {
        let console = "boot\r\n@@@ start\r\n@@@ begin a\r\n1|x\r\n[1.0] kernel\r\n2|y\r\n@@@ end a exit 3\r\n\
                       @@@ begin b\r\n1|half\r\n";
        let report = parse(console);
        let a = &report.done["a"];
        assert_eq!(a.status, "exit 3");
        assert_eq!(
            (a.out.as_slice(), a.err.as_slice()),
            (["1|x".into()].as_slice(), ["2|y".into()].as_slice())
        );
        assert_eq!(report.cut.as_ref().unwrap().0, "b");
        assert_eq!(report.noise, ["boot", "[1.0] kernel"]);
        assert!(!report.complete);
    }

    #[test]
    fn a_record_reads_back() {
        let console = "@@@ begin a\n1|x\n1\\\n2|y\n@@@ end a signal 9\n@@@ done\n";
        let report = parse(console);
        let outcome = &report.done["a"];
        assert_eq!(outcome.to_record(), "status signal 9\n1|x\n1\\\n2|y\n");
        assert_eq!(
            Outcome::from_record(&outcome.to_record()).as_ref(),
            Some(outcome)
        );
        assert!(report.complete);
    }

    #[test]
    fn an_end_without_its_begin_does_not_take_another_case_s_lines() {
        let report = parse("@@@ begin a\n1|x\n@@@ end b exit 0\n");
        assert_eq!(report.done["b"].out, Vec::<String>::new());
        assert!(!report.done.contains_key("a"));
    }

    #[test]
    fn the_difference_names_the_lines() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), "    - b\n    + x\n");
        assert_eq!(difference("a\n", "a\n"), "");
    }
}
