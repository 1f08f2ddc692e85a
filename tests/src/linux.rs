//! The oracle: Debian's own ppc64el kernel and programs, booted on the same
//! emulated machine as K42.
//!
//! The packages are fetched with apt into `build/tests/debian` (a private apt
//! state: nothing of the host is touched and no root rights are needed),
//! unpacked there and never installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::archive::{Node, Tree};
use crate::machine::{self, Clock, Machine};

/// What the oracle's root is made of.
const PACKAGES: [&str; 3] = ["busybox-static", "libc6", "libgcc-s1"];
const KERNEL: &str = "linux-image-powerpc64le";

/// Debian's packages for the guest, unpacked.
pub struct Debian {
    dir: PathBuf,
}

impl Debian {
    /// Fetches and unpacks what is missing.
    pub fn prepare(root: &Path) -> Result<Self> {
        let debian = Self {
            dir: root.join("build/tests/debian"),
        };
        for dir in ["etc", "lists/partial", "cache/archives/partial", "deb"] {
            fs::create_dir_all(debian.dir.join(dir))?;
        }
        if !debian.dir.join("root.done").exists() {
            debian.update()?;
            for package in PACKAGES {
                debian.unpack(package, "root")?;
            }
            fs::write(debian.dir.join("root.done"), "")?;
        }
        Ok(debian)
    }

    /// A root of busybox with links for its applets, like the one that `./k42 run` makes.
    pub fn root(&self) -> Result<Tree> {
        let mut tree = Tree::default();
        let busybox = self.dir.join("root/bin/busybox");
        for dir in [
            "proc", "dev", "sys", "root", "etc", "usr/bin", "usr/sbin", "sbin",
        ] {
            tree.put(dir, Node::Dir(0o755));
        }
        for applet in self.applets()? {
            tree.put(&applet, Node::Link("/bin/busybox".into()));
        }
        tree.file("bin/busybox", 0o755, fs::read(busybox)?);
        tree.put("tmp", Node::Dir(0o1777));
        tree.file(
            "etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        );
        tree.file(
            "etc/group",
            0o644,
            "root:x:0:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n",
        );
        Ok(tree)
    }

    /// The paths of busybox's applets, told by busybox itself under emulation.
    pub fn applets(&self) -> Result<Vec<String>> {
        let mut qemu = Command::new("qemu-ppc64le");
        qemu.arg(self.dir.join("root/bin/busybox"))
            .arg("--list-full");
        let list = qemu
            .output()
            .context("qemu-ppc64le: not found (Debian package qemu-user)")?;
        let text = String::from_utf8_lossy(&list.stdout);
        Ok(text
            .lines()
            .filter(|l| l.contains('/'))
            .map(String::from)
            .collect())
    }

    /// Adds what a dynamically linked program needs.
    pub fn add_libraries(&self, tree: &mut Tree) -> Result<()> {
        const LIB: &str = "lib/powerpc64le-linux-gnu";
        let lib = self.dir.join("root").join(LIB);
        for name in ["ld64.so.2", "libc.so.6", "libm.so.6", "libgcc_s.so.1"] {
            tree.file(&format!("{LIB}/{name}"), 0o755, fs::read(lib.join(name))?);
        }
        tree.put("lib64/ld64.so.2", Node::Link(format!("/{LIB}/ld64.so.2")));
        Ok(())
    }

    /// The kernel: the one in the environment's `K42_LINUX`, or the package's.
    pub fn kernel(&self) -> Result<PathBuf> {
        if let Some(path) = std::env::var_os("K42_LINUX") {
            return Ok(path.into());
        }
        let boot = self.dir.join("kernel/boot");
        if let Some(found) = vmlinux(&boot) {
            return Ok(found);
        }
        self.update()?;
        // The package without a version depends on the one with it.
        let output = self.apt("apt-cache").args(["depends", KERNEL]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let package = text
            .lines()
            .find_map(|l| l.trim().strip_prefix("Depends: "));
        self.unpack(
            package.with_context(|| format!("{KERNEL}: apt knows no such package"))?,
            "kernel",
        )?;
        vmlinux(&boot).with_context(|| format!("no vmlinux in {}", boot.display()))
    }

    /// Fetches a source package's files into `build/tests/debian/source`.
    pub fn source(&self, package: &str) -> Result<PathBuf> {
        let dir = self.dir.join("source");
        fs::create_dir_all(&dir)?;
        self.update()?;
        let mut apt = self.apt("apt-get");
        apt.args(["source", "--download-only", package])
            .current_dir(&dir);
        quietly(&mut apt)?;
        Ok(dir)
    }

    fn update(&self) -> Result<()> {
        let mirror =
            std::env::var("K42_DEBIAN").unwrap_or_else(|_| "http://deb.debian.org/debian".into());
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let sources = format!(
            "deb [arch=ppc64el signed-by={keyring}] {mirror} bookworm main\n\
             deb-src [signed-by={keyring}] {mirror} bookworm main\n"
        );
        let list = self.dir.join("etc/sources.list");
        if list.exists()
            && fs::read_to_string(&list)? == sources
            && self.dir.join("lists.done").exists()
        {
            return Ok(());
        }
        fs::write(&list, sources)?;
        quietly(self.apt("apt-get").arg("update"))?;
        fs::write(self.dir.join("lists.done"), "")?;
        Ok(())
    }

    fn unpack(&self, package: &str, into: &str) -> Result<()> {
        let deb = self.dir.join("deb");
        quietly(
            self.apt("apt-get")
                .args(["download", package])
                .current_dir(&deb),
        )?;
        let prefix = format!("{package}_");
        let file = fs::read_dir(&deb)?
            .flatten()
            .map(|e| e.path())
            .find(|p| {
                p.file_name()
                    .is_some_and(|n| n.to_string_lossy().starts_with(&prefix))
            })
            .with_context(|| format!("{package}: apt downloaded nothing"))?;
        let target = self.dir.join(into);
        quietly(Command::new("dpkg-deb").arg("-x").arg(file).arg(target))
    }

    /// An apt command that sees our own state and no other.
    fn apt(&self, program: &str) -> Command {
        let dir = self.dir.display();
        let mut command = Command::new(program);
        for option in [
            format!("Dir::Etc::sourcelist={dir}/etc/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_string(),
            format!("Dir::State::lists={dir}/lists"),
            format!("Dir::Cache={dir}/cache"),
            "APT::Architecture=ppc64el".to_string(),
            "APT::Architectures=ppc64el".to_string(),
            "APT::Sandbox::User=".to_string(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }
}

fn vmlinux(boot: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(boot).ok()?;
    entries
        .flatten()
        .map(|e| e.path())
        .find(|p| p.to_string_lossy().contains("/vmlinux-"))
}

fn quietly(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Linux as a target of the suite.
pub struct Linux {
    debian: Debian,
    kernel: PathBuf,
    cpus: u32,
    clock: Clock,
    plugin: Option<String>,
    build: PathBuf,
}

impl Linux {
    /// Everything that a boot needs, fetched if it is missing.
    pub fn prepare(root: &Path) -> Result<Self> {
        let debian = Debian::prepare(root)?;
        let kernel = debian.kernel()?;
        Ok(Self {
            debian,
            kernel,
            cpus: 1,
            clock: Clock::default(),
            plugin: None,
            build: root.join("build/tests"),
        })
    }

    /// The same with this many processors.
    pub fn with_cpus(self, cpus: u32) -> Self {
        Self { cpus, ..self }
    }

    /// The same with its clock going by `clock`.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same under a plugin of QEMU, given as in QEMU's own option.
    pub fn with_plugin(self, plugin: String) -> Self {
        Self {
            plugin: Some(plugin),
            ..self
        }
    }
}

/// The first process: mounts, runs the command, powers off.
const INIT: &str = "#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox mkdir -p /dev/pts /dev/shm
busybox mount -t devpts -o ptmxmode=666 pts /dev/pts
busybox mount -t tmpfs -o mode=1777 tmp /tmp
busybox ln -s /proc/self/fd /dev/fd
busybox ln -s /proc/self/fd/0 /dev/stdin
busybox ln -s /proc/self/fd/1 /dev/stdout
busybox ln -s /proc/self/fd/2 /dev/stderr
busybox hostname k42
busybox ip link set lo up
busybox dmesg -n 1
cd /
/bin/busybox sh -c \"$(busybox cat /command)\" </dev/null
echo \"@@@ status $?\"
busybox sync
busybox poweroff -f
";

impl Machine for Linux {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn run(&self, extra: &Tree, command: &str, limit: Duration) -> Result<String> {
        let mut tree = self.debian.root()?;
        tree.file("init", 0o755, INIT);
        tree.file("command", 0o644, command);
        tree.put("dev/console", Node::Char(0o600, 5, 1));
        tree.merge(extra);
        let initrd = self
            .build
            .join(format!("linux-{}.cpio", std::process::id()));
        fs::write(&initrd, tree.to_cpio())?;
        let mut qemu = machine::pseries("2G", self.cpus, self.clock);
        qemu.arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&initrd);
        qemu.args([
            "-append",
            "console=hvc0 quiet loglevel=1 panic=-1 mitigations=off",
        ]);
        if let Some(plugin) = &self.plugin {
            qemu.arg("-plugin").arg(plugin);
        }
        let console = machine::console(&mut qemu, limit);
        let _ = fs::remove_file(&initrd);
        console
    }
}
