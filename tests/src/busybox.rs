//! busybox's own test suite, from Debian's source package, run in the guest.
//!
//! The package is fetched, not kept here. Each `*.tests` script and each folder of
//! old-style scripts is a *unit*, run like a case of the other suites; within it the
//! suite reports its tests one by one. `tests/busybox/linux-pass.txt` names those
//! that pass on Linux; all of them must pass on K42, but for those in
//! `tests/busybox/exceptions.txt`, where each line ends in ` # ` and a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::archive::{Node, Tree};
use crate::frames::Outcome;
use crate::linux::Debian;
use crate::suite::Case;

/// Guest seconds for one unit. The record is made with half the time, so that a system that
/// is a little slower than Linux is not blamed for what fell off the end.
const SECONDS: u32 = 10;

/// Guest seconds for `bc`, whose last tests would compute for minutes: they are left out. The
/// others need less than two seconds.
const SECONDS_OF_BC: u32 = 4;

/// The suite, unpacked.
pub struct Busybox {
    source: PathBuf,
    here: PathBuf,
    applets: BTreeSet<String>,
}

impl Busybox {
    /// Fetches and unpacks the source package if that has not been done.
    pub fn prepare(root: &Path) -> Result<Self> {
        let debian = Debian::prepare(root)?;
        let source = root.join("build/tests/busybox-source");
        if !source.join("testsuite/testing.sh").exists() {
            let files = debian.source("busybox")?;
            fs::create_dir_all(&source)?;
            for (ending, strip) in [(".orig.tar.bz2", 1), (".debian.tar.xz", 0)] {
                let archive = with_ending(&files, ending)?;
                let mut tar = Command::new("tar");
                tar.arg("xf")
                    .arg(&archive)
                    .arg("-C")
                    .arg(&source)
                    .arg(format!("--strip-components={strip}"));
                let output = tar.output().context("tar")?;
                let errors = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{}: {errors}", archive.display());
            }
        }
        let applets = debian
            .applets()?
            .iter()
            .filter_map(|p| p.rsplit('/').next().map(String::from))
            .collect();
        Ok(Self {
            source,
            here: root.join("tests/busybox"),
            applets,
        })
    }

    /// The units as cases for [`crate::run_cases`].
    pub fn cases(&self) -> Result<Vec<Case>> {
        let mut units = BTreeSet::new();
        for entry in fs::read_dir(self.source.join("testsuite"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let unit = name.strip_suffix(".tests").unwrap_or(&name);
            let is_unit = unit != name || entry.file_type()?.is_dir();
            if is_unit && (self.applets.contains(unit) || unit == "busybox") {
                units.insert(unit.to_string());
            }
        }
        Ok(units
            .into_iter()
            .map(|unit| Case {
                command: format!("/bin/busybox sh /bb/run-one.sh {unit}"),
                seconds: if unit == "bc" { SECONDS_OF_BC } else { SECONDS },
                name: unit,
                source: self.here.join("run-one.sh"),
                k42_only: false,
            })
            .collect())
    }

    /// Puts the suite into the guest's tree.
    pub fn install(&self, tree: &mut Tree) -> Result<()> {
        tree.add_host_dir("bb/testsuite", &self.source.join("testsuite"))?;
        tree.file(
            "bb/run-one.sh",
            0o755,
            fs::read(self.here.join("run-one.sh"))?,
        );
        let config = fs::read_to_string(self.source.join("debian/config/pkg/static"))?;
        let set = config
            .lines()
            .filter_map(|l| l.strip_prefix("CONFIG_")?.split_once('='));
        let names: Vec<_> = set.map(|(name, _)| name).collect();
        tree.file("bb/flags", 0o644, format!(":{}:", names.join(":")));
        tree.file("bb/.config", 0o644, config);
        tree.put("bb/busybox", Node::Link("/bin/busybox".into()));
        for applet in &self.applets {
            tree.put(
                &format!("bb/links/{applet}"),
                Node::Link("/bin/busybox".into()),
            );
        }
        Ok(())
    }

    /// The tests that must pass, as `unit: name`.
    pub fn expected(&self) -> Result<BTreeSet<String>> {
        let exceptions = self.exceptions()?;
        let path = self.here.join("linux-pass.txt");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text
            .lines()
            .filter(|l| !exceptions.contains_key(*l))
            .map(String::from)
            .collect())
    }

    /// The tests that need not pass on K42, with their reasons.
    pub fn exceptions(&self) -> Result<BTreeMap<String, String>> {
        let path = self.here.join("exceptions.txt");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut exceptions = BTreeMap::new();
        for line in text
            .lines()
            .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
        {
            let Some((name, reason)) = line.split_once(" # ") else {
                bail!("{}: no reason after ` # `: {line}", path.display());
            };
            exceptions.insert(name.to_string(), reason.to_string());
        }
        Ok(exceptions)
    }

    /// Keeps the names of the tests that passed, as the record.
    pub fn record(&self, passed: &BTreeSet<String>) -> Result<()> {
        let text: String = passed.iter().map(|name| format!("{name}\n")).collect();
        Ok(fs::write(self.here.join("linux-pass.txt"), text)?)
    }
}

/// The tests that passed in these outcomes, as `unit: name`.
///
/// A name that a unit reports more than once passed if every report says so.
pub fn passed(outcomes: &BTreeMap<String, Outcome>) -> BTreeSet<String> {
    let (mut passed, mut failed) = (BTreeSet::new(), BTreeSet::new());
    for (unit, outcome) in outcomes {
        for line in &outcome.out {
            if let Some(name) = line.strip_prefix("1|PASS: ") {
                passed.insert(format!("{unit}: {name}"));
            } else if let Some(name) = line.strip_prefix("1|FAIL: ") {
                failed.insert(format!("{unit}: {name}"));
            }
        }
    }
    passed.difference(&failed).cloned().collect()
}

/// The units in which something passes on Linux, from the record alone.
pub fn recorded_units(root: &Path) -> Result<Vec<String>> {
    let path = root.join("tests/busybox/linux-pass.txt");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let units: BTreeSet<_> = text
        .lines()
        .filter_map(|l| Some(l.split_once(':')?.0))
        .collect();
    Ok(units.into_iter().map(String::from).collect())
}

fn with_ending(dir: &Path, ending: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(dir)?;
    let mut paths = entries.flatten().map(|e| e.path());
    paths
        .find(|p| p.to_string_lossy().ends_with(ending))
        .with_context(|| format!("{}: nothing ends in {ending}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_failed_once_has_not_passed() {
        let out = ["1|PASS: a", "1|PASS: b", "1|FAIL: b", "1|SKIPPED: c"]
            .map(String::from)
            .to_vec();
        let outcomes = BTreeMap::from([(
            "u".to_string(),
            Outcome {
                out,
                ..Outcome::default()
            },
        )]);
        assert_eq!(passed(&outcomes).into_iter().collect::<Vec<_>>(), ["u: a"]);
    }
}
