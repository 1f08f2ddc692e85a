//! Which events and intervals are wanted.

use super::names::Process;
use super::story::{Span, Story};
use crate::cli::TraceOptions;
use anyhow::{Result, bail};
use k42_trace::decode::{Event, Trace};

/// As the options say, in the words of the trace's own table.
#[derive(Default)]
pub struct Filter {
    classes: Option<Vec<u8>>,
    events: Option<Vec<(u8, u8)>>,
    cpu: Option<u32>,
    processes: Option<Vec<Process>>,
    from: Option<u64>,
    to: Option<u64>,
    /// Lines must contain it.
    pub text: Option<String>,
}

impl Filter {
    /// Understands the options. An unknown name is an error, which says what there is.
    pub fn new(trace: &Trace, story: &Story, options: &TraceOptions) -> Result<Filter> {
        let clock = |seconds: f64| {
            let ticks = (seconds * trace.clock_hz as f64) as u64;
            trace.boot_clock.saturating_add(ticks)
        };
        let classes = options.class.as_deref().map(|list| classes(trace, list));
        let events = options.event.as_deref().map(|list| events(trace, list));
        let processes = options
            .process
            .as_deref()
            .map(|list| processes(story, list));
        Ok(Filter {
            classes: classes.transpose()?,
            events: events.transpose()?,
            cpu: options.cpu,
            processes: processes.transpose()?,
            from: options.from.map(clock),
            to: options.to.map(clock),
            text: options.filter.clone(),
        })
    }

    /// Nothing is filtered out, so gaps are shown too.
    pub fn wants_all(&self) -> bool {
        let selects = self.classes.is_some() || self.events.is_some() || self.text.is_some();
        !selects && self.processes.is_none() && self.cpu.is_none() && self.wants_always()
    }

    fn wants_always(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Whether a place in time and space is wanted.
    pub fn wants_moment(&self, time: u64, cpu: Option<u32>, process: Process) -> bool {
        self.from.is_none_or(|from| time >= from)
            && self.to.is_none_or(|to| time <= to)
            && (self.cpu.is_none() || cpu.is_none() || self.cpu == cpu)
            && self.wants_process(process)
    }

    /// Whether a process is wanted.
    pub fn wants_process(&self, process: Process) -> bool {
        let wanted = self.processes.as_ref();
        wanted.is_none_or(|wanted| wanted.contains(&process))
    }

    /// Whether an interval is wanted.
    pub fn wants_span(&self, span: &Span) -> bool {
        self.wants_moment(span.start, Some(span.cpu), span.process)
    }

    /// Whether an event is wanted; `whose` had the CPU. An event about a process is wanted with it, too.
    pub fn wants(&self, trace: &Trace, story: &Story, event: &Event, whose: Process) -> bool {
        let id = (event.class, event.event);
        let of_class = self
            .classes
            .as_ref()
            .is_none_or(|classes| classes.contains(&event.class));
        let of_kind = self
            .events
            .as_ref()
            .is_none_or(|events| events.contains(&id));
        of_class
            && of_kind
            && (self.wants_moment(event.time, Some(event.cpu), whose)
                || self.wants_about(trace, story, event))
    }

    fn wants_about(&self, trace: &Trace, story: &Story, event: &Event) -> bool {
        let Some(wanted) = &self.processes else {
            return false;
        };
        let about = |name: &str| trace.arg(event, name);
        let processes = ["process", "caller", "server", "from"]
            .into_iter()
            .filter_map(about);
        let pids = ["pid", "tid", "child"].into_iter().filter_map(about);
        let mut all = processes.chain(pids.filter_map(|pid| story.names.of_thread(pid)));
        let is_about = all.any(|process| wanted.contains(&process));
        let unfiltered = Filter {
            processes: None,
            classes: None,
            events: None,
            text: None,
            ..*self
        };
        is_about && unfiltered.wants_moment(event.time, Some(event.cpu), 0)
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// The numbers of a list of classes.
fn classes(trace: &Trace, list: &str) -> Result<Vec<u8>> {
    let known = trace.table.classes();
    let mut numbers = Vec::new();
    for name in words(list) {
        match known.iter().find(|class| class.name == name) {
            Some(class) => numbers.push(class.number),
            None => {
                let names: Vec<&str> = known.iter().map(|class| class.name.as_str()).collect();
                bail!("no class '{name}'; there are {}", names.join(", "));
            }
        }
    }
    Ok(numbers)
}

/// The numbers of a list of events such as `ipc.call,linux.enter`.
fn events(trace: &Trace, list: &str) -> Result<Vec<(u8, u8)>> {
    let find = |name: &str| {
        let (class, event) = name.split_once('.')?;
        trace.table.find(class, event)
    };
    words(list)
        .map(|name| match find(name) {
            Some(id) => Ok(id),
            None => bail!("no event '{name}'; events are called CLASS.NAME"),
        })
        .collect()
}

/// The processes of a list of pids, programs and servers.
fn processes(story: &Story, list: &str) -> Result<Vec<Process>> {
    let mut all: Vec<Process> = story.spans.iter().map(|span| span.process).collect();
    all.extend(&story.whose);
    all.sort_unstable();
    all.dedup();
    let mut wanted = Vec::new();
    for name in words(list) {
        let before = wanted.len();
        let pid = name.parse().ok();
        let named = |process: &&Process| {
            story.names.of(**process) == name || pid.is_some() && story.names.pid(**process) == pid
        };
        wanted.extend(all.iter().filter(named));
        if wanted.len() == before {
            bail!("no process '{name}'; a process is a pid, or the name of a program or server");
        }
    }
    Ok(wanted)
}
