//! Classes of events: what can be switched on and off.

/// A class of events. Its number is the bit in the mask and the field in an event's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Interrupts and traps at exception level.
    Exception = 0,
    /// Who runs: dispatchers in the kernel, threads in programs.
    Scheduling = 1,
    /// Protected calls and asynchronous messages.
    Ipc = 2,
    /// Mappings, faults, frames.
    Memory = 3,
    /// Clustered objects.
    Objects = 4,
    /// Linux processes, from birth to exit.
    Process = 5,
    /// Files and file systems.
    FileSystem = 6,
    /// Linux system calls and signals.
    Linux = 7,
    /// Locks that had to wait.
    Lock = 8,
    /// Whatever a program wants to say.
    Application = 9,
}

/// The class number of events that the buffers themselves need. It has no bit in the mask.
pub(crate) const CONTROL: u8 = 63;

impl Class {
    /// All classes, in the order of their numbers.
    pub const ALL: [Class; 10] = [
        Class::Exception,
        Class::Scheduling,
        Class::Ipc,
        Class::Memory,
        Class::Objects,
        Class::Process,
        Class::FileSystem,
        Class::Linux,
        Class::Lock,
        Class::Application,
    ];

    /// The class's bit in a mask.
    #[inline(always)]
    pub const fn bit(self) -> u64 {
        1 << self as u64
    }

    /// The class's name, as users type it.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Exception => "exception",
            Class::Scheduling => "sched",
            Class::Ipc => "ipc",
            Class::Memory => "memory",
            Class::Objects => "objects",
            Class::Process => "process",
            Class::FileSystem => "fs",
            Class::Linux => "linux",
            Class::Lock => "lock",
            Class::Application => "app",
        }
    }

    /// The class with a number.
    pub fn from_number(number: u8) -> Option<Class> {
        Class::ALL.get(usize::from(number)).copied()
    }

    /// The mask for a list such as `ipc,memory`, for `all` or for `none`; an unknown name is returned as the error.
    pub fn mask_of(list: &str) -> Result<u64, &str> {
        list.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .try_fold(0, |mask, name| match name {
                "all" => Ok(Class::ALL
                    .iter()
                    .fold(mask, |mask, class| mask | class.bit())),
                "none" => Ok(0),
                _ => Class::ALL
                    .iter()
                    .find(|class| class.name() == name)
                    .map(|class| mask | class.bit())
                    .ok_or(name),
            })
    }
}
