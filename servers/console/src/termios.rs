//! Terminal settings as Linux programs on 64-bit Power see them. Power has its own values for many of
//! these (Linux's `asm/termbits.h` and `asm/ioctls.h` for powerpc). All integers little-endian.

/// Bytes of `struct termios`.
pub const TERMIOS_BYTES: usize = 44;
const CONTROL_AT: usize = 16;
const CONTROLS: usize = 19;

/// Request numbers of ioctl(2).
#[allow(missing_docs, reason = "Linux's names")]
pub mod request {
    pub const TCGETS: u32 = 0x402c_7413;
    pub const TCSETS: u32 = 0x802c_7414;
    pub const TCSETSW: u32 = 0x802c_7415;
    pub const TCSETSF: u32 = 0x802c_7416;
    pub const TCSBRK: u32 = 0x2000_741d;
    pub const TCXONC: u32 = 0x2000_741e;
    pub const TCFLSH: u32 = 0x2000_741f;
    pub const TCSBRKP: u32 = 0x5425;
    pub const TIOCGWINSZ: u32 = 0x4008_7468;
    pub const TIOCSWINSZ: u32 = 0x8008_7467;
    pub const TIOCGPGRP: u32 = 0x4004_7477;
    pub const TIOCSPGRP: u32 = 0x8004_7476;
    pub const TIOCOUTQ: u32 = 0x4004_7473;
    pub const TIOCSCTTY: u32 = 0x540e;
    pub const TIOCSTI: u32 = 0x5412;
    pub const TIOCNOTTY: u32 = 0x5422;
    pub const TIOCGSID: u32 = 0x5429;
    pub const TIOCGPTN: u32 = 0x4004_5430;
    pub const TIOCSPTLCK: u32 = 0x8004_5431;
    pub const TIOCGPTLCK: u32 = 0x4004_5439;
    pub const FIONREAD: u32 = 0x4004_667f;
}

/// `c_iflag`.
#[allow(missing_docs, reason = "Linux's names")]
pub mod input {
    pub const IGNBRK: u32 = 0o1;
    pub const BRKINT: u32 = 0o2;
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IXON: u32 = 0o1000;
    pub const IXANY: u32 = 0o4000;
    pub const IUCLC: u32 = 0o10000;
    pub const IMAXBEL: u32 = 0o20000;
    pub const IUTF8: u32 = 0o40000;
}

/// `c_oflag`.
#[allow(missing_docs, reason = "Linux's names")]
pub mod output {
    pub const OPOST: u32 = 0o1;
    pub const ONLCR: u32 = 0o2;
    pub const OLCUC: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ONOCR: u32 = 0o20;
    pub const ONLRET: u32 = 0o40;
}

/// `c_lflag`.
#[allow(missing_docs, reason = "Linux's names")]
pub mod local {
    pub const ECHOKE: u32 = 0x1;
    pub const ECHOE: u32 = 0x2;
    pub const ECHOK: u32 = 0x4;
    pub const ECHO: u32 = 0x8;
    pub const ECHONL: u32 = 0x10;
    pub const ECHOCTL: u32 = 0x40;
    pub const ISIG: u32 = 0x80;
    pub const ICANON: u32 = 0x100;
    pub const IEXTEN: u32 = 0x400;
    pub const TOSTOP: u32 = 0x40_0000;
    pub const NOFLSH: u32 = 0x8000_0000;
}

/// `c_cc` indices.
#[allow(missing_docs, reason = "Linux's names")]
pub mod control {
    pub const VINTR: usize = 0;
    pub const VQUIT: usize = 1;
    pub const VERASE: usize = 2;
    pub const VKILL: usize = 3;
    pub const VEOF: usize = 4;
    pub const VMIN: usize = 5;
    pub const VEOL: usize = 6;
    pub const VTIME: usize = 7;
    pub const VEOL2: usize = 8;
    pub const VWERASE: usize = 10;
    pub const VREPRINT: usize = 11;
    pub const VSUSP: usize = 12;
    pub const VSTART: usize = 13;
    pub const VSTOP: usize = 14;
    pub const VLNEXT: usize = 15;
}

/// Settings of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Termios {
    /// Treatment of input.
    pub input: u32,
    /// Treatment of output.
    pub output: u32,
    /// Of the line: kept, not interpreted.
    pub control: u32,
    /// Echo, signals, lines.
    pub local: u32,
    /// Special characters; zero switches one off.
    pub characters: [u8; CONTROLS],
    /// Line discipline number.
    pub discipline: u8,
    /// Speeds: kept, not interpreted.
    pub speeds: [u32; 2],
}

impl Termios {
    /// What Linux sets up: canonical input with echo, signals, CR to NL and back.
    pub const COOKED: Self = {
        let mut characters = [0; CONTROLS];
        characters[control::VINTR] = 3;
        characters[control::VQUIT] = 0o34;
        characters[control::VERASE] = 0o177;
        characters[control::VKILL] = 0o25;
        characters[control::VEOF] = 4;
        characters[control::VMIN] = 1;
        characters[control::VWERASE] = 0o27;
        characters[control::VREPRINT] = 0o22;
        characters[control::VSUSP] = 0o32;
        characters[control::VSTART] = 0o21;
        characters[control::VSTOP] = 0o23;
        characters[control::VLNEXT] = 0o26;
        Self {
            input: input::ICRNL | input::IXON,
            output: output::OPOST | output::ONLCR,
            // B38400, CS8, CREAD, HUPCL.
            control: 0x0f | 0x300 | 0x800 | 0x4000,
            local: local::ISIG
                | local::ICANON
                | local::ECHO
                | local::ECHOE
                | local::ECHOK
                | local::ECHOCTL
                | local::ECHOKE
                | local::IEXTEN,
            characters,
            discipline: 0,
            speeds: [15, 15],
        }
    };

    /// As a program gets it.
    pub fn to_bytes(&self) -> [u8; TERMIOS_BYTES] {
        let mut bytes = [0; TERMIOS_BYTES];
        for (place, word) in [
            (0, self.input),
            (4, self.output),
            (8, self.control),
            (12, self.local),
        ] {
            bytes[place..place + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[CONTROL_AT..CONTROL_AT + CONTROLS].copy_from_slice(&self.characters);
        bytes[CONTROL_AT + CONTROLS] = self.discipline;
        bytes[36..40].copy_from_slice(&self.speeds[0].to_le_bytes());
        bytes[40..44].copy_from_slice(&self.speeds[1].to_le_bytes());
        bytes
    }

    /// From a program; `None` if there are too few bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; TERMIOS_BYTES] = bytes.first_chunk()?;
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut characters = [0; CONTROLS];
        characters.copy_from_slice(&bytes[CONTROL_AT..CONTROL_AT + CONTROLS]);
        Some(Self {
            input: word(0),
            output: word(4),
            control: word(8),
            local: word(12),
            characters,
            discipline: bytes[CONTROL_AT + CONTROLS],
            speeds: [word(36), word(40)],
        })
    }

    /// Whether `byte` is the special character `which`.
    pub fn is(&self, byte: u8, which: usize) -> bool {
        byte != 0 && self.characters[which] == byte
    }

    /// Whether all of `flags` of `c_lflag` are set.
    pub fn local(&self, flags: u32) -> bool {
        self.local & flags == flags
    }
}

#[cfg(test)]
mod tests {
    use super::{TERMIOS_BYTES, Termios};

    #[test]
    fn bytes_round_trip() {
        let mut settings = Termios::COOKED;
        settings.speeds = [1, 0x1234_5678];
        settings.local = 0x8000_0181;
        let bytes = settings.to_bytes();
        assert_eq!(Termios::from_bytes(&bytes), Some(settings));
        assert_eq!(Termios::from_bytes(&bytes[..TERMIOS_BYTES - 1]), None);
        assert_eq!(&bytes[12..16], &[0x81, 1, 0, 0x80]);
    }
}
