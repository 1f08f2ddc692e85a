//! Flame graphs: where samples fell.
//!
//! A stack is, from below: the program on whose time it was, the Linux call that it was in, the servers and methods that
//! it had called, and the functions there, inlined ones too.
//!
//! Samples come from the kernel's clock, or from outside (`--stacks`), which are shown if there are any. Those have the
//! whole stack of functions, also the kernel's. The kernel itself takes no interrupts: of its own samples one that is due
//! while it runs is taken late, at the instruction where it gives the CPU back. Where the clock counts instructions
//! (`--icount`) a late sample is known from one in time, and gets a box `kernel` on top, with the event that the kernel
//! logged last; elsewhere the kernel's time is part of what called it.

use super::filter::Filter;
use super::names::{self, Process};
use super::story::{Sample, Story};
use crate::build::{self, Built};
use crate::repo::{Order, Repo};
use addr2line::Loader;
use anyhow::{Context, Result, ensure};
use inferno::flamegraph::{self, Options};
use k42_abi::layout::{EMU_IMAGE, KERNEL_WINDOW};
use k42_trace::decode::Trace;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

/// Most samples come as soon as they are due, which takes the same number of ticks each time. Those that are later than
/// that by more than these ticks were held up.
const LATE: u64 = 8;

/// A symbol that is farther below an address than this is not of the function there, which has none.
const LONGEST: u64 = 1 << 16;

/// Where interrupts are taken, below the kernel's image (Power ISA 3.0B, III, 7.5: AIL = 3), and how far apart the vectors
/// are at least. The image is linked to the beginning of the window.
const VECTORS: u64 = KERNEL_WINDOW + 0x4000;
const VECTOR_BYTES: u64 = 0x80;

/// How the functions begin at which the kernel enters a program.
const ENTRY: &str = "k42_entry_";

/// Programs with their symbols.
pub struct Programs {
    loaders: HashMap<String, Loader>,
    /// Where the kernel's image was.
    kernel: Option<u64>,
}

impl Programs {
    /// What lies in the build folder for a byte order, and perhaps a Linux program.
    pub fn open(
        repo: &Repo,
        order: Order,
        program: Option<&Path>,
        kernel: Option<u64>,
    ) -> Result<Programs> {
        let Built {
            programs,
            kernel: image,
        } = build::present(repo, order)?;
        let mut loaders = HashMap::new();
        if let Some(loader) = image.and_then(|path| Loader::new(path).ok()) {
            loaders.insert(KERNEL.into(), loader);
        }
        for (name, path) in programs {
            if let Ok(loader) = Loader::new(path) {
                loaders.insert(name.trim_start_matches("servers/").into(), loader);
            }
        }
        if let Some(path) = program {
            let loader = Loader::new(path)
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            loaders.insert(PROGRAM.into(), loader);
        }
        Ok(Programs { loaders, kernel })
    }

    /// The functions of the kernel at an address, outermost first.
    fn kernel_functions(&self, address: u64) -> Vec<String> {
        match self.kernel {
            Some(start) if address >= start => {
                self.functions(KERNEL, address - start + KERNEL_WINDOW)
            }
            Some(_) if address >= VECTORS => {
                let vector = (address - VECTORS) / VECTOR_BYTES * VECTOR_BYTES;
                vec![format!("vector {vector:#x}")]
            }
            _ => Vec::new(),
        }
    }

    /// All functions that a stack goes through, outermost first. `at` gives those at an address.
    fn through(&self, sample: &Sample, at: impl Fn(u64) -> Vec<String>) -> Vec<String> {
        let here = at(sample.pc);
        let Some((&link, returns)) = sample.above.split_first() else {
            return here;
        };
        // At a program's entry the registers are still those of whoever was there before.
        if here.first().is_some_and(|name| name.starts_with(ENTRY)) {
            return here;
        }
        // A return address belongs to the call before it.
        let call = |address: u64| at(address.saturating_sub(4));
        let mut frames: Vec<String> = returns.iter().rev().flat_map(|&r| call(r)).collect();
        // The link register tells the caller of a function that has not put it on the stack. Of others it is on the stack
        // already, or left over from a call that has come back.
        let caller = call(link);
        if returns.first() != Some(&link) && caller.first() != here.first() {
            frames.extend(caller);
        }
        frames.extend(here);
        frames
    }

    /// The functions at an address, outermost first.
    fn functions(&self, image: &str, pc: u64) -> Vec<String> {
        let Some(loader) = self.loaders.get(image) else {
            return Vec::new();
        };
        let mut functions = Vec::new();
        if let Ok(mut frames) = loader.find_frames(pc) {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().and_then(|f| f.demangle().ok());
                // A closure without a name is part of the function that has it.
                functions.extend(
                    name.map(|name| shorter(&name))
                        .filter(|name| !name.starts_with('{')),
                );
            }
        }
        functions.reverse();
        if functions.is_empty() {
            let symbol = loader.find_symbol_info(pc);
            let symbol = symbol.filter(|symbol| pc - symbol.address() < LONGEST);
            let name = symbol.map(|symbol| symbol.name().to_string());
            functions.extend(name.map(|s| shorter(&addr2line::demangle_auto(s.into(), None))));
        }
        functions
    }
}

/// The image of the Linux program that the user named.
const PROGRAM: &str = "program";
/// The kernel's.
const KERNEL: &str = "kernel";
/// The library in each Linux process.
const LIBRARY: &str = "linux-emu";

/// The stacks with the number of samples of each, sorted.
pub fn stacks(
    trace: &Trace,
    story: &Story,
    filter: &Filter,
    programs: &Programs,
) -> BTreeMap<String, u64> {
    let mut stacks = BTreeMap::new();
    let in_time = in_time(trace, story);
    let samples = match story.looks.as_slice() {
        [] => story.samples.as_slice(),
        looks => looks,
    };
    for sample in samples {
        if filter.wants_moment(sample.time, Some(sample.cpu), sample.base) {
            let frames = frames(trace, story, sample, programs, in_time);
            *stacks.entry(frames.join(";")).or_default() += 1;
        }
    }
    stacks
}

/// How late a sample is at most that the kernel has not held up.
fn in_time(trace: &Trace, story: &Story) -> u64 {
    let mut late: Vec<u64> = story.samples.iter().map(|sample| sample.late).collect();
    let middle = late.len() / 2;
    if late.is_empty() || !trace.counted {
        return u64::MAX;
    }
    late.select_nth_unstable(middle).1.saturating_add(LATE)
}

fn frames(
    trace: &Trace,
    story: &Story,
    sample: &Sample,
    programs: &Programs,
    in_time: u64,
) -> Vec<String> {
    let mut frames = vec![match sample.base {
        0 => "idle".into(),
        base => story.names.of(base),
    }];
    frames.extend(sample.linux.map(|number| story.names.call(number)));
    for &(server, method) in &sample.chain {
        frames.push(format!(
            "{}: {}",
            story.names.of(server),
            names::method(method)
        ));
    }
    if sample.chain.is_empty() && sample.process != sample.base {
        frames.push(story.names.of(sample.process));
    }
    let image = image_of(story, sample.process, sample.pc);
    let functions = if image == KERNEL {
        frames.push(KERNEL.into());
        programs.through(sample, |address| programs.kernel_functions(address))
    } else {
        programs.through(sample, |address| {
            let image = image_of(story, sample.process, address);
            programs.functions(&image, address)
        })
    };
    match functions.is_empty() {
        true if image == KERNEL => {}
        true => frames.push(image),
        false => frames.extend(functions),
    }
    if sample.late > in_time {
        let why = sample.kernel.and_then(|(class, event)| {
            let class = trace.table.class(class)?;
            Some(format!(
                "kernel: {}.{}",
                class.name,
                trace.table.event(class.number, event)?.name
            ))
        });
        frames.push(why.unwrap_or_else(|| "kernel".into()));
    }
    // A semicolon would divide a frame in two.
    frames
        .iter_mut()
        .for_each(|frame| *frame = frame.replace(';', ","));
    frames
}

/// Which program holds an address of a process.
fn image_of(story: &Story, process: Process, pc: u64) -> String {
    if pc >= KERNEL_WINDOW {
        KERNEL.into()
    } else if story.names.is_server(process) {
        story.names.of(process)
    } else if pc >= EMU_IMAGE {
        LIBRARY.into()
    } else {
        PROGRAM.into()
    }
}

/// A function's name without the parameters of its types, which can be long, and without its crate's hash.
fn shorter(name: &str) -> String {
    let mut depth = 0;
    let kept = name.chars().filter(|&c| {
        let inside = depth > 0;
        match c {
            '<' => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ => {}
        }
        !inside && c != '<' && c != '>'
    });
    let kept: String = kept.collect();
    let kept = kept.replace("::::", "::");
    let kept = kept.trim_matches(':').to_string();
    if kept.is_empty() { name.into() } else { kept }
}

/// Draws the graph.
pub fn draw(stacks: &BTreeMap<String, u64>, title: &str, out: impl Write) -> Result<()> {
    ensure!(
        !stacks.is_empty(),
        "there are no samples in it: it was saved with neither --stacks nor class exception, or with --sample 0"
    );
    let lines: Vec<String> = stacks
        .iter()
        .map(|(stack, count)| format!("{stack} {count}"))
        .collect();
    let mut options = Options::default();
    options.title = title.into();
    options.count_name = "samples".into();
    options.min_width = 0.2;
    options.image_width = Some(1200);
    options.deterministic = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out)
        .context("the graph could not be drawn")
}
