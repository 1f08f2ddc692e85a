//! The machine with a guest of a few instructions: all four terminals, power-off, the
//! status, saved memory; and ends that are not good.

use super::*;
use crate::cli::Firmware;
use crate::guest::Kept;
use std::path::Path;
use std::process::Command;

#[test]
fn control_lines() {
    let end = End {
        reason: Reason::PowerOff,
        status: None,
        counts: vec![],
        trace: None,
    };
    let mut ending = Ending {
        end,
        panicked: false,
    };
    for line in [
        "exit 3",
        "trace 0x2000000 65536",
        "counts {\"frames\": 1}",
        "later",
    ] {
        ending.control(line, &mut None);
    }
    assert_eq!(ending.status, Some(3));
    assert!(ending.trace.is_none(), "nobody wanted it");
    assert_eq!(ending.counts, ["{\"frames\": 1}"]);
    assert!(!ending.panicked);
    ending.control("panic", &mut None);
    assert!(ending.panicked);
    ending.control("exit nonsense", &mut None);
    assert_eq!(ending.status, Some(3));
}

/// Builds `tests/tiny-guest.S` with extra assembler options.
fn tiny_guest(dir: &Path, options: &[&str]) -> PathBuf {
    let kernel = dir.join("guest.elf");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny-guest.S");
    let link = ["-nostdlib", "-static", "-Wl,-N,-Ttext=0,--build-id=none"];
    let mut command = Command::new("powerpc64-linux-gnu-gcc");
    command
        .args(link)
        .args(options)
        .arg("-o")
        .arg(&kernel)
        .arg(source);
    process::check(&mut command).expect("the cross compiler builds the guest");
    kernel
}

fn machine(kernel: PathBuf, icount: bool) -> Machine {
    let firmware = Firmware::Vof;
    Machine {
        kernel,
        archive: None,
        command_line: String::new(),
        cpus: 1,
        memory: 256,
        icount,
        gdb: false,
        firmware,
        plugin: None,
    }
}

fn ends(console: &Kept, errors: &Kept, log: &Kept) -> Ends {
    let mut log = log.clone();
    Ends {
        input: Input::Bytes(b"x".to_vec()),
        raw: false,
        console: Box::new(console.clone()),
        errors: Box::new(errors.clone()),
        log: Box::new(move |line| writeln!(log, "<{line}>").expect("memory takes it")),
    }
}

const LIMIT: Option<Duration> = Some(Duration::from_secs(60));

#[test]
fn a_guest_is_heard_on_all_terminals() {
    let dir = tempfile::tempdir().expect("a folder");
    let machine = machine(tiny_guest(dir.path(), &[]), true);
    let [console, errors, log] = [(); 3].map(|()| Kept::default());
    let trace = dir.path().join("trace");
    let ends = ends(&console, &errors, &log);
    let saved = Saved {
        file: trace.clone(),
        stacks: 0,
    };
    let end = run(&machine, ends, LIMIT, Some(saved)).expect("runs");
    assert_eq!(end.reason, Reason::PowerOff);
    assert_eq!(end.status, Some(7));
    assert_eq!(console.text(), "to out\n");
    assert_eq!(errors.text(), "err\n");
    assert_eq!(log.text(), "<log line 1>\n");
    // The guest has no buffers where it says.
    let error = end.trace.expect("was asked for").expect_err("no trace");
    assert!(
        format!("{error:#}").contains("not a K42 trace"),
        "{error:#}"
    );
}

#[test]
fn a_guest_that_hangs_is_ended() {
    let dir = tempfile::tempdir().expect("a folder");
    let machine = machine(tiny_guest(dir.path(), &["-DHANG"]), false);
    let [console, errors, log] = [(); 3].map(|()| Kept::default());
    let limit = Some(Duration::from_secs(2));
    let end = run(&machine, ends(&console, &errors, &log), limit, None).expect("runs");
    assert_eq!((end.reason, end.status), (Reason::Timeout, Some(7)));
    assert_eq!(console.text(), "to out\n");
}

#[test]
fn qemu_says_why_it_does_not_start() {
    let [console, errors, log] = [(); 3].map(|()| Kept::default());
    let machine = machine("no/such/kernel".into(), false);
    let error = run(&machine, ends(&console, &errors, &log), LIMIT, None).expect_err("fails");
    let text = format!("{error:#}");
    assert!(
        text.starts_with("QEMU did not start: ") && text.contains("no/such/kernel"),
        "{text}"
    );
}
