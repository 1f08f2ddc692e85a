//! Errors that never reach the program, and how the others do.

use k42_abi::Error;

/// The call is made again if a handler with SA_RESTART runs or none does, else EINTR (Linux's ERESTARTSYS).
pub const RESTART: Error = Error::RESTART;
/// Made again only if no handler runs (ERESTARTNOHAND).
pub const RESTART_NO_HANDLER: Error = Error::from_code(1001);
/// Made again always (ERESTARTNOINTR).
pub const RESTART_ALWAYS: Error = Error::from_code(1002);
/// Goes on by restart_syscall(2) if no handler runs (ERESTART_RESTARTBLOCK).
pub const RESTART_BLOCK: Error = Error::from_code(1003);

/// The call was a borrowing child's, which is real now and elsewhere; here its parent goes on (see [`crate::vfork`]).
pub const RESUMED: Error = Error::from_code(1010);

/// Whether the error is one of those above.
pub fn is_restart(error: Error) -> bool {
    error == RESTART || error.code() >= 1001 && error.code() <= 1003
}

/// What a Linux program sees of an error.
pub fn to_linux(error: Error) -> u16 {
    if error.is_linux() {
        return error.code();
    }
    let linux = match error {
        Error::DELETED
        | Error::DEAD
        | Error::BAD_MESSAGE
        | Error::NO_DISPATCHER
        | Error::CROSS_MOUNT => Error::EIO,
        Error::BAD_HANDLE => Error::EBADF,
        Error::NO_RIGHT => Error::EPERM,
        Error::NO_METHOD => Error::ENOSYS,
        Error::WOULD_BLOCK | Error::BUSY => Error::EAGAIN,
        Error::NEED_FRAMES => Error::ENOMEM,
        error if is_restart(error) => Error::EINTR,
        _ => Error::EIO,
    };
    linux.code()
}
