//! The two observers, and which of them is registered.

use crate::lines::{Access, Directory};
use crate::mark::Mark;
use crate::profile::{Profile, Site};
use crate::qemu::{self, Global, Id, Observer};
use crate::settings::{Mode, Settings};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Reads the arguments, opens the report and registers what was asked for.
pub fn install(id: Id, words: &[String]) -> Result<(), String> {
    let settings = Settings::parse(words.iter().map(String::as_str))?;
    let file = File::create(&settings.out)
        .map_err(|error| format!("cannot write {}: {error}", settings.out))?;
    let report = Mutex::new(file);
    match settings.mode {
        Mode::Profile => {
            let profile = Profile::default();
            if settings.whole {
                profile.begin();
            }
            let _ = PROFILER.set(Profiler { profile, report });
            qemu::register::<Profiler>(id);
        }
        Mode::Lines => {
            let mut directory = Directory::new(settings.ram, settings.top);
            if settings.whole {
                directory.begin();
            }
            let directory = Mutex::new(directory);
            let following = AtomicBool::new(settings.whole);
            let _ = FOLLOWER.set(Follower {
                following,
                directory,
                report,
            });
            qemu::register::<Follower>(id);
        }
    }
    Ok(())
}

static PROFILER: OnceLock<Profiler> = OnceLock::new();
static FOLLOWER: OnceLock<Follower> = OnceLock::new();

struct Profiler {
    profile: Profile,
    report: Mutex<File>,
}

struct Follower {
    /// Whether accesses are of interest yet: most of a run is before that.
    following: AtomicBool,
    directory: Mutex<Directory>,
    report: Mutex<File>,
}

/// Writes a report. Who reads it finds it short if that fails, and says so.
fn write(report: &Mutex<File>, text: Option<String>) {
    let mut file = report.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = text
        && let Err(error) = file.write_all(text.as_bytes())
    {
        eprintln!("k42 plugin: the report cannot be written: {error}");
    }
}

impl Global for Profiler {
    fn global() -> &'static Self {
        PROFILER.get().expect("set before it is registered")
    }
}

impl Observer for Profiler {
    type Block = Site;

    fn wants_accesses(&self) -> bool {
        false
    }

    fn translated(&self, address: u64, code: &[u8]) -> &'static Site {
        self.profile.site(address, code.to_vec())
    }

    fn ran(&self, _: usize, block: &Site) {
        self.profile.ran(block);
    }

    fn marked(&self, _: usize, mark: Mark) {
        match mark {
            Mark::Begin => self.profile.begin(),
            Mark::End => write(&self.report, self.profile.end()),
            Mark::Follow | Mark::Operation => {}
        }
    }

    fn accessed(&self, _: Access) {}

    fn ended(&self) {
        write(&self.report, self.profile.end());
    }
}

impl Global for Follower {
    fn global() -> &'static Self {
        FOLLOWER.get().expect("set before it is registered")
    }
}

impl Follower {
    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Follower {
    /// How many instructions it has.
    type Block = u64;

    fn wants_accesses(&self) -> bool {
        true
    }

    fn translated(&self, _: u64, code: &[u8]) -> &'static u64 {
        // Translations are made anew now and then; what this leaks is a word for each.
        Box::leak(Box::new(code.len() as u64 / 4))
    }

    fn ran(&self, cpu: usize, block: &u64) {
        if self.following.load(Relaxed) {
            self.directory().ran(cpu, *block);
        }
    }

    fn marked(&self, cpu: usize, mark: Mark) {
        self.following.store(true, Relaxed);
        let mut directory = self.directory();
        match mark {
            Mark::Follow => directory.follow(),
            Mark::Begin => directory.begin(),
            Mark::End => write(&self.report, directory.end()),
            Mark::Operation => directory.operation(cpu),
        }
    }

    fn accessed(&self, access: Access) {
        if self.following.load(Relaxed) {
            self.directory().access(access);
        }
    }

    fn ended(&self) {
        write(&self.report, self.directory().end());
    }
}
