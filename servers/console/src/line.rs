//! The line discipline: what becomes of bytes that are typed and bytes that are written.
//!
//! Typed bytes may edit the line, raise signals, stop output, and are echoed; a finished line (or, outside
//! canonical mode, every byte) can be read. Written bytes get their carriage returns. The rules are those of Linux's
//! N_TTY (termios(3)).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::termios::{Termios, control, input, local, output};

/// Bytes that may wait to be read, the line being edited included.
pub const INPUT_MAX: usize = 4096;

/// Signals that typing raises, by Linux's numbers.
pub mod signal {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const SIGHUP: u32 = 1;
    pub const SIGINT: u32 = 2;
    pub const SIGQUIT: u32 = 3;
    pub const SIGCONT: u32 = 18;
    pub const SIGTSTP: u32 = 20;
    pub const SIGTTIN: u32 = 21;
    pub const SIGTTOU: u32 = 22;
    pub const SIGWINCH: u32 = 28;
}

/// What typing did beside filling the buffer.
#[derive(Default, Debug)]
pub struct Effects {
    /// To be shown on the terminal.
    pub echo: Vec<u8>,
    /// To be sent to the foreground group.
    pub signals: Vec<u32>,
    /// A reader may find something now.
    pub readable: bool,
    /// Output may go on.
    pub writable: bool,
}

/// State of a terminal's line.
pub struct Line {
    /// Settings.
    pub termios: Termios,
    /// What can be read. In canonical mode `ends` divides it into lines.
    ready: VecDeque<u8>,
    /// Lengths of the lines in `ready`, oldest first. A line that ended with the end-of-file character has its length
    /// and no newline; length zero is an end of file.
    ends: VecDeque<usize>,
    /// The line being edited.
    edited: Vec<u8>,
    /// The next byte is taken as it is.
    literal: bool,
    /// Output is stopped (^S).
    pub stopped: bool,
    /// Column of the cursor, for erasing tabs and ONOCR.
    column: usize,
}

impl Line {
    /// A line with these settings.
    pub fn new(termios: Termios) -> Self {
        Self {
            termios,
            ready: VecDeque::new(),
            ends: VecDeque::new(),
            edited: Vec::new(),
            literal: false,
            stopped: false,
            column: 0,
        }
    }

    fn canonical(&self) -> bool {
        self.termios.local(local::ICANON)
    }

    /// Bytes that a read would give at most.
    pub fn available(&self) -> usize {
        if self.canonical() {
            self.ready.len()
        } else {
            self.ready.len() + self.edited.len()
        }
    }

    /// Outside canonical mode: least number of bytes for a read, and tenths of a second that it waits.
    fn least(&self) -> (usize, u8) {
        let of = |index: usize| self.termios.characters[index];
        (usize::from(of(control::VMIN)), of(control::VTIME))
    }

    /// As `OpenFile::read_timing` tells it.
    pub fn timing(&self) -> [u64; 2] {
        if self.canonical() {
            return [1, 0];
        }
        let (minimum, tenths) = self.least();
        [minimum as u64, u64::from(tenths)]
    }

    /// Whether a read of `wanted` bytes gives something now, be it that there is nothing. With a timer it gives
    /// what there is, and the reader waits for the rest by itself.
    pub fn is_readable(&self, wanted: usize) -> bool {
        if self.canonical() {
            return !self.ends.is_empty();
        }
        let enough = match self.least() {
            (minimum, 0) => minimum.min(wanted.max(1)),
            _ => 1,
        };
        self.available() >= enough
    }

    /// What poll(2) says: without a timer there must be the least number of bytes, else one.
    pub fn is_ready(&self) -> bool {
        if self.canonical() {
            return !self.ends.is_empty();
        }
        let enough = match self.least() {
            (minimum, 0) => minimum.max(1),
            _ => 1,
        };
        self.available() >= enough
    }

    /// Reads up to `room.len()` bytes: in canonical mode no more than one line. The result is how many; `None` if a read waits.
    pub fn read(&mut self, room: &mut [u8]) -> Option<usize> {
        if !self.is_readable(room.len()) {
            return None;
        }
        let limit = if self.canonical() {
            self.ends.front().copied().unwrap_or(0)
        } else {
            self.ready.extend(self.edited.drain(..));
            self.ready.len()
        };
        let count = limit.min(room.len());
        for (place, byte) in room.iter_mut().zip(self.ready.drain(..count)) {
            *place = byte;
        }
        if self.canonical() {
            if count == limit {
                self.ends.pop_front();
            } else if let Some(first) = self.ends.front_mut() {
                *first -= count;
            }
        } else {
            self.ends.clear();
        }
        Some(count)
    }

    /// New settings. What was typed in one mode can be read in the other.
    pub fn set_termios(&mut self, new: Termios) {
        let was = self.canonical();
        self.termios = new;
        if was && !self.canonical() {
            self.ends.clear();
        } else if !was && self.canonical() && !self.ready.is_empty() {
            self.ends.push_back(self.ready.len());
        }
        if !self.termios.local(local::IEXTEN) {
            self.literal = false;
        }
        if self.termios.input & input::IXON == 0 {
            self.stopped = false;
        }
    }

    /// Forgets all input.
    pub fn flush_input(&mut self) {
        self.ready.clear();
        self.ends.clear();
        self.edited.clear();
        self.literal = false;
    }

    /// Takes typed bytes.
    pub fn type_in(&mut self, bytes: &[u8]) -> Effects {
        let mut effects = Effects::default();
        for &byte in bytes {
            self.type_byte(byte, &mut effects);
        }
        effects
    }

    fn type_byte(&mut self, mut byte: u8, effects: &mut Effects) {
        let settings = self.termios;
        if settings.input & input::ISTRIP != 0 {
            byte &= 0x7f;
        }
        if core::mem::take(&mut self.literal) {
            self.accept(byte, effects);
            return;
        }
        if settings.local(local::ISIG) && self.raise(byte, effects) {
            return;
        }
        if settings.input & input::IXON != 0 {
            if settings.is(byte, control::VSTART) {
                self.stopped = false;
                effects.writable = true;
                return;
            }
            if settings.is(byte, control::VSTOP) {
                self.stopped = true;
                return;
            }
            if self.stopped && settings.input & input::IXANY != 0 {
                self.stopped = false;
                effects.writable = true;
            }
        }
        match byte {
            b'\r' if settings.input & input::IGNCR != 0 => return,
            b'\r' if settings.input & input::ICRNL != 0 => byte = b'\n',
            b'\n' if settings.input & input::INLCR != 0 => byte = b'\r',
            _ => {}
        }
        if settings.input & input::IUCLC != 0 && settings.local(local::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if self.canonical() {
            self.edit(byte, effects);
        } else {
            self.accept(byte, effects);
            effects.readable = true;
        }
    }

    /// Raises a signal if `byte` asks for one.
    fn raise(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let settings = self.termios;
        let number = if settings.is(byte, control::VINTR) {
            signal::SIGINT
        } else if settings.is(byte, control::VQUIT) {
            signal::SIGQUIT
        } else if settings.is(byte, control::VSUSP) {
            signal::SIGTSTP
        } else {
            return false;
        };
        if !settings.local(local::NOFLSH) {
            self.flush_input();
            self.stopped = false;
            effects.writable = true;
        }
        if settings.local(local::ECHO) {
            self.echo(byte, effects);
        }
        effects.signals.push(number);
        true
    }

    fn edit(&mut self, byte: u8, effects: &mut Effects) {
        let settings = self.termios;
        let extended = settings.local(local::IEXTEN);
        if settings.is(byte, control::VERASE) {
            self.erase(effects);
        } else if extended && settings.is(byte, control::VWERASE) {
            self.erase_word(effects);
        } else if settings.is(byte, control::VKILL) {
            self.kill(effects);
        } else if extended && settings.is(byte, control::VLNEXT) {
            self.literal = true;
            if settings.local(local::ECHO | local::ECHOCTL) {
                effects.echo.extend(b"^\x08");
            }
        } else if extended && settings.is(byte, control::VREPRINT) && settings.local(local::ECHO) {
            self.echo(byte, effects);
            self.show(b'\n', effects);
            for at in 0..self.edited.len() {
                self.echo(self.edited[at], effects);
            }
        } else if settings.is(byte, control::VEOF) {
            self.finish(effects);
        } else if byte == b'\n'
            || settings.is(byte, control::VEOL)
            || extended && settings.is(byte, control::VEOL2)
        {
            if byte == b'\n' && settings.local & (local::ECHO | local::ECHONL) != 0 {
                self.show(byte, effects);
            } else if settings.local(local::ECHO) {
                self.echo(byte, effects);
            }
            self.edited.push(byte);
            self.finish(effects);
        } else {
            self.accept(byte, effects);
        }
    }

    /// The edited line can be read.
    fn finish(&mut self, effects: &mut Effects) {
        self.ends.push_back(self.edited.len());
        self.ready.extend(self.edited.drain(..));
        effects.readable = true;
    }

    /// Adds an ordinary byte. When the buffer is full it is dropped (the place of the newline is kept free).
    fn accept(&mut self, byte: u8, effects: &mut Effects) {
        if self.ready.len() + self.edited.len() >= INPUT_MAX - 1 {
            if self.termios.input & input::IMAXBEL != 0 {
                effects.echo.push(7);
            }
            return;
        }
        self.edited.push(byte);
        if self.termios.local(local::ECHO) {
            self.echo(byte, effects);
        }
    }

    /// Shows a typed byte: control characters as ^X if that is wished.
    fn echo(&mut self, byte: u8, effects: &mut Effects) {
        let control = byte < 32 && !matches!(byte, b'\t' | b'\n') || byte == 127;
        if control && self.termios.local(local::ECHOCTL) {
            effects.echo.extend([b'^', byte ^ 64]);
            self.column += 2;
        } else {
            self.show(byte, effects);
        }
    }

    fn show(&mut self, byte: u8, effects: &mut Effects) {
        self.put(byte, &mut effects.echo);
    }

    /// Columns that a typed byte takes on the terminal, from `column` on.
    fn width(&self, byte: u8, column: usize) -> usize {
        match byte {
            b'\t' => 8 - column % 8,
            0..32 | 127 if self.termios.local(local::ECHOCTL) => 2,
            0..32 | 127 => 0,
            _ if self.is_continuation(byte) => 0,
            _ => 1,
        }
    }

    fn is_continuation(&self, byte: u8) -> bool {
        self.termios.input & input::IUTF8 != 0 && byte & 0xc0 == 0x80
    }

    fn erase(&mut self, effects: &mut Effects) {
        let mut last = self.edited.pop();
        while let Some(byte) = last.filter(|byte| self.is_continuation(*byte)) {
            let _ = byte;
            last = self.edited.pop();
        }
        let Some(byte) = last else { return };
        if !self.termios.local(local::ECHO) {
            return;
        }
        if !self.termios.local(local::ECHOE) {
            let shown = self.termios.characters[control::VERASE];
            self.echo(shown, effects);
            return;
        }
        // A tab's width depends on where it began: after what is left of the line.
        let typed: usize = {
            let mut column = 0;
            for &before in &self.edited {
                column += self.width(before, column);
            }
            self.width(byte, column)
        };
        for _ in 0..typed {
            effects.echo.extend(b"\x08 \x08");
        }
        self.column = self.column.saturating_sub(typed);
    }

    fn erase_word(&mut self, effects: &mut Effects) {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 128;
        let mut seen = false;
        while let Some(&byte) = self.edited.last() {
            if seen && !word(byte) {
                break;
            }
            seen |= word(byte);
            self.erase(effects);
        }
    }

    fn kill(&mut self, effects: &mut Effects) {
        let settings = self.termios;
        if settings.local(local::ECHO | local::ECHOE | local::ECHOKE) {
            while !self.edited.is_empty() {
                self.erase(effects);
            }
            return;
        }
        self.edited.clear();
        if settings.local(local::ECHO) {
            self.echo(settings.characters[control::VKILL], effects);
            if settings.local(local::ECHOK) {
                self.show(b'\n', effects);
            }
        }
    }

    /// Output processing of one byte.
    fn put(&mut self, byte: u8, to: &mut Vec<u8>) {
        let flags = self.termios.output;
        if flags & output::OPOST == 0 {
            to.push(byte);
            return;
        }
        match byte {
            b'\n' if flags & output::ONLCR != 0 => {
                to.extend(b"\r\n");
                self.column = 0;
            }
            b'\n' => {
                to.push(byte);
                if flags & output::ONLRET != 0 {
                    self.column = 0;
                }
            }
            b'\r' if flags & output::ONOCR != 0 && self.column == 0 => {}
            b'\r' => {
                to.push(if flags & output::OCRNL != 0 {
                    b'\n'
                } else {
                    b'\r'
                });
                self.column = 0;
            }
            b'\t' => {
                to.push(byte);
                self.column = self.column / 8 * 8 + 8;
            }
            8 => {
                to.push(byte);
                self.column = self.column.saturating_sub(1);
            }
            _ => {
                to.push(if flags & output::OLCUC != 0 {
                    byte.to_ascii_uppercase()
                } else {
                    byte
                });
                if byte >= 32 && !self.is_continuation(byte) {
                    self.column += 1;
                }
            }
        }
    }

    /// Output processing of what a program writes.
    pub fn write(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        for &byte in bytes {
            self.put(byte, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, signal};
    use crate::termios::{Termios, control, local};

    fn read(line: &mut Line) -> Option<Vec<u8>> {
        let mut room = [0; 64];
        line.read(&mut room).map(|count| room[..count].to_vec())
    }

    #[test]
    fn a_line_is_read_when_it_is_finished() {
        let mut line = Line::new(Termios::COOKED);
        assert_eq!(line.type_in(b"ls").echo, b"ls");
        assert_eq!(read(&mut line), None);
        let effects = line.type_in(b"\rnext");
        assert_eq!(effects.echo, b"\r\nnext");
        assert!(effects.readable);
        let mut two = [0; 2];
        assert_eq!(line.read(&mut two), Some(2));
        assert_eq!(read(&mut line), Some(b"\n".to_vec()));
        assert_eq!(read(&mut line), None);
    }

    #[test]
    fn editing() {
        let mut line = Line::new(Termios::COOKED);
        assert_eq!(line.type_in(b"ab\x7f").echo, b"ab\x08 \x08");
        assert_eq!(
            line.type_in(b"\t\x7f").echo,
            b"\t\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08"
        );
        line.type_in(b" word, two\x17\x16\x03\n");
        assert_eq!(read(&mut line), Some(b"a word, \x03\n".to_vec()));
        line.type_in(b"gone\x15kept\n");
        assert_eq!(read(&mut line), Some(b"kept\n".to_vec()));
        assert!(line.type_in(b"\x7f\x17\x15").echo.is_empty());
    }

    #[test]
    fn end_of_file() {
        let mut line = Line::new(Termios::COOKED);
        line.type_in(b"part\x04");
        assert_eq!(read(&mut line), Some(b"part".to_vec()));
        line.type_in(b"\x04");
        assert_eq!(read(&mut line), Some(vec![]));
        assert_eq!(read(&mut line), None);
    }

    #[test]
    fn signals_flush() {
        let mut line = Line::new(Termios::COOKED);
        let effects = line.type_in(b"half\x03");
        assert_eq!(effects.signals, [signal::SIGINT]);
        assert_eq!(effects.echo, b"half^C");
        line.type_in(b"x\n");
        assert_eq!(read(&mut line), Some(b"x\n".to_vec()));
        assert_eq!(
            line.type_in(b"\x1a\x1c").signals,
            [signal::SIGTSTP, signal::SIGQUIT]
        );
    }

    #[test]
    fn raw_mode_gives_every_byte() {
        let mut line = Line::new(Termios::COOKED);
        line.type_in(b"typed ahead");
        let mut raw = Termios::COOKED;
        raw.local &= !(local::ICANON | local::ECHO | local::ISIG);
        line.set_termios(raw);
        assert_eq!(read(&mut line), Some(b"typed ahead".to_vec()));
        assert!(line.type_in(b"\x03\x7f").echo.is_empty());
        assert_eq!(read(&mut line), Some(b"\x03\x7f".to_vec()));
        raw.characters[control::VMIN] = 3;
        line.set_termios(raw);
        line.type_in(b"ab");
        assert_eq!(read(&mut line), None);
        line.type_in(b"c");
        assert_eq!(read(&mut line), Some(b"abc".to_vec()));
        raw.characters[control::VMIN] = 0;
        line.set_termios(raw);
        assert_eq!(read(&mut line), Some(vec![]));
    }

    #[test]
    fn flow_control() {
        let mut line = Line::new(Termios::COOKED);
        line.type_in(b"\x13");
        assert!(line.stopped);
        assert!(line.type_in(b"\x11").writable);
        assert!(!line.stopped);
    }

    #[test]
    fn full_buffer_keeps_room_for_the_newline() {
        let mut line = Line::new(Termios::COOKED);
        line.type_in(&[b'x'; 5000]);
        line.type_in(b"\n");
        let mut room = vec![0; 5000];
        assert_eq!(line.read(&mut room), Some(super::INPUT_MAX));
    }

    #[test]
    fn output_gets_carriage_returns() {
        let mut line = Line::new(Termios::COOKED);
        let mut out = vec![];
        line.write(b"a\nb", &mut out);
        assert_eq!(out, b"a\r\nb");
    }
}
