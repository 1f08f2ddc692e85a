//! The command as its user meets it when something is wrong: one line on standard error
//! that names the thing, and a status that is not 0. None of these boots anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn k42(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_k42"))
        .args(args)
        .env("K42_ROOT", checkout())
        .output()
        .expect("the program starts")
}

/// The command fails with one line that contains `part`.
fn refuses(args: &[&str], part: &str) {
    let output = k42(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(
        output.stdout.is_empty(),
        "{args:?} wrote to standard output"
    );
    assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    assert!(
        text.starts_with("k42: ") && text.contains(part),
        "{args:?}: {text}"
    );
}

#[test]
fn unknown_commands_and_options() {
    refuses(&["flun"], "'flun'");
    refuses(&["run", "--flun"], "'--flun'");
    refuses(&["run", "stray"], "'stray'");
    refuses(&["build", "--cpus", "2"], "'--cpus'");
}

#[test]
fn bad_values() {
    refuses(&["run", "--cpus", "0"], "--cpus");
    refuses(&["run", "--cpus", "many"], "--cpus");
    refuses(&["run", "--memory", "100M"], "multiple of 256M");
    refuses(&["run", "--timeout", "soon"], "--timeout");
    refuses(&["run", "--packages", "Not A Package"], "--packages");
    refuses(&["run", "--add", "nothing"], "HOST=GUEST");
    refuses(&["run", "--add", "x=relative"], "HOST=GUEST");
    refuses(&["run", "--firmware", "bios"], "--firmware");
    refuses(&["run", "--exec"], "--exec");
    refuses(&["run", "--stdin"], "--exec");
    refuses(&["bench", "--cpus", "2"], "--scaling");
    refuses(&["bench", "--scaling", "--cpus", "65"], "--cpus");
    refuses(&["bench", "--scaling", "no-such-row"], "no-such-row");
    refuses(
        &["run", "--trace", "x", "--trace-classes", "flun"],
        "'flun'",
    );
    refuses(&["run", "--trace", "x", "--sample", "1000000"], "--sample");
    refuses(&["run", "--sample", "10"], "--trace");
    refuses(&["trace", "x", "--from", "soon"], "--from");
    refuses(&["trace", "x", "--program", "y"], "--flame");
    refuses(
        &["run", "--root", "/tmp", "--packages", "bash"],
        "--packages",
    );
    refuses(&["test", "no-such-test-anywhere"], "no-such-test-anywhere");
    refuses(&["bench", "no-such-row-anywhere"], "no-such-row-anywhere");
}

#[test]
fn files_that_are_not_there() {
    refuses(&["run", "--root", "/no/such/root"], "/no/such/root");
    refuses(
        &["run", "--log", "/no/such/folder/log"],
        "/no/such/folder/log",
    );
    refuses(
        &["run", "--trace", "/no/such/folder/t"],
        "/no/such/folder/t",
    );
    refuses(&["trace", "/no/such/trace"], "/no/such/trace");
    refuses(&["trace", "/dev/null"], "too short for a trace");
    refuses(&["trace", env!("CARGO_BIN_EXE_k42")], "not a K42 trace");
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path().to_str().expect("UTF-8");
    refuses(
        &["run", "--root", root, "--add", "/no/such/file=/etc/x"],
        "/no/such/file",
    );
}

#[test]
fn damaged_root_archives() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(5000);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, "etc/file", [7; 5000].as_slice())
        .expect("into memory");
    let whole = builder.into_inner().expect("into memory");

    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    let mut without_data = whole[..1024].to_vec();
    without_data.extend([0; 1024]);
    let damaged: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("text", b"this is not an archive\n"),
        ("cut", &whole[..whole.len() - 1500]),
        ("flipped", &flipped),
        ("without-data", &without_data),
    ];
    for (name, bytes) in damaged {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("writes");
        refuses(
            &["run", "--root", path.to_str().expect("UTF-8")],
            "is damaged",
        );
    }
}

#[test]
fn help_and_version() {
    for args in [["--help"].as_slice(), &["run", "--help"], &["--version"]] {
        let output = k42(args);
        assert!(output.status.success(), "{args:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{args:?}"
        );
    }
}
