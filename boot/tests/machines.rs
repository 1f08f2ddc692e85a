//! Boots the probe (`examples/probe.rs`) on every machine that the crate knows, in both
//! byte orders. Needs QEMU and takes about a minute, so it runs only when asked:
//! `cargo test -p k42-boot --test machines -- --ignored`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds the probe and returns the image.
fn probe(target: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args(["build", "--release", "-p", "k42-boot", "--example", "probe"])
        .args([
            "-Zjson-target-spec",
            "-Zbuild-std=core,alloc,compiler_builtins",
        ])
        .arg("-Zbuild-std-features=compiler-builtins-mem")
        .arg(format!("--target=targets/{target}.json"))
        .args(["--target-dir", "target/probe"])
        .status()
        .unwrap();
    assert!(built.success());
    root.join(format!("target/probe/{target}/release/examples/probe"))
}

/// Runs `image`, with a limit, and returns the console.
fn boot(image: &Path, machine: &str, cpu: &str, cpus: u32) -> String {
    let quirks = if machine.starts_with("pseries") {
        ",cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
    } else {
        ""
    };
    let output = Command::new("timeout")
        .args([
            "90",
            "qemu-system-ppc64",
            "-M",
            &format!("{machine}{quirks}"),
            "-cpu",
            cpu,
        ])
        .args([
            "-smp",
            &cpus.to_string(),
            "-m",
            "1G",
            "-nographic",
            "-vga",
            "none",
        ])
        .args(["-append", "one two", "-kernel"])
        .arg(image)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "boots emulated machines"]
fn every_machine() {
    for target in ["powerpc64le-k42", "powerpc64-k42"] {
        let image = probe(target);
        let little = target.starts_with("powerpc64le");
        let order = if little { "little" } else { "big" };
        let mut machines = vec![
            ("pseries,x-vof=on", "power8", 2),
            ("pseries,x-vof=on", "power9", 4),
            ("pseries,x-vof=on", "power10", 2),
            ("pseries", "power9", 4),
            ("powernv9", "power9", 4),
        ];
        if !little {
            machines.push(("pseries,x-vof=on", "970mp_v1.1", 2));
        }
        for (machine, cpu, cpus) in machines {
            let console = boot(&image, machine, cpu, cpus);
            let all = [
                "command line \"one two\"".into(),
                format!("probe: {order}-endian, {cpus} CPUs, all is well"),
            ];
            for line in all {
                assert!(
                    console.contains(&line),
                    "{machine} {cpu} {order}: no {line:?} in\n{console}"
                );
            }
            let radix = matches!(cpu, "power9" | "power10");
            assert!(
                console.contains(&format!("radix: {radix}")),
                "{machine} {cpu}\n{console}"
            );
        }
    }
}
