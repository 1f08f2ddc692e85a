//! Starting other programs: with their output captured, and errors that say what ran.

use anyhow::{Context, Result, bail};
use std::io;
use std::process::{Command, Output, Stdio};

/// Runs `command` without input, captures its output, and fails with the end of what it
/// wrote if its status is not 0.
pub fn check(command: &mut Command) -> Result<Output> {
    let output = capture(command)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let text = if text.trim().is_empty() {
            String::from_utf8_lossy(&output.stdout)
        } else {
            text
        };
        bail!(
            "{} failed ({}):\n{}",
            name(command),
            output.status,
            tail(&text, 60)
        );
    }
    Ok(output)
}

/// Runs `command` without input and captures its output, whatever its status.
pub fn capture(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| not_started(command, &e))
}

/// The error for a program that did not start, in words that help.
pub fn not_started(command: &Command, e: &io::Error) -> anyhow::Error {
    let name = name(command);
    if e.kind() == io::ErrorKind::NotFound {
        anyhow::anyhow!("{name} is not installed; start ./k42 to install what is missing")
    } else {
        anyhow::anyhow!("{name} could not be started: {e}")
    }
}

/// The program's name, for messages.
pub fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The last `lines` lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The standard output of a command as trimmed text.
pub fn stdout_of(command: &mut Command) -> Result<String> {
    let output = check(command)?;
    let text = String::from_utf8(output.stdout)
        .with_context(|| format!("{} wrote something that is not text", name(command)))?;
    Ok(text.trim_end().into())
}
