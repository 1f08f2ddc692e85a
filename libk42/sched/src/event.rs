//! What comes without being asked for.

use k42_abi::message::AsyncMessage;

/// What is told to a process, from other processes or the kernel.
#[derive(Clone, Copy, Debug)]
pub enum AsyncEvent {
    /// A message.
    Message(AsyncMessage),
    /// Messages were lost: ask everybody who could have had something to say.
    Overflow,
    /// A console that was bound has input.
    Console,
}
