//! Looks at the machine's CPUs from outside, many times a second.
//!
//! The machine stands still meanwhile, its clock too, so that it does not notice; and it can be looked at anywhere, also
//! in the kernel, which takes no interrupts. QEMU's monitor tells the registers and where a program's page is; the rest
//! is read from the machine's memory, which is a file (see [`super::recorder`]).
//!
//! QEMU stops a CPU between two blocks of code, so that is where it is seen. A CPU in a hypercall that waits for QEMU's
//! main loop never stops, while the main loop waits for it; of those that a guest can make H_RANDOM is such a one, and
//! K42 takes its random numbers from the CPU.

use crate::monitor::Monitor;
use anyhow::{Context, Result};
use k42_abi::layout::{KERNEL_WINDOW, PAGE_SIZE};
use k42_trace::decode::Stack;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most return addresses that are read.
const DEEPEST: usize = 64;
/// A frame that is longer than this is none.
const LONGEST_FRAME: u64 = 1 << 20;
/// Where a frame keeps the address to return to (ELFv2 ABI, "The Stack Frame").
const SAVED_LR: u64 = 16;
const PAGE: u64 = PAGE_SIZE as u64;
/// MSR[LE].
const LITTLE_ENDIAN: u64 = 1;

/// A thread that looks.
pub struct Sampler {
    thread: JoinHandle<Result<()>>,
    stop: Sender<()>,
}

impl Sampler {
    /// Begins to look, `hz` times in a second of the machine's own time, and says what it sees. `memory` is the machine's.
    pub fn start(mut monitor: Monitor, memory: File, hz: u32, to: Sender<Stack>) -> Sampler {
        let (stop, stopped) = mpsc::channel();
        let pause = Duration::from_secs(1) / hz.max(1);
        let thread = thread::spawn(move || {
            let mut any = false;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                match look(&mut monitor, &memory) {
                    Ok(stacks) => {
                        any |= !stacks.is_empty();
                        for stack in stacks {
                            // Who writes them down may have ended first.
                            let _ = to.send(stack);
                        }
                    }
                    // So it goes when the machine is off. Only if nothing was ever seen it is worth telling.
                    Err(_) if any => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
        Sampler { thread, stop }
    }

    /// Ends it. What went wrong, if it never saw anything.
    pub fn finish(self) -> Result<()> {
        drop(self.stop);
        match self.thread.join() {
            Ok(result) => result.context("no CPU could be looked at"),
            Err(_) => anyhow::bail!("the thread that looked at the CPUs has panicked"),
        }
    }
}

/// Stops the machine, looks at its CPUs, and lets it go on.
fn look(monitor: &mut Monitor, memory: &File) -> Result<Vec<Stack>> {
    monitor.ask("stop")?;
    let seen = stacks(monitor, memory);
    monitor.ask("cont")?;
    seen
}

fn stacks(monitor: &mut Monitor, memory: &File) -> Result<Vec<Stack>> {
    let cpus = Registers::parse(&monitor.ask("info registers -a")?);
    let mut stacks = Vec::new();
    for cpu in cpus {
        let mut pages = Pages {
            monitor,
            memory,
            cpu: &cpu,
            known: HashMap::new(),
        };
        let returns = walk(cpu.stack, |address| pages.word(address));
        stacks.push(Stack {
            time: cpu.time,
            cpu: cpu.number,
            addresses: [cpu.next, cpu.link].into_iter().chain(returns).collect(),
        });
    }
    Ok(stacks)
}

/// What is wanted of a CPU's registers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Registers {
    number: u32,
    next: u64,
    link: u64,
    msr: u64,
    time: u64,
    stack: u64,
}

impl Registers {
    /// Reads what `info registers -a` tells, CPU by CPU. One of which something is missing is passed over.
    fn parse(text: &str) -> Vec<Registers> {
        let cpus = text.split("\nCPU#").skip(1);
        cpus.filter_map(Registers::of).collect()
    }

    fn of(text: &str) -> Option<Registers> {
        let mut lines = text.lines();
        let number = lines.next()?.trim().parse().ok()?;
        let mut cpu = Registers {
            number,
            next: 0,
            link: 0,
            msr: 0,
            time: 0,
            stack: 0,
        };
        let mut seen = 0;
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let hex = |word: &str| u64::from_str_radix(word, 16).ok();
            match words.as_slice() {
                ["NIP", next, "LR", link, ..] => (cpu.next, cpu.link) = (hex(next)?, hex(link)?),
                ["MSR", msr, ..] => cpu.msr = hex(msr)?,
                ["TB", high, low, ..] => {
                    // In decimal, the upper and the lower half.
                    cpu.time = high.parse::<u64>().ok()? << 32 | low.parse::<u64>().ok()?;
                }
                ["GPR00", _, stack, ..] => cpu.stack = hex(stack)?,
                _ => continue,
            }
            seen += 1;
        }
        (seen == 4).then_some(cpu)
    }
}

/// Memory as a CPU sees it at the moment.
struct Pages<'a> {
    monitor: &'a mut Monitor,
    memory: &'a File,
    cpu: &'a Registers,
    /// Pages of programs that have been asked for, and where they are.
    known: HashMap<u64, Option<u64>>,
}

impl Pages<'_> {
    fn word(&mut self, address: u64) -> Option<u64> {
        let place = match address {
            // The kernel's addresses tell their place in memory.
            KERNEL_WINDOW.. => address - KERNEL_WINDOW,
            _ => self.page(address & !(PAGE - 1))? + address % PAGE,
        };
        let mut bytes = [0; 8];
        self.memory.read_exact_at(&mut bytes, place).ok()?;
        Some(if self.cpu.msr & LITTLE_ENDIAN != 0 {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_be_bytes(bytes)
        })
    }

    fn page(&mut self, address: u64) -> Option<u64> {
        if self.known.is_empty() {
            self.monitor.ask(&format!("cpu {}", self.cpu.number)).ok()?;
        }
        if let Some(place) = self.known.get(&address) {
            return *place;
        }
        let answer = self.monitor.ask(&format!("gva2gpa {address:#x}")).ok()?;
        let place = answer.trim().strip_prefix("gpa: 0x");
        let place = place.and_then(|hex| u64::from_str_radix(hex, 16).ok());
        self.known.insert(address, place);
        place
    }
}

/// The return addresses on a stack, innermost first. `word` reads memory, in which anything may stand.
fn walk(stack: u64, mut word: impl FnMut(u64) -> Option<u64>) -> Vec<u64> {
    let mut returns = Vec::new();
    let mut frame = stack;
    while returns.len() < DEEPEST {
        let Some(caller) = word(frame).filter(|&caller| {
            caller > frame && caller - frame <= LONGEST_FRAME && caller.is_multiple_of(8)
        }) else {
            break;
        };
        let Some(address) = caller.checked_add(SAVED_LR).and_then(&mut word) else {
            break;
        };
        returns.push(address);
        frame = caller;
    }
    returns
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\r\nCPU#0\r\n\
        NIP c0000000004266e0   LR c00000000040df68 CTR c00000000040c290 XER 0000000000000000 CPU#0\r\n\
        MSR 8000000000009031 HID0 0000000000000000  HF 2400003d iidx 1 didx 1\r\n\
        TB 00000001 1774030364 DECR 503151851\r\n\
        GPR00 c00000000040e564 c0000000006692f0 c00000000044cc50 0000000000000000\r\n\
        GPR04 0000000000000000 0000000000000000 0000000000000000 0000000000000000\r\n\
        \r\nCPU#1\r\n\
        NIP 0000000010001000   LR 0000000010002000 CTR 0 XER 0 CPU#1\r\n\
        MSR 8000000000009030\r\n\
        TB 0 7 DECR 1\r\n\
        GPR00 0 1 2 3\r\n\
        \r\nCPU#2\r\nNIP 0 LR nonsense\r\n";

    #[test]
    fn reads_registers() {
        let cpus = Registers::parse(&TEXT.replace('\r', ""));
        assert_eq!(cpus, Registers::parse(TEXT));
        let first = Registers {
            number: 0,
            next: 0xc000_0000_0042_66e0,
            link: 0xc000_0000_0040_df68,
            msr: 0x8000_0000_0000_9031,
            time: (1 << 32) + 1_774_030_364,
            stack: 0xc000_0000_0066_92f0,
        };
        // Of the third something is missing.
        assert_eq!(cpus.len(), 2);
        assert_eq!(cpus[0], first);
        assert_eq!((cpus[1].number, cpus[1].time, cpus[1].stack), (1, 7, 1));
        assert!(Registers::parse("").is_empty());
    }

    #[test]
    fn walks_frames() {
        let memory = HashMap::from([
            (0x100, 0x140),
            (0x150, 11),
            (0x140, 0x200),
            (0x210, 22),
            (0x200, 0),
        ]);
        assert_eq!(walk(0x100, |at| memory.get(&at).copied()), [11, 22]);
    }

    #[test]
    fn is_not_led_astray() {
        // Nothing there; a frame that leads to itself, back, far away, between words, or past the end of all addresses.
        assert!(walk(0x100, |_| None).is_empty());
        for caller in [0x100, 0x80, 0x100 + LONGEST_FRAME + 8, 0x104, u64::MAX] {
            assert!(walk(0x100, |_| Some(caller)).is_empty(), "{caller:#x}");
        }
        assert!(walk(u64::MAX - 23, |_| Some(u64::MAX - 7)).is_empty());
        // One that never ends.
        assert_eq!(walk(0, |at| Some(at + 32)).len(), DEEPEST);
    }
}
