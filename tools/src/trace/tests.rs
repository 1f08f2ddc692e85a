//! Small traces with known stories, and random ones that must not break anything.

use super::filter::Filter;
use super::story::{Sample, Story, What};
use super::{chrome, flame, parse_classes, print, stats};
use crate::cli::TraceOptions;
use crate::repo::{Order, Repo};
use k42_trace::decode::{Event, Stack, Table, Trace};
use k42_trace::{Class, Side, text_words};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

const HZ: u64 = 1_000_000;

/// A trace of events: time, CPU, class and name, arguments.
fn trace(events: &[(u64, u32, &str, &[u64])]) -> Trace {
    let table = Table::own();
    let events = events.iter().map(|&(time, cpu, name, args)| {
        let (class, short) = name.split_once('.').expect("CLASS.NAME");
        let (class, event) = table.find(class, short).expect("an event of the table");
        let known = table.event(class, event).expect("just found");
        assert_eq!(known.args.len(), args.len(), "{name}");
        Event {
            time,
            cpu,
            side: match name {
                "ipc.call" | "ipc.ret" => Side::Kernel,
                _ if name.starts_with("exception.") => Side::Kernel,
                _ if name.starts_with("sched.") => Side::Kernel,
                _ => Side::User,
            },
            class,
            event,
            args: args.into(),
        }
    });
    Trace {
        cpus: 2,
        clock_hz: HZ,
        events: events.collect(),
        table: Table::own(),
        complete: true,
        ..Trace::default()
    }
}

fn options() -> TraceOptions {
    TraceOptions {
        file: "x".into(),
        class: None,
        event: None,
        cpu: None,
        process: None,
        from: None,
        to: None,
        filter: None,
        stats: false,
        chrome: None,
        flame: None,
        program: None,
    }
}

const SHELL: u64 = 16;
const KFS: u64 = 4;
const PAGE_FAULT: u64 = 0xff00;

/// A shell (pid 7) opens a file on CPU 0, faults, is sampled in KFS; on CPU 1 another thread of it waits for a lock.
fn example() -> Trace {
    let name = |text: &[u8]| text_words(text);
    let [kfs, sh] = [name(b"kfs"), name(b"sh")];
    trace(&[
        (0, 0, "sched.name", &[KFS, kfs[0], kfs[1]]),
        (1, 0, "process.space", &[7, SHELL]),
        (2, 0, "process.exec", &[7, sh[0], sh[1]]),
        (3, 0, "process.thread", &[7, 8]),
        (10, 0, "sched.switch", &[0, SHELL, 0]),
        (20, 0, "linux.enter", &[7, 286, 0, 0, 0]),
        (22, 1, "sched.switch", &[0, SHELL, 1]),
        (25, 1, "linux.enter", &[8, 3, 0, 0, 0]),
        (30, 0, "ipc.call", &[SHELL, KFS, 0x601, 10]),
        (31, 0, "ipc.serve", &[SHELL, 0x601]),
        (35, 0, "exception.sample", &[KFS, SHELL, 0x1000_0100, 5]),
        (40, 0, "ipc.served", &[SHELL, 0x601, -2_i64 as u64]),
        (42, 0, "ipc.ret", &[SHELL, KFS, -2_i64 as u64]),
        (43, 1, "lock.wait", &[SHELL, 0x99]),
        (50, 0, "linux.exit", &[7, 286, -2_i64 as u64]),
        (60, 0, "exception.page_fault", &[SHELL, 0x5000, 0]),
        (61, 0, "ipc.serve", &[0, PAGE_FAULT]),
        (62, 0, "memory.fault_on", &[SHELL, 0x5000, 0x4000, 0x77]),
        (64, 0, "ipc.served", &[0, PAGE_FAULT, 0]),
        (65, 0, "exception.fault_done", &[SHELL, 0x5000, 0]),
        (73, 1, "lock.acquired", &[SHELL, 0x99, 30]),
        (80, 0, "exception.sample", &[SHELL, SHELL, 0x1000_0200, 5]),
        (85, 0, "exception.sample", &[SHELL, SHELL, 0x1000_0200, 40]),
        (90, 1, "linux.exit", &[8, 3, 1]),
        (95, 0, "sched.idle", &[]),
        (96, 1, "linux.enter", &[8, 3, 0, 0, 0]),
    ])
}

fn lines(trace: &Trace, options: &TraceOptions) -> Vec<String> {
    let story = Story::new(trace);
    let filter = Filter::new(trace, &story, options).expect("good options");
    let mut out = Vec::new();
    print(trace, &story, &filter, &mut out).expect("memory takes it");
    let text = String::from_utf8(out).expect("text");
    text.lines().skip(1).map(String::from).collect()
}

#[test]
fn filters() {
    let trace = example();
    let count = |change: &dyn Fn(&mut TraceOptions)| {
        let mut options = options();
        change(&mut options);
        lines(&trace, &options).len()
    };
    assert_eq!(count(&|_| {}), trace.events.len());
    assert_eq!(count(&|o| o.class = Some("ipc".into())), 6);
    assert_eq!(count(&|o| o.class = Some("ipc, lock".into())), 8);
    assert_eq!(count(&|o| o.event = Some("ipc.call,ipc.ret".into())), 2);
    assert_eq!(count(&|o| o.cpu = Some(1)), 6);
    assert_eq!(count(&|o| o.cpu = Some(5)), 0);
    assert_eq!(count(&|o| o.filter = Some("linux.".into())), 5);
    assert_eq!(count(&|o| o.from = Some(60e-6)), 11);
    assert_eq!(count(&|o| (o.from, o.to) = (Some(60e-6), Some(65e-6))), 5);
    // What KFS does, and what is said about it.
    assert_eq!(count(&|o| o.process = Some("kfs".into())), 6);
    assert_eq!(
        count(&|o| o.process = Some("7".into())),
        count(&|o| o.process = Some("sh".into()))
    );
    assert_eq!(
        count(&|o| (o.process, o.cpu) = (Some("sh".into()), Some(1))),
        6
    );
    let refused = |change: &dyn Fn(&mut TraceOptions)| {
        let mut options = options();
        change(&mut options);
        let story = Story::new(&trace);
        let error = Filter::new(&trace, &story, &options)
            .err()
            .expect("a wrong name");
        error.to_string()
    };
    let error = refused(&|o| o.class = Some("ipc,flun".into()));
    assert!(
        error.starts_with("no class 'flun'; there are exception, sched"),
        "{error}"
    );
    assert!(refused(&|o| o.event = Some("ipc".into())).starts_with("no event 'ipc'"));
    assert!(refused(&|o| o.process = Some("99".into())).starts_with("no process '99'"));
}

#[test]
fn classes_of_a_run() {
    assert_eq!(parse_classes("ipc"), Ok(Class::Ipc.bit()));
    let error = parse_classes("ipc,nonsense").expect_err("unknown");
    assert!(error.starts_with("no class 'nonsense'; there are all, none, exception"));
}

#[test]
fn the_story() {
    let trace = example();
    let story = Story::new(&trace);
    let found = |what: What| {
        let mut spans = story.spans.iter().filter(|span| span.what == what);
        let span = spans.next().unwrap_or_else(|| panic!("no {what:?}"));
        assert!(spans.next().is_none(), "two of {what:?}");
        (span.process, span.thread, span.start, span.end, span.result)
    };
    assert_eq!(
        found(What::Linux { number: 286 }),
        (SHELL, 7, 20, Some(50), -2)
    );
    let (server, method) = (KFS, 0x601);
    assert_eq!(
        found(What::Call { server, method }),
        (SHELL, 7, 30, Some(42), -2)
    );
    let caller = SHELL;
    assert_eq!(
        found(What::Serve { caller, method }),
        (KFS, 0, 31, Some(40), -2)
    );
    assert_eq!(
        found(What::Lock { lock: 0x99 }),
        (SHELL, 8, 43, Some(73), 0)
    );
    let fault = What::Fault {
        address: 0x5000,
        object: 0x77,
        region: 0x4000,
    };
    assert_eq!(found(fault), (SHELL, 7, 60, Some(65), 0));
    let runs = story.spans.iter().filter(|span| span.what == What::Run);
    let runs: Vec<_> = runs
        .map(|run| (run.cpu, run.process, run.start, run.end))
        .collect();
    let memory = 1;
    assert_eq!(
        runs,
        [
            (0, SHELL, 10, Some(30)),
            (1, SHELL, 22, None),
            (0, KFS, 30, Some(42)),
            (0, SHELL, 42, Some(60)),
            (0, memory, 60, Some(65)),
            (0, SHELL, 65, Some(95)),
        ]
    );
    let arrows: Vec<_> = story
        .arrows
        .iter()
        .map(|&(from, to)| (story.spans[from].start, story.spans[to].start))
        .collect();
    assert_eq!(arrows, [(30, 31), (60, 61)]);
    assert_eq!(
        story.samples[0],
        Sample {
            time: 35,
            cpu: 0,
            process: KFS,
            base: SHELL,
            linux: Some(286),
            chain: vec![(KFS, 0x601)],
            pc: 0x1000_0100,
            late: 5,
            kernel: Some(trace.table.find("ipc", "call").expect("in the table")),
            above: Vec::new(),
        }
    );
    assert_eq!(
        (story.samples[1].linux, story.samples[1].chain.len()),
        (None, 0)
    );
    assert_eq!(story.names.label(SHELL), "sh (7)");
}

#[test]
fn statistics() {
    let trace = example();
    let story = Story::new(&trace);
    let mut out = Vec::new();
    stats::write(&trace, &story, &Filter::default(), &mut out).expect("memory takes it");
    let text = String::from_utf8(out).expect("text");
    let row = |title: &str, name: &str| -> Vec<f64> {
        let table = text
            .split(title)
            .nth(1)
            .unwrap_or_else(|| panic!("no {title}:\n{text}"));
        let table = table.split("\n\n").next().expect("there is a first");
        let line = table
            .lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .unwrap_or_else(|| panic!("no {name}:\n{text}"));
        line.split_whitespace()
            .map(|word| word.parse().expect("a number"))
            .collect()
    };
    // Count, errors, total, min, mean, max.
    assert_eq!(
        row("Linux call", "openat"),
        [1.0, 1.0, 30.0, 30.0, 30.0, 30.0]
    );
    assert_eq!(
        row("Linux call", "read"),
        [1.0, 0.0, 65.0, 65.0, 65.0, 65.0]
    );
    assert_eq!(
        row("server and method", "kfs open"),
        [1.0, 1.0, 9.0, 9.0, 9.0, 9.0]
    );
    assert_eq!(
        row("has the CPU", "sh (7)"),
        [3.0, 0.0, 68.0, 18.0, 22.67, 30.0]
    );
    assert_eq!(row("served by", "sh (7)"), [2.0, 1.0, 14.0, 5.0, 7.0, 9.0]);
    assert_eq!(
        row("page faults", "sh memory at 0x4000"),
        [1.0, 0.0, 5.0, 5.0, 5.0, 5.0]
    );
    assert_eq!(
        row("lock waiting", "sh 0x99"),
        [1.0, 0.0, 30.0, 30.0, 30.0, 30.0]
    );
    assert!(
        text.ends_with("2 intervals have no end in the trace and are not counted\n"),
        "{text}"
    );
}

/// Parses an export and checks what a reader relies on.
fn checked(trace: &Trace, options: &TraceOptions) -> Vec<Value> {
    let story = Story::new(trace);
    let filter = Filter::new(trace, &story, options).expect("good options");
    let mut out = Vec::new();
    chrome::write(trace, &story, &filter, &mut out).expect("memory takes it");
    let whole: Value = serde_json::from_slice(&out).expect("it is JSON");
    let events = whole["traceEvents"]
        .as_array()
        .expect("a list of events")
        .clone();
    let mut latest = f64::MIN;
    let mut open: HashMap<(u64, u64), Vec<String>> = HashMap::new();
    let mut named = HashSet::new();
    let mut flows: HashMap<u64, Vec<(String, f64)>> = HashMap::new();
    for event in &events {
        let number = |name: &str| event[name].as_u64().expect("a number");
        let track = (number("pid"), number("tid"));
        let phase = event["ph"].as_str().expect("a phase");
        if phase == "M" {
            named.insert((event["name"].to_string(), track));
            continue;
        }
        let time = event["ts"].as_f64().expect("a time");
        assert!(time >= latest, "time goes back: {event}");
        latest = time;
        let stack = open.entry(track).or_default();
        match phase {
            "B" => stack.push(event["name"].to_string()),
            "E" => drop(stack.pop().expect("an end has a beginning")),
            "s" | "f" => {
                assert!(
                    !stack.is_empty(),
                    "an arrow leads from interval to interval"
                );
                flows
                    .entry(number("id"))
                    .or_default()
                    .push((phase.into(), time));
            }
            "i" => {}
            _ => panic!("phase {phase}"),
        }
    }
    assert!(
        open.values().all(Vec::is_empty),
        "every beginning has its end"
    );
    for track in open.keys() {
        assert!(
            named.contains(&("\"process_name\"".into(), (track.0, 0))),
            "{track:?}"
        );
    }
    for (id, ends) in flows {
        let phases: Vec<&str> = ends.iter().map(|(phase, _)| phase.as_str()).collect();
        assert_eq!(phases, ["s", "f"], "arrow {id}");
        assert!(ends[0].1 <= ends[1].1);
    }
    events
}

#[test]
fn chrome_export() {
    let trace = example();
    let events = checked(&trace, &options());
    let of = |phase: &str| events.iter().filter(|e| e["ph"] == phase).count();
    assert_eq!((of("B"), of("E"), of("s"), of("f")), (14, 14, 2, 2));
    let names: HashSet<&str> = events
        .iter()
        .filter(|e| e["name"] == "process_name")
        .filter_map(|e| e["args"]["name"].as_str())
        .collect();
    assert_eq!(names, HashSet::from(["CPUs", "kfs", "sh (7)", "process 1"]));
    let tracks = |group: &str| {
        let group = events
            .iter()
            .find(|e| e["name"] == "process_name" && e["args"]["name"] == group)
            .expect("named");
        events
            .iter()
            .filter(|e| e["name"] == "thread_name" && e["pid"] == group["pid"])
            .count()
    };
    assert_eq!(
        (tracks("CPUs"), tracks("sh (7)")),
        (2, 2),
        "a track for each CPU and each thread"
    );
    let call = events
        .iter()
        .find(|e| e["name"] == "kfs open")
        .expect("the call");
    assert_eq!(
        (call["ts"].as_f64(), call["args"]["result"].as_i64()),
        (Some(30.0), Some(-2))
    );
    // With a filter there are no arrows into nothing.
    let options = TraceOptions {
        process: Some("kfs".into()),
        ..options()
    };
    let events = checked(&trace, &options);
    assert!(events.iter().all(|e| e["ph"] != "s"));
}

/// Events of all kinds with small arguments in any order: ends without beginnings, tangled pairs, processes nobody knows.
#[test]
fn any_events_make_a_sound_export() {
    let table = Table::own();
    let kinds: Vec<(u8, u8, usize)> = table
        .classes()
        .iter()
        .flat_map(|class| {
            class
                .events()
                .map(|e| (class.number, e.number, e.args.len()))
        })
        .collect();
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..100 {
        let mut time = 0;
        let events = (0..300).map(|_| {
            time += random(3);
            let (class, event, args) = kinds[random(kinds.len() as u64) as usize];
            Event {
                time,
                cpu: random(2) as u32,
                side: Side::User,
                class,
                event,
                args: (0..args).map(|_| random(4)).collect(),
            }
        });
        let trace = Trace {
            events: events.collect(),
            ..trace(&[])
        };
        checked(&trace, &options());
        let story = Story::new(&trace);
        assert_eq!(story.whose.len(), trace.events.len());
        stats::write(&trace, &story, &Filter::default(), &mut Vec::new()).expect("memory takes it");
        assert_eq!(lines(&trace, &options()).len(), trace.events.len());
    }
}

#[test]
fn flame_graph() {
    let mut trace = example();
    trace.counted = true;
    let story = Story::new(&trace);
    let repo = Repo::find().expect("a checkout");
    // This test program stands in for the shell's.
    let program = std::env::current_exe().expect("a test program has a path");
    let programs =
        flame::Programs::open(&repo, Order::Little, Some(&program), None).expect("opens");
    let stacks = flame::stacks(&trace, &story, &Filter::default(), &programs);
    assert_eq!(stacks.values().sum::<u64>(), 3);
    let begins = |start: &str| {
        stacks
            .keys()
            .filter(|stack| stack.starts_with(start))
            .count()
    };
    assert_eq!(
        (begins("sh;openat;kfs: open;"), begins("sh;program")),
        (1, 2),
        "{stacks:?}"
    );
    let in_kernel: Vec<_> = stacks
        .keys()
        .filter(|stack| stack.contains(";kernel"))
        .collect();
    assert_eq!(in_kernel, ["sh;program;kernel: exception.fault_done"]);
    let mut picture = Vec::new();
    flame::draw(&stacks, "test", &mut picture).expect("drawn");
    let picture = String::from_utf8(picture).expect("text");
    assert!(picture.contains("<svg") && picture.contains("kfs: open"));
    let none = flame::draw(&Default::default(), "test", Vec::new());
    assert!(
        none.expect_err("no samples")
            .to_string()
            .contains("no samples")
    );
}

/// Stacks from outside are told apart by what happened before them, and shown in place of the kernel's samples.
#[test]
fn stacks_from_outside() {
    const START: u64 = 0xc000_0000_0040_0000;
    let stack = |time, cpu, addresses: &[u64]| Stack {
        time,
        cpu,
        addresses: addresses.to_vec(),
    };
    let mut trace = example();
    trace.kernel = Some(START);
    let vector = 0xc000_0000_0000_4c20;
    trace.stacks = vec![
        // Before anything has happened; within a server; in the kernel, below its image; after all; of no CPU.
        stack(1, 0, &[0x10]),
        stack(34, 0, &[0x1000_0100, 0x1000_0200, 0x1000_0300]),
        stack(34, 0, &[vector, 0x1000_0200]),
        stack(1 << 40, 1, &[0x1000_0400, 0]),
        stack(34, 99, &[1, 2]),
        stack(34, 0, &[]),
    ];
    let story = Story::new(&trace);
    let looks: Vec<_> = story
        .looks
        .iter()
        .map(|look| {
            (
                look.base,
                look.process,
                look.linux,
                look.chain.len(),
                look.pc,
            )
        })
        .collect();
    assert_eq!(
        looks,
        [
            (0, 0, None, 0, 0x10),
            (SHELL, KFS, Some(286), 1, 0x1000_0100),
            (SHELL, KFS, Some(286), 1, vector),
            (SHELL, SHELL, Some(3), 0, 0x1000_0400),
        ]
    );
    assert_eq!(story.looks[1].above, [0x1000_0200, 0x1000_0300]);
    let repo = Repo::find().expect("a checkout");
    let programs = flame::Programs::open(&repo, Order::Little, None, trace.kernel).expect("opens");
    let stacks = flame::stacks(&trace, &story, &Filter::default(), &programs);
    assert_eq!(stacks.values().sum::<u64>(), 4, "{stacks:?}");
    assert!(
        stacks.contains_key("sh;openat;kfs: open;kernel;vector 0xc00"),
        "{stacks:?}"
    );
    assert!(stacks.keys().any(|stack| stack.starts_with("idle;")));
}

/// An event that nobody logs would make the documentation untrue. Those of class `app` are for programs.
#[test]
fn every_event_is_logged_somewhere() {
    let repo = Repo::find().expect("a checkout");
    let mut source = String::new();
    let mut folders: Vec<_> = [
        "kernel",
        "servers",
        "libk42/sched",
        "libk42/rt",
        "linux-emu",
    ]
    .iter()
    .map(|folder| repo.root().join(folder))
    .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the checkout") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                source.push_str(&std::fs::read_to_string(path).expect("readable"));
            }
        }
    }
    for class in Table::own()
        .classes()
        .iter()
        .filter(|class| class.name != "app")
    {
        for event in class.events() {
            let call = format!("events::{}::{}::<", class.name, event.name);
            assert!(
                source.contains(&call),
                "nobody logs {}.{}",
                class.name,
                event.name
            );
        }
    }
}
