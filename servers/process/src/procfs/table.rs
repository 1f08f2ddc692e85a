//! The table that /proc is.

use super::{Make, Take, ipc, process, system};

/// A directory of /proc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Directory {
    /// In no directory: the root itself.
    Nowhere,
    /// /proc.
    Root,
    /// /proc/k42.
    K42,
    /// /proc/sys.
    Sys,
    /// /proc/sys/fs.
    SysFs,
    /// /proc/sys/kernel.
    SysKernel,
    /// /proc/sys/kernel/random.
    SysRandom,
    /// /proc/sys/vm.
    SysVm,
    /// /proc/sysvipc.
    SystemV,
    /// /proc/PID. (/proc/PID/task/TID has the same files.)
    Process,
    /// /proc/PID/fd.
    Descriptors,
    /// /proc/PID/task.
    Tasks,
}

/// What a line of the table is.
#[derive(Clone, Copy)]
pub enum What {
    /// A directory.
    Directory(Directory),
    /// A file with contents.
    File(u32, Make),
    /// One that can be written to as well.
    Writable(Make, Take),
    /// A link with a fixed target.
    Link(&'static str),
    /// A link whose target depends on who follows it.
    Magic(Magic),
}

/// Links that only a process itself can follow, or that lead to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Magic {
    /// /proc/self.
    Own,
    /// /proc/thread-self.
    OwnThread,
    /// exe.
    Program,
    /// cwd.
    WorkingDirectory,
    /// root.
    RootDirectory,
    /// An open file.
    Descriptor,
}

/// A line.
pub struct Line {
    /// The directory that it is in.
    pub parent: Directory,
    /// Its name; empty for what has a number for a name.
    pub name: &'static str,
    /// What it is.
    pub what: What,
}

const fn line(parent: Directory, name: &'static str, what: What) -> Line {
    Line { parent, name, what }
}

use Directory::{
    Descriptors, K42, Nowhere, Process, Root, Sys, SysFs, SysKernel, SysRandom, SysVm, SystemV,
    Tasks,
};
use What::{File, Link, Writable};

/// The line of /proc.
pub const ROOT: u16 = 0;
/// The line of /proc/PID.
pub const PROCESS: u16 = 1;
/// The line of /proc/PID/fd/N.
pub const DESCRIPTOR: u16 = 2;
/// The line of /proc/PID/task/TID.
pub const THREAD: u16 = 3;
/// The line of /proc/PID/task.
pub const TASKS: u16 = 4;
/// The line of /proc/PID/fd.
pub const DESCRIPTORS: u16 = 5;

const ALL: u32 = 0o444;
const OWNER: u32 = 0o400;

/// The tree. The first lines have numbers of their own, above.
pub const TABLE: &[Line] = &[
    line(Nowhere, "", What::Directory(Root)),
    line(Root, "", What::Directory(Process)),
    line(Descriptors, "", What::Magic(Magic::Descriptor)),
    line(Tasks, "", What::Directory(Process)),
    line(Process, "task", What::Directory(Tasks)),
    line(Process, "fd", What::Directory(Descriptors)),
    line(Process, "cmdline", File(ALL, process::command_line)),
    line(Process, "comm", Writable(process::comm, process::set_comm)),
    line(Process, "cwd", What::Magic(Magic::WorkingDirectory)),
    line(Process, "environ", File(OWNER, process::environment)),
    line(Process, "exe", What::Magic(Magic::Program)),
    line(Process, "limits", File(ALL, process::limits)),
    line(Process, "maps", File(ALL, process::maps)),
    line(Process, "mountinfo", File(ALL, system::mountinfo)),
    line(Process, "mounts", File(ALL, system::mounts)),
    line(Process, "root", What::Magic(Magic::RootDirectory)),
    line(Process, "stat", File(ALL, process::stat)),
    line(Process, "statm", File(ALL, process::statm)),
    line(Process, "status", File(ALL, process::status)),
    line(Root, "self", What::Magic(Magic::Own)),
    line(Root, "thread-self", What::Magic(Magic::OwnThread)),
    line(Root, "mounts", Link("self/mounts")),
    line(Root, "cmdline", File(ALL, system::boot_command_line)),
    line(Root, "cpuinfo", File(ALL, system::cpuinfo)),
    line(Root, "devices", File(ALL, system::devices)),
    line(Root, "filesystems", File(ALL, system::filesystems)),
    line(Root, "loadavg", File(ALL, system::loadavg)),
    line(Root, "meminfo", File(ALL, system::meminfo)),
    line(Root, "partitions", File(ALL, system::partitions)),
    line(Root, "stat", File(ALL, system::stat)),
    line(Root, "swaps", File(ALL, system::swaps)),
    line(Root, "uptime", File(ALL, system::uptime)),
    line(Root, "version", File(ALL, system::version)),
    line(Root, "k42", What::Directory(K42)),
    line(K42, "counts", File(ALL, system::counts)),
    line(K42, "maps", File(ALL, system::server_maps)),
    line(
        K42,
        "servers",
        Writable(system::server_names, system::end_server),
    ),
    line(Root, "sys", What::Directory(Sys)),
    line(Sys, "fs", What::Directory(SysFs)),
    line(SysFs, "file-max", File(ALL, system::file_max)),
    line(Sys, "kernel", What::Directory(SysKernel)),
    line(SysKernel, "domainname", File(ALL, system::domain_name)),
    line(
        SysKernel,
        "hostname",
        Writable(system::host_name, system::set_host_name),
    ),
    line(SysKernel, "ngroups_max", File(ALL, system::groups_max)),
    line(SysKernel, "osrelease", File(ALL, system::release)),
    line(SysKernel, "ostype", File(ALL, system::system_name)),
    line(SysKernel, "pid_max", File(ALL, system::pid_max)),
    line(SysKernel, "version", File(ALL, system::build)),
    line(SysKernel, "random", What::Directory(SysRandom)),
    line(SysRandom, "boot_id", File(ALL, system::boot_id)),
    line(SysRandom, "entropy_avail", File(ALL, system::entropy)),
    line(SysRandom, "uuid", File(ALL, system::uuid)),
    line(SysKernel, "shmall", File(ALL, ipc::segment_pages)),
    line(SysKernel, "shmmax", File(ALL, ipc::segment_bytes)),
    line(SysKernel, "shmmni", File(ALL, ipc::segments_max)),
    line(Root, "sysvipc", What::Directory(SystemV)),
    line(SystemV, "shm", File(ALL, ipc::segments)),
    line(Sys, "vm", What::Directory(SysVm)),
    line(SysVm, "overcommit_memory", File(ALL, system::overcommit)),
];
