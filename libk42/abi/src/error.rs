//! One error type for every call that crosses a protection boundary.
//!
//! Codes below 512 are Linux's own error numbers (they travel unchanged to the program that asked);
//! codes from 512 up belong to K42 and are never shown to a Linux program: the library turns them
//! into something that Linux knows.

/// Why a call failed. On the wire: the negated code in a 64-bit status word, zero for success.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Error(u16);

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        #[allow(missing_docs, reason = "Linux's error names are their own documentation")]
        impl Error {
            $($(#[$doc])* pub const $name: Self = Self($code);)*
        }
        /// Names of the codes, for people.
        const NAMES: &[(u16, &str)] = &[$(($code, stringify!($name)),)*];
    };
}

errors! {
    EPERM = 1; ENOENT = 2; ESRCH = 3; EINTR = 4; EIO = 5; ENXIO = 6; E2BIG = 7; ENOEXEC = 8;
    EBADF = 9; ECHILD = 10; EAGAIN = 11; ENOMEM = 12; EACCES = 13; EFAULT = 14; ENOTBLK = 15;
    EBUSY = 16; EEXIST = 17; EXDEV = 18; ENODEV = 19; ENOTDIR = 20; EISDIR = 21; EINVAL = 22;
    ENFILE = 23; EMFILE = 24; ENOTTY = 25; ETXTBSY = 26; EFBIG = 27; ENOSPC = 28; ESPIPE = 29;
    EROFS = 30; EMLINK = 31; EPIPE = 32; EDOM = 33; ERANGE = 34; EDEADLK = 35;
    ENAMETOOLONG = 36; ENOLCK = 37; ENOSYS = 38; ENOTEMPTY = 39; ELOOP = 40; EIDRM = 43; EOVERFLOW = 75;
    ENOTSOCK = 88; EDESTADDRREQ = 89; EMSGSIZE = 90; EPROTOTYPE = 91; ENOPROTOOPT = 92;
    EPROTONOSUPPORT = 93; ESOCKTNOSUPPORT = 94; EOPNOTSUPP = 95; EAFNOSUPPORT = 97; EADDRINUSE = 98;
    ECONNRESET = 104; ENOBUFS = 105; EISCONN = 106; ENOTCONN = 107; ECONNREFUSED = 111;
    ETIMEDOUT = 110; ENODATA = 61; ESTALE = 116; EUSERS = 87;
    /// The object is being destroyed or has gone.
    DELETED = 512;
    /// The server's process has ended; its reply will never come.
    DEAD = 513;
    /// The target cannot take a call now; a RETRY soft interrupt says when to try again.
    BUSY = 514;
    /// No dispatcher of the target on this CPU.
    NO_DISPATCHER = 515;
    /// The server has no such method.
    NO_METHOD = 516;
    /// The handle is stale, or not this caller's.
    BAD_HANDLE = 517;
    /// The caller lacks the right.
    NO_RIGHT = 518;
    /// A message failed validation (length, enumeration, text).
    BAD_MESSAGE = 519;
    /// Would wait; an asynchronous message follows when it is worth asking again.
    WOULD_BLOCK = 520;
    /// The kernel needs that many more table frames (see the call) before it can go on.
    NEED_FRAMES = 521;
    /// Path resolution left this file system: ask the name server where to go on.
    CROSS_MOUNT = 522;
    /// Interrupted so that a signal can be taken; the call is restarted if the signal says so.
    RESTART = 523;
}

impl Error {
    /// Reads a status word: zero and positive are success.
    pub const fn check(status: i64) -> crate::Result<u64> {
        if status >= 0 {
            return Ok(status as u64);
        }
        // A hostile server may send anything: an unknown code becomes EIO.
        let code = status.unsigned_abs();
        if code < 1024 {
            Err(Self(code as u16))
        } else {
            Err(Self::EIO)
        }
    }
    /// The code as a negative status word.
    pub const fn status(self) -> i64 {
        -(self.0 as i64)
    }
    /// The bare code.
    pub const fn code(self) -> u16 {
        self.0
    }
    /// An error from a bare code (1..1024), EIO for anything else.
    pub const fn from_code(code: u16) -> Self {
        if code == 0 || code >= 1024 {
            Self::EIO
        } else {
            Self(code)
        }
    }
    /// Whether a Linux program may see this code as it is.
    pub const fn is_linux(self) -> bool {
        self.0 < 512
    }
    /// Name of the code.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(code, _)| *code == self.0)
            .map_or("unknown error", |(_, name)| name)
    }
}

impl core::fmt::Debug for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for Error {}
