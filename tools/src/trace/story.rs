//! What happened, from the events: who ran when, and the intervals that pairs of events bracket.
//!
//! Who runs on a CPU follows from the kernel's events: a switch, a protected call (which enters the server on the same
//! CPU), its return, a page fault (a call to the memory server), its answer. What programs log on that CPU is theirs. A
//! trace may begin and end anywhere and have gaps, so an end without its beginning is passed over, and a beginning
//! without its end is marked.

use super::marker::{self, Meaning, Pieces};
use super::names::{Names, Process, args};
use k42_trace::Side;
use k42_trace::decode::{Event, Stack, Trace};
use std::collections::HashMap;

/// What an interval was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A process had the CPU.
    Run,
    /// A Linux call.
    Linux {
        /// Its number.
        number: u64,
    },
    /// A protected call, as its caller sees it.
    Call {
        /// The server.
        server: Process,
        /// Interface and method.
        method: u64,
    },
    /// A protected call, as its server sees it.
    Serve {
        /// Who called; zero is the kernel.
        caller: Process,
        /// Interface and method.
        method: u64,
    },
    /// A page fault.
    Fault {
        /// Where.
        address: u64,
        /// The object whose page it was, if that is known.
        object: u64,
        /// Where the region begins that shows it.
        region: u64,
    },
    /// An interval that a program has marked.
    Marked {
        /// Its name: a place in [`Story::texts`].
        name: usize,
    },
    /// Waiting for a lock.
    Lock {
        /// Which.
        lock: u64,
    },
}

/// An interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose.
    pub process: Process,
    /// The Linux thread, or zero.
    pub thread: u64,
    /// Where it began.
    pub cpu: u32,
    /// When it began.
    pub start: u64,
    /// When it ended; `None` if the trace does not tell.
    pub end: Option<u64>,
    /// What came of it.
    pub result: i64,
    /// What it was.
    pub what: What,
}

/// A sample of the profiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub time: u64,
    /// Where.
    pub cpu: u32,
    /// Who ran.
    pub process: Process,
    /// On whose time.
    pub base: Process,
    /// The Linux call that the base was in.
    pub linux: Option<u64>,
    /// Servers and methods between base and process.
    pub chain: Vec<(Process, u64)>,
    /// The address.
    pub pc: u64,
    /// By how many ticks the sample was late.
    pub late: u64,
    /// What the kernel logged last since the sample was due: class and event.
    pub kernel: Option<(u8, u8)>,
    /// The link register and the return addresses above `pc`, if the sample was taken from outside.
    pub above: Vec<u64>,
}

/// Something that happened at one moment to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub time: u64,
    /// To whom.
    pub process: Process,
    /// What.
    pub text: String,
}

/// A value that a program has told.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    /// When.
    pub time: u64,
    /// Who.
    pub process: Process,
    /// Of what.
    pub name: String,
    /// How much.
    pub value: f64,
}

/// The whole of it.
#[derive(Default)]
pub struct Story {
    /// Who is who.
    pub names: Names,
    /// All intervals, in the order of their beginnings.
    pub spans: Vec<Span>,
    /// From a protected call to its serving: places in `spans`.
    pub arrows: Vec<(usize, usize)>,
    /// The kernel's samples in order.
    pub samples: Vec<Sample>,
    /// Samples from outside, in order.
    pub looks: Vec<Sample>,
    /// Moments in order.
    pub moments: Vec<Moment>,
    /// Values in order.
    pub counters: Vec<Counter>,
    /// Names of intervals that programs have marked.
    pub texts: Vec<String>,
    /// For each event of the trace, who had the CPU; zero is nobody.
    pub whose: Vec<Process>,
    /// Names of objects whose pages are mapped.
    pub objects: HashMap<u64, String>,
    /// The last event's time.
    pub end: u64,
}

/// The events that matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Switch,
    Idle,
    Call,
    Ret,
    Serve,
    Served,
    PageFault,
    FaultOn,
    FaultDone,
    Enter,
    Exit,
    Wait,
    Acquired,
    Sample,
    ObjectName,
    Fork,
    Exec,
    Died,
    Signal,
    Mark,
    Marker,
}

const KINDS: [(&str, &str, Kind); 21] = [
    ("sched", "switch", Kind::Switch),
    ("sched", "idle", Kind::Idle),
    ("ipc", "call", Kind::Call),
    ("ipc", "ret", Kind::Ret),
    ("ipc", "serve", Kind::Serve),
    ("ipc", "served", Kind::Served),
    ("exception", "page_fault", Kind::PageFault),
    ("memory", "fault_on", Kind::FaultOn),
    ("exception", "fault_done", Kind::FaultDone),
    ("linux", "enter", Kind::Enter),
    ("linux", "exit", Kind::Exit),
    ("lock", "wait", Kind::Wait),
    ("lock", "acquired", Kind::Acquired),
    ("exception", "sample", Kind::Sample),
    ("memory", "name", Kind::ObjectName),
    ("process", "fork", Kind::Fork),
    ("process", "exec", Kind::Exec),
    ("process", "exit", Kind::Died),
    ("process", "signal", Kind::Signal),
    ("app", "mark", Kind::Mark),
    ("app", "marker", Kind::Marker),
];

/// What is known of a CPU.
#[derive(Default)]
struct Cpu {
    current: Process,
    /// The interval for which the current process has had the CPU.
    run: Option<usize>,
    /// Callers and what they called, outermost first.
    chain: Vec<(Process, Process, u64)>,
    /// A call that has not been seen to be served.
    calling: Option<(usize, Process, u64)>,
    /// The Linux thread that each process was last seen to run here.
    threads: HashMap<Process, u64>,
    /// The kernel's last event that is not about the clock, and its time.
    kernel: Option<(u64, (u8, u8))>,
}

struct Teller<'a> {
    trace: &'a Trace,
    story: Story,
    cpus: Vec<Cpu>,
    /// Intervals that have no end yet, by what they are waiting for.
    open: HashMap<Key, Vec<usize>>,
    /// What programs have begun to say.
    pieces: Pieces,
    /// Intervals that threads have marked, which begin when the call returns by which they did.
    marking: HashMap<u64, usize>,
}

/// What an open interval is found by.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Linux(u64),
    Call(Process, Process),
    Serve(u32, Process, u64),
    Fault(Process),
    Lock(Process, u64),
    Marked(u64),
}

const MEMORY: Process = k42_abi::ProcessId::MEMORY.0 as Process;

impl Story {
    /// Reads a trace.
    pub fn new(trace: &Trace) -> Story {
        let mut teller = Teller {
            trace,
            story: Story {
                names: Names::new(trace),
                end: trace
                    .events
                    .last()
                    .map_or(trace.boot_clock, |event| event.time),
                ..Story::default()
            },
            cpus: (0..trace.cpus).map(|_| Cpu::default()).collect(),
            open: HashMap::new(),
            pieces: Pieces::default(),
            marking: HashMap::new(),
        };
        let kinds: HashMap<(u8, u8), Kind> = KINDS
            .iter()
            .filter_map(|&(class, event, kind)| Some((trace.table.find(class, event)?, kind)))
            .collect();
        // These come with every sample, and are not what it was late for.
        let clock = ["enter", "timer", "sample"].map(|event| trace.table.find("exception", event));
        let mut stacks = trace.stacks.iter().peekable();
        for event in &trace.events {
            while let Some(stack) = stacks.next_if(|stack| stack.time < event.time) {
                teller.look(stack);
            }
            let id = (event.class, event.event);
            if let Some(&kind) = kinds.get(&id) {
                teller.take(kind, event);
            }
            if event.side == Side::Kernel && !clock.contains(&Some(id)) {
                teller.cpu(event).kernel = Some((event.time, id));
            }
            let current = teller.cpu(event).current;
            teller.story.whose.push(current);
        }
        stacks.for_each(|stack| teller.look(stack));
        teller.story
    }
}

impl Teller<'_> {
    fn cpu(&mut self, event: &Event) -> &mut Cpu {
        // An event is always of one of the trace's CPUs.
        &mut self.cpus[event.cpu as usize]
    }

    fn begin(&mut self, event: &Event, process: Process, what: What) -> usize {
        let thread = self.cpu(event).threads.get(&process).copied();
        self.story.spans.push(Span {
            process,
            thread: thread.unwrap_or(0),
            cpu: event.cpu,
            start: event.time,
            end: None,
            result: 0,
            what,
        });
        self.story.spans.len() - 1
    }

    fn finish(&mut self, key: &Key, time: u64, result: i64) -> Option<usize> {
        let place = self.open.get_mut(key)?.pop()?;
        let span = &mut self.story.spans[place];
        (span.end, span.result) = (Some(time), result);
        Some(place)
    }

    /// From now on a CPU belongs to a process; zero is nobody.
    fn run(&mut self, event: &Event, process: Process) {
        let cpu = self.cpu(event);
        if cpu.current == process {
            return;
        }
        cpu.current = process;
        let before = cpu.run.take();
        if let Some(before) = before {
            self.story.spans[before].end = Some(event.time);
        }
        if process != 0 {
            let run = self.begin(event, process, What::Run);
            self.cpu(event).run = Some(run);
        }
    }

    fn moment(&mut self, event: &Event, process: Option<Process>, text: String) {
        self.story.moments.push(Moment {
            time: event.time,
            process: process.unwrap_or(0),
            text,
        });
    }

    fn take(&mut self, kind: Kind, event: &Event) {
        let trace = self.trace;
        let time = event.time;
        let result = || trace.arg(event, "result").unwrap_or_default() as i64;
        match kind {
            Kind::Switch => {
                let [process] = args(trace, event, ["process"]);
                self.cpu(event).chain.clear();
                self.run(event, process);
            }
            Kind::Idle => {
                self.cpu(event).chain.clear();
                self.run(event, 0);
            }
            Kind::Call => {
                let [caller, server, method] = args(trace, event, ["caller", "server", "method"]);
                let place = self.begin(event, caller, What::Call { server, method });
                self.open
                    .entry(Key::Call(caller, server))
                    .or_default()
                    .push(place);
                let cpu = self.cpu(event);
                cpu.chain.push((caller, server, method));
                cpu.calling = Some((place, caller, method));
                self.run(event, server);
            }
            Kind::Ret => {
                let [caller, server] = args(trace, event, ["caller", "server"]);
                self.finish(&Key::Call(caller, server), time, result());
                let chain = &mut self.cpu(event).chain;
                if chain
                    .last()
                    .is_some_and(|last| (last.0, last.1) == (caller, server))
                {
                    chain.pop();
                }
                self.run(event, caller);
            }
            Kind::PageFault => {
                let [process, address] = args(trace, event, ["process", "address"]);
                let method = u64::from(k42_abi::message::kernel_method::PAGE_FAULT);
                // One that is tried again is one fault.
                let open = self
                    .open
                    .get(&Key::Fault(process))
                    .and_then(|open| open.last());
                let same = |place: &&usize| matches!(self.story.spans[**place].what, What::Fault { address: a, .. } if a == address);
                let place = match open.filter(same) {
                    Some(&place) => place,
                    None => {
                        let place = self.begin(
                            event,
                            process,
                            What::Fault {
                                address,
                                object: 0,
                                region: 0,
                            },
                        );
                        self.open
                            .entry(Key::Fault(process))
                            .or_default()
                            .push(place);
                        place
                    }
                };
                let cpu = self.cpu(event);
                cpu.chain.push((process, MEMORY, method));
                cpu.calling = Some((place, 0, method));
                self.run(event, MEMORY);
            }
            Kind::FaultOn => {
                let [process, found, at] = args(trace, event, ["process", "object", "region"]);
                let open = self
                    .open
                    .get(&Key::Fault(process))
                    .and_then(|open| open.last());
                if let Some(&place) = open
                    && let What::Fault { object, region, .. } = &mut self.story.spans[place].what
                {
                    (*object, *region) = (found, at);
                }
            }
            Kind::FaultDone => {
                let [process] = args(trace, event, ["process"]);
                self.finish(&Key::Fault(process), time, result());
                let chain = &mut self.cpu(event).chain;
                if chain.last().is_some_and(|last| last.0 == process) {
                    chain.pop();
                }
                self.run(event, process);
            }
            Kind::Serve => {
                let [caller, method] = args(trace, event, ["caller", "method"]);
                let server = self.cpu(event).current;
                let place = self.begin(event, server, What::Serve { caller, method });
                let key = Key::Serve(event.cpu, caller, method);
                self.open.entry(key).or_default().push(place);
                let calling = self.cpu(event).calling.take();
                if let Some((call, from, wanted)) = calling
                    && (from, wanted) == (caller, method)
                {
                    self.story.arrows.push((call, place));
                }
            }
            Kind::Served => {
                let [caller, method] = args(trace, event, ["caller", "method"]);
                self.finish(&Key::Serve(event.cpu, caller, method), time, result());
            }
            Kind::Enter => {
                let [tid, number] = args(trace, event, ["tid", "number"]);
                // A call that has not returned never will: it was `exit`, or a handler's frame took its place.
                self.finish(&Key::Linux(tid), time, 0);
                let process = self.story.names.of_thread(tid);
                let process = process.unwrap_or(self.cpu(event).current);
                self.cpu(event).threads.insert(process, tid);
                let place = self.begin(event, process, What::Linux { number });
                self.open.entry(Key::Linux(tid)).or_default().push(place);
            }
            Kind::Exit => {
                let [tid] = args(trace, event, ["tid"]);
                if let Some(place) = self.finish(&Key::Linux(tid), time, result()) {
                    let process = self.story.spans[place].process;
                    self.cpu(event).threads.insert(process, tid);
                    if let Some(name) = self.marking.remove(&tid) {
                        self.begin_marked(event, process, tid, name);
                    }
                }
            }
            Kind::Wait => {
                let [process, lock] = args(trace, event, ["process", "lock"]);
                let place = self.begin(event, process, What::Lock { lock });
                self.open
                    .entry(Key::Lock(process, lock))
                    .or_default()
                    .push(place);
            }
            Kind::Acquired => {
                let [process, lock] = args(trace, event, ["process", "lock"]);
                self.finish(&Key::Lock(process, lock), time, 0);
            }
            Kind::Sample => self.sample(event),
            Kind::ObjectName => {
                let [object, first, second] = args(trace, event, ["object", "name", "name2"]);
                self.story
                    .objects
                    .insert(object, super::names::text(first, second));
            }
            Kind::Fork => {
                let [pid, child] = args(trace, event, ["pid", "child"]);
                let process = self.story.names.of_pid(pid);
                self.moment(event, process, format!("fork {child}"));
            }
            Kind::Exec => {
                let [pid, first, second] = args(trace, event, ["pid", "name", "name2"]);
                let name = super::names::text(first, second);
                let process = self.story.names.of_pid(pid);
                self.moment(event, process, format!("exec {name}"));
            }
            Kind::Died => {
                let [pid, status] = args(trace, event, ["pid", "status"]);
                let process = self.story.names.of_pid(pid);
                self.finish(&Key::Linux(pid), time, 0);
                self.moment(event, process, format!("exit {status:#x}"));
            }
            Kind::Signal => {
                let [pid, signal] = args(trace, event, ["pid", "signal"]);
                let process = self.story.names.of_pid(pid);
                self.moment(event, process, format!("signal {signal}"));
            }
            Kind::Mark => {
                let [mark, value] = args(trace, event, ["mark", "value"]);
                let current = self.cpu(event).current;
                self.moment(event, Some(current), format!("mark {mark}: {value}"));
            }
            Kind::Marker => {
                let [tid, place, bytes, first, second] =
                    args(trace, event, ["tid", "piece", "bytes", "text", "text2"]);
                if let Some(text) = self.pieces.take(tid, place, bytes, [first, second]) {
                    self.marked(event, tid, &text);
                }
            }
        }
    }

    /// A thread has said something.
    fn marked(&mut self, event: &Event, tid: u64, text: &str) {
        let process = self.story.names.of_thread(tid);
        let process = process.unwrap_or(self.cpu(event).current);
        // An interval lies between the calls that mark its ends, and not half in them.
        let called = self.call_of(tid).map(|call| call.start);
        match marker::meaning(text) {
            Meaning::Begin(name) => {
                self.story.texts.push(name.into());
                let name = self.story.texts.len() - 1;
                if called.is_some() {
                    self.marking.insert(tid, name);
                } else {
                    self.begin_marked(event, process, tid, name);
                }
            }
            Meaning::End => {
                self.finish(&Key::Marked(tid), called.unwrap_or(event.time), 0);
            }
            Meaning::Counter(name, value) => self.story.counters.push(Counter {
                time: event.time,
                process,
                name: name.into(),
                value,
            }),
            Meaning::Text(text) => self.moment(event, Some(process), text.into()),
        }
    }

    fn begin_marked(&mut self, event: &Event, process: Process, tid: u64, name: usize) {
        self.cpu(event).threads.insert(process, tid);
        let place = self.begin(event, process, What::Marked { name });
        self.open.entry(Key::Marked(tid)).or_default().push(place);
    }

    /// The Linux call that a thread is in.
    fn call_of(&self, tid: u64) -> Option<&Span> {
        let place = *self.open.get(&Key::Linux(tid))?.last()?;
        Some(&self.story.spans[place])
    }

    /// A sample on a CPU of `process` on the time of `base`, with what the events before it say.
    fn sampled(&self, cpu: u32, time: u64, process: Process, base: Process, pc: u64) -> Sample {
        let known = &self.cpus[cpu as usize];
        let call = known.threads.get(&base).and_then(|&tid| self.call_of(tid));
        // The chain belongs to the sample if it leads from the one to the other.
        let fits = known.chain.first().is_some_and(|first| first.0 == base)
            && known.chain.last().is_some_and(|last| last.1 == process);
        let chain = if fits { known.chain.as_slice() } else { &[] };
        Sample {
            time,
            cpu,
            process,
            base,
            linux: call.and_then(|call| match call.what {
                What::Linux { number } => Some(number),
                _ => None,
            }),
            chain: chain.iter().map(|&(_, s, method)| (s, method)).collect(),
            pc,
            late: 0,
            kernel: None,
            above: Vec::new(),
        }
    }

    /// A sample of the kernel's.
    fn sample(&mut self, event: &Event) {
        let [process, base, pc, late] = args(self.trace, event, ["process", "base", "pc", "late"]);
        let logged = self.cpus[event.cpu as usize].kernel;
        let sample = Sample {
            late,
            kernel: logged
                .filter(|(time, _)| event.time - time <= late)
                .map(|(_, id)| id),
            ..self.sampled(event.cpu, event.time, process, base, pc)
        };
        self.story.samples.push(sample);
    }

    /// A sample from outside: whose it is follows from the events before it.
    fn look(&mut self, stack: &Stack) {
        let (Some(cpu), Some((&pc, above))) = (
            self.cpus.get(stack.cpu as usize),
            stack.addresses.split_first(),
        ) else {
            return;
        };
        let process = cpu.current;
        let called = cpu.chain.last().is_some_and(|last| last.1 == process);
        let caller = cpu.chain.first().filter(|_| called);
        let base = caller.map_or(process, |first| first.0);
        let look = Sample {
            above: above.to_vec(),
            ..self.sampled(stack.cpu, stack.time, process, base, pc)
        };
        self.story.looks.push(look);
    }
}
