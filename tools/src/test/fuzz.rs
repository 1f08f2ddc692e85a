//! Suite `fuzz`: the targets of `tests/fuzz`, each for a fixed number of runs from a fixed seed, so that a run repeats.
//! A target passes if nothing went wrong and if the fuzzer came further into the code than at the start; one that tests
//! nothing fails. The target `planted` has a bug that only guidance finds, and passes if it was found.

use super::Jobs;
use crate::cargo;
use crate::process;
use crate::repo::Repo;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// Targets, and how often each is run: a few seconds.
const TARGETS: [(&str, u32); 5] = [
    ("archive", 20_000),
    ("kfs", 60_000),
    ("message", 100_000),
    ("planted", 200_000),
    ("trace", 30_000),
];

/// Has the compiler count which branches are taken and compare what is compared, and look at every access to memory.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Zsanitizer=address";

/// The suite.
pub fn suite(repo: &Repo) -> Jobs {
    let mut jobs = Jobs::new("fuzz");
    let folder: Arc<OnceLock<Result<PathBuf, String>>> = Arc::default();
    for (target, runs) in TARGETS {
        let (repo, folder) = (repo.clone(), folder.clone());
        jobs.case(target, move || {
            let folder = folder.get_or_init(|| build(&repo).map_err(|error| format!("{error:#}")));
            match folder {
                Ok(folder) => run(folder.join(target), target, runs),
                Err(error) => bail!("{error}"),
            }
        });
    }
    jobs
}

/// Builds all targets; the folder that they are in. The host is named as the target, so that what runs within the compiler
/// is built without the flags.
fn build(repo: &Repo) -> Result<PathBuf> {
    let version = process::stdout_of(Command::new("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not name its host")?;
    let mut command = cargo::cargo(repo, "build");
    command
        .args(["--quiet", "--release", "--locked", "--bins"])
        .args(["--manifest-path", "tests/fuzz/Cargo.toml"])
        .args(["--target-dir", "target/fuzz", "--target", host])
        .env("RUSTFLAGS", format!("{FLAGS} -Dwarnings"));
    process::check(&mut command)?;
    Ok(repo.target_dir().join("fuzz").join(host).join("release"))
}

/// Runs one target.
fn run(program: PathBuf, target: &str, runs: u32) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let corpus = scratch.path().join("corpus");
    fs::create_dir(&corpus)?;
    let mut command = Command::new(program);
    command
        .args(["-seed=42", "-max_len=2048", "-len_control=0"])
        .args(["-timeout=30", "-rss_limit_mb=2048", "-detect_leaks=0"])
        .arg(format!("-runs={runs}"))
        .arg(format!("-artifact_prefix={}/", scratch.path().display()))
        .arg(&corpus)
        .current_dir(scratch.path());
    let output = command.output().context("the fuzzer does not start")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if target == "planted" {
        ensure!(
            !output.status.success() && text.contains("the planted bug was reached"),
            "the planted bug was not found:\n{}",
            tail(&text)
        );
        return Ok(());
    }
    ensure!(output.status.success(), "{}", tail(&text));
    let start = coverage(&text, "INITED").context("the fuzzer did not begin")?;
    let end = coverage(&text, "DONE").context("the fuzzer did not come to an end")?;
    ensure!(
        end > start,
        "nothing new was reached: {end} places at the end, {start} at the start"
    );
    Ok(())
}

/// How many places had been reached when the fuzzer said `event`; it does not speak of none.
fn coverage(text: &str, event: &str) -> Option<u32> {
    let line = text
        .lines()
        .find(|line| line.starts_with('#') && line.split_whitespace().nth(1) == Some(event))?;
    let count = line.split("cov: ").nth(1);
    count.map_or(Some(0), |count| count.split(' ').next()?.parse().ok())
}

/// The end of what the fuzzer said, where the failure is.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_reached() {
        let text = "INFO: seed\n#2\tINITED exec/s: 0 rss: 31Mb\n#9\tNEW    cov: 7 ft: 7\n#20\tDONE   cov: 971 ft: 2 corp: 1\n";
        assert_eq!(coverage(text, "INITED"), Some(0));
        assert_eq!(coverage(text, "DONE"), Some(971));
        assert_eq!(coverage("", "DONE"), None);
    }
}
