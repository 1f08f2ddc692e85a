//! Export to the JSON that Perfetto (ui.perfetto.dev) and Chrome (chrome://tracing) open.
//!
//! There is a track for each CPU, which shows who has it, and there are tracks for each process and each server, which
//! show Linux calls, protected calls, page faults and lock waits. Intervals of one track lie within each other; what
//! overlaps otherwise goes to another track of the same process. An arrow leads from each protected call, and from each
//! page fault, to where it is served.

use super::filter::Filter;
use super::names::{self, Process};
use super::story::{Span, Story, What};
use k42_trace::decode::Trace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// The number of the group of CPU tracks; processes follow.
const CPUS: u64 = 1;

/// What a track belongs to: a group and, within it, a CPU or a thread.
type Owner = (u64, String);

/// An event of the export and its time, by which it is sorted.
struct Line {
    time: u64,
    /// An arrow ends.
    ends: bool,
    value: Value,
}

struct Export<'a> {
    trace: &'a Trace,
    story: &'a Story,
    groups: HashMap<Process, u64>,
    lines: Vec<Line>,
    tracks: u64,
}

/// Writes the export.
pub fn write(
    trace: &Trace,
    story: &Story,
    filter: &Filter,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut export = Export {
        trace,
        story,
        groups: HashMap::new(),
        lines: Vec::new(),
        tracks: 0,
    };
    export.spans(filter);
    for moment in &story.moments {
        if filter.wants_moment(moment.time, None, moment.process) {
            let group = export.group(moment.process);
            export.line(
                moment.time,
                json!({"ph": "i", "s": "p", "name": moment.text, "pid": group, "tid": 0}),
            );
        }
    }
    for counter in &story.counters {
        if filter.wants_moment(counter.time, None, counter.process) {
            let group = export.group(counter.process);
            let args = json!({"value": counter.value});
            export.line(
                counter.time,
                json!({"ph": "C", "name": counter.name, "pid": group, "args": args}),
            );
        }
    }
    // Within a track the order at one time is that in which the lines were made; but no arrow ends before it begins.
    export.lines.sort_by_key(|line| (line.time, line.ends));
    write!(out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    for (place, line) in export.lines.iter().enumerate() {
        let comma = if place == 0 { "\n" } else { ",\n" };
        write!(out, "{comma}{}", line.value)?;
    }
    writeln!(out, "\n]}}")
}

impl Export<'_> {
    fn line(&mut self, time: u64, mut value: Value) {
        value["ts"] = json!(self.trace.seconds(time) * 1e6);
        let ends = value["ph"] == "f";
        self.lines.push(Line { time, ends, value });
    }

    fn describe(&mut self, what: &str, group: u64, track: u64, args: Value) {
        let value = json!({"ph": "M", "name": what, "pid": group, "tid": track, "args": args});
        self.lines.push(Line {
            time: 0,
            ends: false,
            value,
        });
    }

    /// The number of a process's group of tracks.
    fn group(&mut self, process: Process) -> u64 {
        if let Some(&group) = self.groups.get(&process) {
            return group;
        }
        let group = CPUS + 1 + self.groups.len() as u64;
        self.groups.insert(process, group);
        self.describe(
            "process_name",
            group,
            0,
            json!({"name": self.story.names.label(process)}),
        );
        let order = if self.story.names.is_server(process) {
            1
        } else {
            2
        };
        self.describe("process_sort_index", group, 0, json!({"sort_index": order}));
        group
    }

    fn spans(&mut self, filter: &Filter) {
        let story = self.story;
        self.describe("process_name", CPUS, 0, json!({"name": "CPUs"}));
        let mut owners: BTreeMap<Owner, Vec<usize>> = BTreeMap::new();
        for (place, span) in story.spans.iter().enumerate() {
            if !filter.wants_span(span) || span.process == 0 {
                continue;
            }
            let owner = match span.what {
                What::Run => (CPUS, format!("CPU {:3}", span.cpu)),
                _ if span.thread != 0 => {
                    (self.group(span.process), format!("thread {}", span.thread))
                }
                _ => (self.group(span.process), format!("CPU {:3}", span.cpu)),
            };
            owners.entry(owner).or_default().push(place);
        }
        // Where an arrow begins, or ends: its number.
        let starts: HashMap<usize, usize> = numbered(story.arrows.iter().map(|arrow| arrow.0));
        let ends: HashMap<usize, usize> = numbered(story.arrows.iter().map(|arrow| arrow.1));
        let shown = |place: usize| {
            filter.wants_span(&story.spans[place]) && story.spans[place].process != 0
        };
        let whole: Vec<bool> = story
            .arrows
            .iter()
            .map(|&(from, to)| shown(from) && shown(to))
            .collect();
        let arrow = |of: &HashMap<usize, usize>, place| {
            of.get(&place).copied().filter(|&number| whole[number])
        };
        for ((group, name), places) in owners {
            for lane in lanes(story, places) {
                self.tracks += 1;
                let track = self.tracks;
                self.describe("thread_name", group, track, json!({"name": name}));
                self.lane(group, track, &lane, |place| {
                    (arrow(&starts, place), arrow(&ends, place))
                });
            }
        }
    }

    /// Writes the intervals of one track, which lie within each other.
    fn lane(
        &mut self,
        group: u64,
        track: u64,
        lane: &[usize],
        arrows: impl Fn(usize) -> (Option<usize>, Option<usize>),
    ) {
        let story = self.story;
        let end_of = |place: usize| story.spans[place].end.unwrap_or(story.end);
        let mut open: Vec<usize> = Vec::new();
        for &place in lane {
            let span = &story.spans[place];
            while let Some(&last) = open.last()
                && end_of(last) <= span.start
            {
                open.pop();
                self.line(end_of(last), json!({"ph": "E", "pid": group, "tid": track}));
            }
            self.line(span.start, self.beginning(span, group, track));
            let (starts, ends) = arrows(place);
            let flow = json!({"name": "call", "cat": "call", "pid": group, "tid": track});
            for (number, phase) in [(starts, "s"), (ends, "f")] {
                if let Some(number) = number {
                    let mut flow = flow.clone();
                    (flow["ph"], flow["id"]) = (json!(phase), json!(number));
                    if phase == "f" {
                        // It belongs to the interval around it, not to the next.
                        flow["bp"] = json!("e");
                    }
                    self.line(span.start, flow);
                }
            }
            open.push(place);
        }
        while let Some(last) = open.pop() {
            self.line(end_of(last), json!({"ph": "E", "pid": group, "tid": track}));
        }
    }

    fn beginning(&self, span: &Span, group: u64, track: u64) -> Value {
        let names = &self.story.names;
        let (class, name, mut args) = match span.what {
            What::Run => ("run", names.label(span.process), json!({})),
            What::Linux { number } => ("linux", names.call(number), json!({"result": span.result})),
            What::Call { server, method } => {
                let name = format!("{} {}", names.of(server), names::method(method));
                ("call", name, json!({"result": span.result}))
            }
            What::Serve { caller, method } => {
                let args = json!({"caller": names.label(caller), "result": span.result});
                ("serve", names::method(method), args)
            }
            What::Fault {
                address, object, ..
            } => {
                let object = self.story.objects.get(&object).cloned();
                let args = json!({"address": format!("{address:#x}"), "object": object});
                ("fault", "page fault".into(), args)
            }
            What::Marked { name } => ("app", self.story.texts[name].clone(), json!({})),
            What::Lock { lock } => ("lock", "lock".into(), json!({"lock": format!("{lock:#x}")})),
        };
        if span.end.is_none() {
            args["unfinished"] = json!(true);
        }
        json!({"ph": "B", "cat": class, "name": name, "pid": group, "tid": track, "args": args})
    }
}

fn numbered(places: impl Iterator<Item = usize>) -> HashMap<usize, usize> {
    places
        .enumerate()
        .map(|(number, place)| (place, number))
        .collect()
}

/// Distributes intervals over as few tracks as are needed for those of each track to lie within each other.
fn lanes(story: &Story, mut places: Vec<usize>) -> Vec<Vec<usize>> {
    let end_of = |place: usize| story.spans[place].end.unwrap_or(story.end);
    let key = |&place: &usize| (story.spans[place].start, u64::MAX - end_of(place), place);
    places.sort_by_key(key);
    let mut lanes: Vec<(Vec<usize>, Vec<u64>)> = Vec::new();
    for place in places {
        let (start, end) = (story.spans[place].start, end_of(place));
        let fitting = lanes.iter_mut().find_map(|(lane, ends)| {
            while ends.last().is_some_and(|&end| end <= start) {
                ends.pop();
            }
            ends.last()
                .is_none_or(|&around| end <= around)
                .then_some((lane, ends))
        });
        match fitting {
            Some((lane, ends)) => {
                lane.push(place);
                ends.push(end);
            }
            None => lanes.push((vec![place], vec![end])),
        }
    }
    lanes.into_iter().map(|(lane, _)| lane).collect()
}
