//! The host's side of the guest's console: the terminal in raw mode, and what it gives.
//!
//! In raw mode every key goes to the guest, Ctrl-C too. `Ctrl-]` is kept back: it ends
//! the machine, for the case that the guest no longer answers.

use rustix::termios::{self, OptionalActions, Termios};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::Duration;

/// The key that ends the machine: Ctrl-].
const ESCAPE: u8 = 0x1d;

/// End of input as typed on a terminal: Ctrl-D.
const END_OF_INPUT: u8 = 0x04;

/// The terminal's state before it was made raw; also read by the panic hook.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// Where the guest's console input comes from.
pub enum Input {
    /// Nowhere: nothing is ever typed.
    None,
    /// These bytes, then end of input.
    Bytes(Vec<u8>),
    /// This program's standard input.
    Stdin,
}

/// Raw mode of the terminal on standard input, for as long as this lives.
pub struct RawMode(());

impl RawMode {
    /// Makes the terminal raw; `None` if standard input is not a terminal.
    pub fn enter() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let before = termios::tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        *SAVED.lock().unwrap_or_else(|e| e.into_inner()) = Some(before);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            hook(info);
        }));
        termios::tcsetattr(&stdin, OptionalActions::Drain, &raw)?;
        Ok(Some(RawMode(())))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back as it was. There is nothing to be done if that fails.
fn restore() {
    let saved = SAVED.lock().unwrap_or_else(|e| e.into_inner()).take();
    if let Some(saved) = saved {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Drain, &saved);
    }
}

/// Rows and columns of the terminal, or the usual 24 by 80 without one.
pub fn size() -> (u16, u16) {
    match termios::tcgetwinsize(io::stdin()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        _ => (24, 80),
    }
}

/// Copies input to the guest until it or the guest ends; `true` if the user asked to end
/// the machine. When input ends, the guest is told so as a terminal would: by Ctrl-D,
/// again and again, since each program that reads takes one.
pub fn feed(input: Input, mut guest: UnixStream, raw: bool) -> bool {
    let mut at_line_start = true;
    match input {
        Input::None => return false,
        Input::Bytes(bytes) => {
            at_line_start = bytes.last().is_none_or(|&b| b == b'\n');
            if guest.write_all(&bytes).is_err() {
                return false;
            }
        }
        Input::Stdin => {
            let mut stdin = io::stdin().lock();
            let mut buffer = [0; 512];
            loop {
                let count = match stdin.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => break,
                };
                let bytes = &buffer[..count];
                if raw && bytes.contains(&ESCAPE) {
                    return true;
                }
                at_line_start = bytes.ends_with(b"\n");
                if guest.write_all(bytes).is_err() {
                    return false;
                }
            }
        }
    }
    // Within a line the first one only hands over the line.
    let mut count = if at_line_start { 1 } else { 2 };
    loop {
        if guest.write_all(&[END_OF_INPUT; 2][..count]).is_err() {
            return false;
        }
        count = 1;
        std::thread::sleep(Duration::from_millis(500));
    }
}
