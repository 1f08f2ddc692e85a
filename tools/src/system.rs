//! K42 as a machine that takes files and a command, for the guest tests and the benchmark:
//! built once, booted as often as asked.

use crate::archive::{self, Init};
use crate::build::{self, Built};
use crate::cli::{Firmware, RootOptions};
use crate::console::Input;
use crate::guest::{self, Seen};
use crate::machine::Reason;
use crate::progress::Progress;
use crate::qemu::Machine;
use crate::repo::{Order, Repo};
use crate::root::{self, Tree};
use crate::run;
use crate::symbols::Symbols;
use anyhow::{Result, bail};
use k42_tests::archive::Tree as Files;
use k42_tests::machine::Clock;
use std::path::PathBuf;
use std::time::Duration;

/// The package of the program that tries the system in the memory server's place.
pub const SELFTEST: &str = "k42-selftest";

/// Boots the self-test program. `plugin`: QEMU's argument for one.
pub fn selftest(
    repo: &Repo,
    order: Order,
    cpus: u32,
    icount: bool,
    command_line: &str,
    plugin: Option<String>,
) -> Result<(Built, Seen)> {
    let machine = Alone {
        order,
        cpus,
        icount,
        command_line,
        plugin,
        trace: None,
        fails: false,
    };
    machine.boot(repo)
}

/// A machine with a kernel and the self-test program, which takes the memory server's place.
pub struct Alone<'a> {
    /// Byte order.
    pub order: Order,
    /// Number of CPUs.
    pub cpus: u32,
    /// Count instructions.
    pub icount: bool,
    /// The kernel's command line.
    pub command_line: &'a str,
    /// QEMU's argument for a plugin.
    pub plugin: Option<String>,
    /// Where to save what is traced.
    pub trace: Option<PathBuf>,
    /// Whether the program fails at its end.
    pub fails: bool,
}

impl Alone<'_> {
    /// Builds, boots and waits for the end.
    pub fn boot(self, repo: &Repo) -> Result<(Built, Seen)> {
        let kernel = build::kernel(repo, self.order)?;
        let program = build::program(repo, SELFTEST, self.order)?;
        let built = Built {
            kernel: Some(kernel.clone()),
            programs: vec![(build::PROGRAMS[0].1, program)],
        };
        let folder = tempfile::tempdir()?;
        let boot_archive = folder.path().join("boot.tar");
        let init = Init {
            exec: self.fails.then(String::new),
            env: Vec::new(),
            size: (24, 80),
        };
        archive::write(&boot_archive, &built, &init, &Tree::default())?;
        let machine = Machine {
            kernel,
            archive: Some(boot_archive),
            command_line: self.command_line.into(),
            cpus: self.cpus,
            memory: 512,
            icount: self.icount,
            gdb: false,
            firmware: Firmware::Vof,
            plugin: self.plugin,
        };
        let symbols = Some(Symbols::new(repo, &built));
        let seen = guest::observe(&machine, Input::None, ALONE_LIMIT, symbols, self.trace)?;
        Ok((built, seen))
    }
}

/// The self-test takes some seconds.
const ALONE_LIMIT: Duration = Duration::from_secs(120);

/// K42 with a root of Debian's busybox, ready to boot.
pub struct K42 {
    repo: Repo,
    built: Built,
    kernel: PathBuf,
    root: Tree,
    cpus: u32,
    clock: Clock,
    plugin: Option<String>,
}

impl K42 {
    /// Builds everything.
    pub fn prepare(repo: &Repo, progress: Progress) -> Result<Self> {
        let built = build::build(repo, Order::Little, progress)?;
        let kernel = run::kernel(&built)?;
        let options = RootOptions {
            packages: vec!["busybox-static".into()],
            root: None,
            add: Vec::new(),
        };
        Ok(K42 {
            repo: repo.clone(),
            kernel,
            root: root::prepare(repo, &options, progress)?,
            built,
            cpus: 1,
            clock: Clock::default(),
            plugin: None,
        })
    }

    /// The same on a machine with that many CPUs.
    pub fn with_cpus(self, cpus: u32) -> Self {
        K42 { cpus, ..self }
    }

    /// The same with its clock going by `clock`.
    pub fn with_clock(self, clock: Clock) -> Self {
        K42 { clock, ..self }
    }

    /// The same under a plugin of QEMU, given as in QEMU's own option.
    pub fn with_plugin(self, plugin: String) -> Self {
        K42 {
            plugin: Some(plugin),
            ..self
        }
    }

    /// What was built.
    pub fn built(&self) -> &Built {
        &self.built
    }

    /// Boots with `files` added to the root, runs `command` with the shell and waits for
    /// the end.
    pub fn exec(&self, files: &Files, command: &str, limit: Duration) -> Result<Seen> {
        let mut root = self.root.clone();
        root.merge(Tree::from_tar(&files.to_tar()?)?);
        let init = Init {
            exec: Some(command.into()),
            env: Vec::new(),
            size: (24, 80),
        };
        self.boot(&root, &init, Input::None, limit)
    }

    /// Boots to the interactive shell with `env` in its environment, and ends its input at once.
    pub fn interactive(&self, env: &[&str], limit: Duration) -> Result<Seen> {
        let init = Init {
            exec: None,
            env: env.iter().map(ToString::to_string).collect(),
            size: (24, 80),
        };
        self.boot(&self.root, &init, Input::Bytes(Vec::new()), limit)
    }

    fn boot(&self, root: &Tree, init: &Init, input: Input, limit: Duration) -> Result<Seen> {
        let scratch = tempfile::Builder::new().prefix("k42-boot-").tempdir()?;
        let boot_archive = scratch.path().join("boot.tar");
        archive::write(&boot_archive, &self.built, init, root)?;
        let machine = Machine {
            kernel: self.kernel.clone(),
            archive: Some(boot_archive),
            command_line: String::new(),
            cpus: self.cpus,
            memory: 2048,
            icount: self.clock == Clock::Instructions,
            gdb: false,
            firmware: Firmware::Vof,
            plugin: self.plugin.clone(),
        };
        guest::observe(
            &machine,
            input,
            limit,
            Some(Symbols::new(&self.repo, &self.built)),
            None,
        )
    }
}

impl k42_tests::machine::Machine for K42 {
    fn name(&self) -> &'static str {
        "k42"
    }

    fn run(&self, extra: &Files, command: &str, limit: Duration) -> Result<String> {
        let seen = self.exec(extra, command, limit)?;
        let mut console = seen.console.clone();
        match (&seen.end.reason, seen.end.status) {
            (Reason::PowerOff, Some(_)) => {}
            (Reason::Signal(signal), _) => bail!("ended by signal {signal}"),
            // The caller reads how far it came; the log says why no further.
            _ => console.push_str(&format!("\n{}", seen.tail())),
        }
        Ok(console)
    }
}
