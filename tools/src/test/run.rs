//! Suite `run`: the command `./k42 run` as its user meets it, each time a whole boot.

use super::Jobs;
use crate::process;
use crate::repo::Repo;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Longer than any of these boots takes, on a busy host too.
const LIMIT: &str = "--timeout=120";

/// The cases.
pub fn suite(repo: &Repo) -> Jobs {
    let mut jobs = Jobs::new("run");
    for cpus in [1, 2, 4] {
        let k42 = K42::new(repo);
        jobs.case(format!("exec-{cpus}cpu"), move || {
            let cpus = format!("--cpus={cpus}");
            k42.exec(&[&cpus], "echo $((6 * 7))")?.expect("42\n", "", 0)
        });
    }
    let mut case = |name: &str, run: fn(K42) -> Result<()>| {
        let k42 = K42::new(repo);
        jobs.case(name, move || run(k42));
    };
    case("status", |k42| k42.exec(&[], "exit 3")?.expect("", "", 3));
    case("killed", |k42| {
        k42.exec(&[], "kill -9 $$")?.expect("", "", 137)
    });
    case("errors", |k42| {
        k42.exec(&[], "echo oops >&2; echo fine")?
            .expect("fine\n", "oops\n", 0)
    });
    case("untranslated", |k42| {
        k42.exec(&[], "printf 'a\\nb\\r\\n\\tc\\001'")?
            .expect("a\nb\r\n\tc\u{1}", "", 0)
    });
    case("affinity", |k42| {
        let command = "for c in 3 1 0 2; do taskset $((1<<c)) awk '{print $39}' /proc/self/stat; done; \
                       taskset 6 grep Cpus_allowed: /proc/self/status";
        k42.exec(&["--cpus=4"], command)?
            .expect("3\n1\n0\n2\nCpus_allowed:\t6\n", "", 0)
    });
    case("server-ends-name", |k42| {
        // Who has no mount table any more still finds what KFS serves.
        let command = "cd /tmp; echo end name > /proc/k42/servers; echo text > file; cat file | tr a-z A-Z; \
                       ls /etc/passwd; (exit 4); echo $?; grep name /proc/k42/servers";
        k42.exec(&[], command)?
            .expect("TEXT\n/etc/passwd\n4\nname ended\n", "", 0)
    });
    case("server-ends-kfs", |k42| {
        // Nothing can be opened or run any more; the shell, its terminal and its children go on.
        let command =
            "echo end kfs > /proc/k42/servers; (exit 5); echo $?; cat /etc/passwd; echo $?";
        let errors = "/bin/sh: cat: Input/output error\n";
        k42.exec(&[], command)?.expect("5\n126\n", errors, 0)
    });
    case("server-ends-console", |k42| {
        // Whose words nobody prints any more still ends with its status.
        let command =
            "echo before; echo end console > /proc/k42/servers; echo after; (exit 3); exit $?";
        k42.exec(&[], command)?.expect("before\n", "", 3)
    });
    case("server-ends-not", |k42| {
        let command = "for s in process 'end process' 'end nobody'; do \
                       echo $s > /proc/k42/servers; done; cat /proc/k42/servers; \
                       su nobody -s /bin/sh -c 'echo end name > /proc/k42/servers'; echo $?";
        let errors = "sh: write error: Invalid argument\nsh: write error: Operation not permitted\n\
                      sh: write error: No such process\n\
                      sh: can't create /proc/k42/servers: Permission denied\n";
        k42.exec(&[], command)?.expect(
            "process runs\nname runs\nkfs runs\nconsole runs\n1\n",
            errors,
            0,
        )
    });
    case("much-output", |k42| {
        let text: String = (1..=20_000).map(|n| format!("{n}\n")).collect();
        k42.exec(&[], "seq 20000")?.expect(&text, "", 0)
    });
    case("no-input", |k42| {
        k42.exec(&[], "cat; echo end")?.expect("end\n", "", 0)
    });
    case("bench-wall", |k42| {
        let file = &k42.file("figures")?;
        let arguments = ["bench", "getpid", "--linux", "--wall", "--json", file];
        let done = k42.start(&arguments, None)?;
        ensure!(done.status == Some(0), "bench: {}", done.stderr);
        ensure!(done.stdout.contains("nanoseconds"), "{}", done.stdout);
        let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(file)?)?;
        for system in ["k42", "linux"] {
            let time = figures[system]["getpid"].as_f64();
            ensure!(time.is_some_and(|time| time > 0.0), "{system}: {figures}");
        }
        let refused = k42.start(&["bench", "getpid", "--wall"], None)?;
        ensure!(
            refused.status != Some(0),
            "--wall alone has nothing to compare with"
        );
        Ok(())
    });
    case("icount", |k42| {
        k42.exec(&["--icount"], "echo counted")?
            .expect("counted\n", "", 0)
    });
    case("add", |k42| {
        let source = k42.repo.root().join("rust-toolchain.toml");
        let option = format!("--add={}=/some/where/file", source.display());
        let text = std::fs::read_to_string(&source)?;
        k42.exec(&[&option], "cat /some/where/file")?
            .expect(&text, "", 0)
    });
    case("packages", |k42| {
        k42.exec(&["--packages=bash"], "bash -c 'echo ${BASH_VERSION%%.*}'")?
            .expect("5\n", "", 0)
    });
    case("timeout", |k42| {
        let done = k42.start(&["run", "--timeout=20", "--exec", "sleep 10000"], None)?;
        ensure!(
            done.status == Some(124),
            "status {:?}\n{}",
            done.status,
            done.stderr
        );
        Ok(())
    });
    case("log", |k42| {
        let file = k42.scratch()?.join("log");
        k42.exec(&[&format!("--log={}", file.display())], "true")?
            .expect("", "", 0)?;
        let log = std::fs::read_to_string(file)?;
        ensure!(log.contains("K42 in Rust"), "the log has no banner:\n{log}");
        Ok(())
    });
    case("trace", |k42| {
        let file = &k42.file("trace")?;
        k42.exec(&["--trace", file], "ls / >/dev/null; exit 3")?
            .expect("", "", 3)?;
        let shown = k42.start(&["trace", file], None)?;
        ensure!(shown.status == Some(0), "trace: {}", shown.stderr);
        ensure!(
            shown.stdout.lines().count() > 1000 && !shown.stdout.contains("words lost"),
            "few events or gaps:\n{}",
            process::tail(&shown.stdout, 20)
        );
        // What is cut short says so, after what is left.
        let whole = std::fs::read(file)?;
        std::fs::write(file, &whole[..whole.len() / 2])?;
        let shown = k42.start(&["trace", file], None)?;
        ensure!(
            shown.status == Some(1) && shown.stderr.ends_with("its end is missing\n"),
            "status {:?}: {}",
            shown.status,
            shown.stderr
        );
        ensure!(shown.stdout.lines().count() > 100, "{}", shown.stdout);
        Ok(())
    });
    case("trace-views", |k42| {
        let (file, json) = (&k42.file("trace-views")?, &k42.file("trace.json")?);
        let picture = &k42.file("trace.svg")?;
        let command = "for i in 1 2 3 4 5; do ls -l /bin | sort | tail -1 >/dev/null; done";
        k42.exec(&["--cpus=2", "--sample=5000", "--trace", file], command)?
            .expect("", "", 0)?;
        let args = [
            "trace", file, "--stats", "--chrome", json, "--flame", picture,
        ];
        let shown = k42.start(&args, None)?;
        ensure!(shown.status == Some(0), "trace: {}", shown.stderr);
        for row in [
            "  clone ",
            "  kfs open ",
            "  memory page fault ",
            "  sh (1) ",
        ] {
            ensure!(shown.stdout.contains(row), "no '{row}':\n{}", shown.stdout);
        }
        let export: serde_json::Value = serde_json::from_slice(&std::fs::read(json)?)?;
        let events = export["traceEvents"].as_array().context("no events")?;
        let of = |phase: &str| events.iter().filter(|e| e["ph"] == phase).count();
        ensure!(
            of("B") == of("E") && of("B") > 1000,
            "{} of {}",
            of("E"),
            of("B")
        );
        ensure!(
            of("s") == of("f") && of("s") > 500,
            "{} of {}",
            of("f"),
            of("s")
        );
        for name in ["CPUs", "memory", "kfs", "process", "sh (1)"] {
            let named =
                |e: &serde_json::Value| e["name"] == "process_name" && e["args"]["name"] == name;
            ensure!(events.iter().any(named), "no tracks of {name}");
        }
        let picture = std::fs::read_to_string(picture)?;
        for frame in ["kfs: ", "memory: page fault"] {
            ensure!(picture.contains(frame), "the flame graph has no {frame}");
        }
        // Which functions the samples meet is chance; that there are many with names is not.
        let functions: BTreeSet<&str> = picture
            .split("<title>")
            .skip(1)
            .filter_map(|title| title.split(" (").next())
            .filter(|frame| !frame.contains(": "))
            .collect();
        ensure!(
            functions.len() > 30,
            "the flame graph has only {functions:?}"
        );
        let shown = k42.start(
            &["trace", file, "--process", "kfs", "--event", "ipc.serve"],
            None,
        )?;
        ensure!(shown.stdout.lines().count() > 50, "{}", shown.stdout);
        Ok(())
    });
    case("trace-stacks", |k42| {
        // A program with symbols that computes, one that calls the library, one that calls servers, and a pause.
        const PROGRAM: &str = "static volatile long sum;\n\
            __attribute__((noinline)) void computes(void) { for (long i = 0; i < 50000000; i++) sum += i; }\n\
            int main(void) { computes(); return 0; }\n";
        const COMMAND: &str = "/computes; dd if=/dev/zero of=/dev/null bs=1 count=1000000 2>/dev/null; \
            for i in $(seq 200); do cat /etc/passwd; done >/dev/null; sleep 1";
        let (source, program) = (&k42.file("computes.c")?, &k42.file("computes")?);
        let (file, picture) = (&k42.file("stacks")?, &k42.file("stacks.svg")?);
        std::fs::write(source, PROGRAM)?;
        let mut compiler = Command::new(crate::bench::COMPILER);
        process::check(compiler.args(["-O1", "-static", "-o", program, source]))?;
        let add = format!("--add={program}=/computes");
        k42.exec(&[&add, "--stacks=400", "--trace", file], COMMAND)?
            .expect("", "", 0)?;
        let args = ["trace", file, "--flame", picture, "--program", program];
        let shown = k42.start(&args, None)?;
        ensure!(shown.status == Some(0), "trace: {}", shown.stderr);
        let picture = std::fs::read_to_string(picture)?;
        // The kernel where it waits, what a server begins a call with, where the library takes one, and the program.
        for function in ["cede ", "k42_serve ", "k42_emu_", "computes "] {
            let title = format!("<title>{function}");
            ensure!(picture.contains(&title), "no {function} in the flame graph");
        }
        Ok(())
    });
    case("trace-marker", |k42| {
        // An interval around a copy, a counter, a text that needs three events, and what must fail or be cut.
        const COMMAND: &str = "m=/sys/kernel/tracing/trace_marker; \
            exec 3>$m; echo 'B|0|the copy' >&3; cp /etc/passwd /tmp/copy; echo 'E|0' >&3; \
            echo 'C|0|queue|42' >/dev/trace_marker; printf 'a text that is longer than one event' >&3; \
            cat $m; printf x | dd of=$m seek=1 bs=1 2>/dev/null; echo seek $?; \
            head -c 5000 /dev/zero | tr '\\0' y | dd of=$m bs=5000 2>&1 | head -1";
        let (file, json) = (&k42.file("marker")?, &k42.file("marker.json")?);
        let errors = "cat: read error: Invalid argument\n";
        k42.exec(&["--trace", file], COMMAND)?
            .expect("seek 1\n1+0 records in\n", errors, 0)?;
        let args = ["trace", file, "--stats", "--chrome", json];
        let shown = k42.start(&args, None)?;
        ensure!(shown.status == Some(0), "trace: {}", shown.stderr);
        ensure!(shown.stdout.contains("sh the copy "), "{}", shown.stdout);
        let export: serde_json::Value = serde_json::from_slice(&std::fs::read(json)?)?;
        let events = export["traceEvents"].as_array().context("no events")?;
        let named = |phase: &str, name: &str| {
            let found = events
                .iter()
                .find(|e| e["ph"] == phase && e["name"] == name);
            found.with_context(|| format!("no {name} in the export"))
        };
        let interval = named("B", "the copy")?;
        let fork = events.iter().find(|e| {
            e["ph"] == "B" && e["name"] == "clone" && e["ts"].as_f64() > interval["ts"].as_f64()
        });
        let fork = fork.context("no fork for the copy")?;
        ensure!(
            fork["pid"] == interval["pid"] && fork["tid"] == interval["tid"],
            "the fork is not within the interval: {interval} {fork}"
        );
        ensure!(named("C", "queue")?["args"]["value"] == 42.0, "the counter");
        named("i", "a text that is longer than one event")?;
        let long = |e: &&serde_json::Value| {
            e["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("yyy") && name.len() == 4096)
        };
        ensure!(events.iter().any(|e| long(&e)), "no long text");
        Ok(())
    });
    case("trace-timeout", |k42| {
        let file = &k42.file("trace-timeout")?;
        let command = "while :; do echo $((n = n + 1)) >/dev/null; done";
        let args = ["run", "--timeout=10", "--trace", file, "--exec", command];
        let done = k42.start(&args, None)?;
        ensure!(done.status == Some(124), "status {:?}", done.status);
        let shown = k42.start(&["trace", file, "--class", "linux"], None)?;
        ensure!(shown.status == Some(0), "trace: {}", shown.stderr);
        let last = shown.stdout.lines().last().unwrap_or_default();
        let time = last.split_whitespace().next().and_then(|t| t.parse().ok());
        // The guest's clock runs with the host's.
        ensure!(time.is_some_and(|t: f64| t > 5.0), "the last: {last}");
        Ok(())
    });
    case("end-of-input", |k42| k42.interactive("").map(drop));
    case("poweroff", |k42| {
        let shown = k42.interactive("echo $((6 * 7))\npoweroff\necho not reached\n")?;
        ensure!(
            shown.contains("\n42\r\n"),
            "no answer on the console:\n{shown}"
        );
        Ok(())
    });
    jobs
}

/// The command, to be started.
struct K42 {
    repo: Repo,
}

/// What it did.
struct Done {
    stdout: String,
    stderr: String,
    status: Option<i32>,
}

impl K42 {
    fn new(repo: &Repo) -> Self {
        K42 { repo: repo.clone() }
    }

    /// `run OPTIONS --exec COMMAND`.
    fn exec(&self, options: &[&str], command: &str) -> Result<Done> {
        let args = [&["run", LIMIT], options, &["--exec", command]].concat();
        self.start(&args, None)
    }

    /// `run` with this typed; must end with status 0. Gives what the console showed.
    fn interactive(&self, typed: &str) -> Result<String> {
        let file = self.scratch()?.join("typed");
        std::fs::write(&file, typed)?;
        let done = self.start(&["run", LIMIT], Some(&file))?;
        let log = process::tail(&done.stderr, 30);
        ensure!(
            done.status == Some(0),
            "status {:?}\n{}\n{log}",
            done.status,
            done.stdout
        );
        Ok(done.stdout)
    }

    fn start(&self, args: &[&str], input: Option<&Path>) -> Result<Done> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(args).env("K42_ROOT", self.repo.root());
        command.stdin(match input {
            Some(file) => Stdio::from(File::open(file)?),
            None => Stdio::null(),
        });
        let output = command.output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Done {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            status: output.status.code(),
        })
    }

    /// A folder for files.
    fn scratch(&self) -> Result<PathBuf> {
        let folder = self.repo.build_dir()?.join("test");
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The path of a file there, as text.
    fn file(&self, name: &str) -> Result<String> {
        let path = self.scratch()?.join(name).into_os_string();
        let path = path.into_string();
        path.map_err(|path| anyhow::anyhow!("{}: not UTF-8", path.display()))
    }
}

impl Done {
    /// It must have ended in exactly this way.
    fn expect(self, stdout: &str, stderr: &str, status: i32) -> Result<()> {
        ensure!(
            self.stdout == stdout && self.stderr == stderr && self.status == Some(status),
            "status {:?}\noutput: {}\nerrors: {}",
            self.status,
            process::tail(&self.stdout, 20),
            process::tail(&self.stderr, 40)
        );
        Ok(())
    }
}
