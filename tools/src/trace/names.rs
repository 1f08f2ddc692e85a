//! Names for numbers: processes, Linux calls, methods of servers.

use k42_api::files::{FileSystemClient, OpenFileClient};
use k42_api::lifecycle::LifecycleClient;
use k42_api::memory::MemoryClient;
use k42_api::names::NamesClient;
use k42_api::process::ProcessClient;
use k42_trace::decode::{Event, Trace};
use k42_trace::text_bytes;
use std::collections::HashMap;

/// The table of Linux calls, which linux-emu's tests keep true.
const LINUX_CALLS: &str = include_str!("../../../docs/linux-calls.md");

/// A number that K42 gives to processes.
pub type Process = u64;

/// Who is who in a trace.
#[derive(Default)]
pub struct Names {
    /// Server, or Linux program by its pid.
    servers: HashMap<Process, String>,
    programs: HashMap<u64, String>,
    pids: HashMap<Process, u64>,
    processes: HashMap<u64, Process>,
    tids: HashMap<u64, u64>,
    calls: HashMap<u64, &'static str>,
}

impl Names {
    /// Collects what a trace tells.
    pub fn new(trace: &Trace) -> Names {
        let mut names = Names {
            calls: linux_calls().collect(),
            ..Names::default()
        };
        let find = |class, event| trace.table.find(class, event);
        let [name, exec, fork, space, thread] = [
            find("sched", "name"),
            find("process", "exec"),
            find("process", "fork"),
            find("process", "space"),
            find("process", "thread"),
        ];
        for event in &trace.events {
            match Some((event.class, event.event)) {
                id if id == name => {
                    let [process, first, second] = args(trace, event, ["process", "name", "name2"]);
                    names.servers.insert(process, text(first, second));
                }
                id if id == exec => {
                    let [pid, first, second] = args(trace, event, ["pid", "name", "name2"]);
                    names.programs.insert(pid, text(first, second));
                }
                id if id == fork => {
                    let [pid, child] = args(trace, event, ["pid", "child"]);
                    if let Some(program) = names.programs.get(&pid).cloned() {
                        names.programs.entry(child).or_insert(program);
                    }
                }
                id if id == space => {
                    let [pid, process] = args(trace, event, ["pid", "process"]);
                    names.pids.insert(process, pid);
                    names.processes.insert(pid, process);
                }
                id if id == thread => {
                    let [pid, tid] = args(trace, event, ["pid", "tid"]);
                    names.tids.insert(tid, pid);
                }
                _ => {}
            }
        }
        names
    }

    /// A server's name, or a program's.
    pub fn of(&self, process: Process) -> String {
        if let Some(server) = self.servers.get(&process) {
            return server.clone();
        }
        let program = self
            .pids
            .get(&process)
            .and_then(|pid| self.programs.get(pid));
        match program {
            Some(program) => program.clone(),
            None if process == 0 => "kernel".into(),
            None => format!("process {process}"),
        }
    }

    /// The name with the pid, which tells processes of one program apart.
    pub fn label(&self, process: Process) -> String {
        match self.pids.get(&process) {
            Some(pid) => format!("{} ({pid})", self.of(process)),
            None => self.of(process),
        }
    }

    /// Whether this is one of K42's servers.
    pub fn is_server(&self, process: Process) -> bool {
        self.servers.contains_key(&process)
    }

    /// The Linux pid of a process.
    pub fn pid(&self, process: Process) -> Option<u64> {
        self.pids.get(&process).copied()
    }

    /// The process of a Linux thread.
    pub fn of_thread(&self, tid: u64) -> Option<Process> {
        let pid = self.tids.get(&tid).copied().unwrap_or(tid);
        self.processes.get(&pid).copied()
    }

    /// The process of a Linux pid.
    pub fn of_pid(&self, pid: u64) -> Option<Process> {
        self.processes.get(&pid).copied()
    }

    /// A Linux call.
    pub fn call(&self, number: u64) -> String {
        match self.calls.get(&number) {
            Some(name) => (*name).into(),
            None => format!("call {number}"),
        }
    }
}

/// A method by its number in a message.
pub fn method(number: u64) -> String {
    let tables = [
        LifecycleClient::METHODS,
        MemoryClient::METHODS,
        ProcessClient::METHODS,
        NamesClient::METHODS,
        FileSystemClient::METHODS,
        OpenFileClient::METHODS,
    ];
    if number == u64::from(k42_abi::message::kernel_method::PAGE_FAULT) {
        return "page fault".into();
    }
    let mut all = tables.into_iter().flatten();
    match all.find(|(known, _)| u64::from(*known) == number) {
        Some((_, name)) => (*name).into(),
        None => format!("method {number:#x}"),
    }
}

/// Arguments by name; zero for what is not there.
pub fn args<const N: usize>(trace: &Trace, event: &Event, names: [&str; N]) -> [u64; N] {
    names.map(|name| trace.arg(event, name).unwrap_or_default())
}

/// Two words of a text.
pub fn text(first: u64, second: u64) -> String {
    let bytes = text_bytes([first, second]);
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Numbers and names of Linux calls: rows such as "| 3 | `read` | ...".
fn linux_calls() -> impl Iterator<Item = (u64, &'static str)> {
    LINUX_CALLS.lines().filter_map(|line| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let number = cells.next()?.parse().ok()?;
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((number, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers() {
        let names = Names::new(&Trace::default());
        assert_eq!(
            (names.call(3), names.call(120)),
            ("read".into(), "clone".into())
        );
        assert_eq!(names.call(9999), "call 9999");
        assert_eq!(method(0x601), "open");
        assert_eq!(method(0xff00), "page fault");
        assert_eq!(method(0x6ff), "method 0x6ff");
        let [first, second] = k42_trace::text_words(b"busybox-static-name");
        assert_eq!(text(first, second), "busybox-static-n");
    }
}
