//! QEMU's command line: the one place that knows it.
//!
//! The machine is `pseries` with a POWER9. The `cap-…=broken` settings say that the
//! hardware has no mitigation to offer, so that neither K42 nor a Linux beside it pays for
//! one. There are four virtual terminals, told apart by the number that the guest gives
//! to the hypervisor:
//!
//! | number | carries |
//! |---|---|
//! | 0x71000000 | the console |
//! | 0x71000001 | the log of kernel and servers |
//! | 0x71000002 | standard error of the command of `--exec` |
//! | 0x71000003 | lines for the host: `exit N`, `trace ADDRESS LENGTH KERNEL`, `counts JSON`, `panic` |
//!
//! Each is a socket on which this program listens before QEMU starts, so nothing that
//! the guest writes is lost. When the guest powers off, QEMU stops
//! until it is told over QMP to end.

use crate::cli::Firmware;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names of the terminals' sockets; QEMU numbers them in the order of its command line.
pub const TERMINALS: [&str; 4] = ["console", "log", "errors", "control"];

/// Name of the QMP socket.
pub const QMP: &str = "qmp";

/// Name of the socket of the monitor that a machine has whose CPUs are looked at while it runs.
pub const SAMPLER: &str = "sampler";

/// The machine to start.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Kernel, or whole bootable image.
    pub kernel: PathBuf,
    /// Boot archive, unless the kernel carries it.
    pub archive: Option<PathBuf>,
    /// The kernel's command line.
    pub command_line: String,
    /// Number of CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Count instructions.
    pub icount: bool,
    /// Wait for a debugger.
    pub gdb: bool,
    /// What starts the kernel.
    pub firmware: Firmware,
    /// A plugin of QEMU, as in QEMU's own option.
    pub plugin: Option<String>,
}

impl Machine {
    /// The command that starts it, with its sockets in `dir`.
    pub fn command(&self, dir: &Path) -> Command {
        let mut qemu = Command::new("qemu-system-ppc64");
        let vof = match self.firmware {
            Firmware::Vof => ",x-vof=on",
            Firmware::Slof => "",
        };
        qemu.arg("-M").arg(format!(
            "pseries{vof},cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
        ));
        qemu.args(["-cpu", "power9", "-smp", &self.cpus.to_string()]);
        qemu.args(["-m", &format!("{}M", self.memory)]);
        qemu.args([
            "-nodefaults",
            "-vga",
            "none",
            "-net",
            "none",
            "-display",
            "none",
        ]);
        qemu.args(["-action", "reboot=shutdown,shutdown=pause", "-seed", "1"]);
        // The hypervisor's random numbers (H_RANDOM); they repeat, because of the seed.
        qemu.args(["-object", "rng-builtin,id=random"]);
        qemu.args(["-device", "spapr-rng,rng=random"]);
        if self.icount {
            qemu.args([
                "-icount",
                "shift=0,sleep=off",
                "-rtc",
                "base=2026-01-01,clock=vm",
            ]);
        }
        // Halted at first: QMP tells of nothing that happens before it is listened to.
        qemu.arg("-S");
        if let Some(plugin) = &self.plugin {
            qemu.arg("-plugin").arg(plugin);
        }
        if self.gdb {
            qemu.args(["-gdb", "tcp:127.0.0.1:1234"]);
        }
        // As "serial ports", and not as devices, they come before the machine's NVRAM,
        // which otherwise takes the first number.
        for name in TERMINALS {
            qemu.arg("-chardev").arg(socket(name, dir));
            qemu.args(["-serial", &format!("chardev:{name}")]);
        }
        add_monitor(QMP, "control", dir, &mut qemu);
        qemu.arg("-kernel").arg(&self.kernel);
        if let Some(archive) = &self.archive {
            qemu.arg("-initrd").arg(archive);
        }
        if !self.command_line.is_empty() {
            qemu.args(["-append", &self.command_line]);
        }
        qemu
    }
}

impl Machine {
    /// Lets another thread of this program look at the machine while it runs.
    pub fn let_be_sampled(&self, dir: &Path, command: &mut Command) {
        add_monitor(SAMPLER, "readline", dir, command);
    }

    /// Lets the machine's memory be a file that this program can read while the machine runs.
    pub fn keep_memory_in(&self, file: &Path, command: &mut Command) {
        let path = file.display().to_string().replace(',', ",,");
        command.arg("-object").arg(format!(
            "memory-backend-file,id=memory,mem-path={path},size={}M,share=on",
            self.memory
        ));
        command.args(["-machine", "memory-backend=memory"]);
    }
}

/// A connection for QEMU's control protocol, or for its monitor for people.
fn add_monitor(name: &str, mode: &str, dir: &Path, command: &mut Command) {
    command.arg("-chardev").arg(socket(name, dir));
    command.args(["-mon", &format!("chardev={name},mode={mode}")]);
}

/// A chardev that connects to a socket in `dir`. QEMU reads a doubled comma as one.
fn socket(name: &str, dir: &Path) -> String {
    let path = dir.join(name).display().to_string().replace(',', ",,");
    format!("socket,id={name},path={path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_in_order() {
        let machine = Machine {
            kernel: "k".into(),
            archive: Some("a".into()),
            command_line: String::new(),
            cpus: 4,
            memory: 512,
            icount: true,
            gdb: false,
            firmware: Firmware::Vof,
            plugin: None,
        };
        let command = machine.command(Path::new("/tmp/a,b"));
        let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        let terminals: Vec<_> = args
            .iter()
            .filter_map(|a| a.strip_prefix("chardev:"))
            .collect();
        assert_eq!(terminals, TERMINALS);
        assert!(args.iter().any(|a| a == "socket,id=log,path=/tmp/a,,b/log"));
        assert!(args.windows(2).any(|w| w[0] == "-smp" && w[1] == "4"));
    }
}
