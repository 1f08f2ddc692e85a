//! What an ioctl(2) number says about its argument.
//!
//! On Power: bits 29-31 direction (1 = none, 2 = the program reads, 4 = it writes), bits 16-28 size, then type and
//! number. So nearly every request tells how many bytes go which way; the exceptions are listed.

/// Most bytes of an argument.
pub const MOST: usize = 256;

/// How the argument goes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The argument itself, as eight bytes.
    Value,
    /// That many bytes from where it points.
    Memory(usize),
}

/// Directions and sizes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// In.
    pub input: Input,
    /// Room for what comes back.
    pub output: usize,
}

/// Requests of the form `'T' << 8 | n`, whose numbers carry neither direction nor size.
const PLAIN: &[(u32, Shape)] = &[
    (
        0x5410,
        Shape {
            input: Input::Memory(4),
            output: 0,
        },
    ), // TIOCSPGRP's twin on other machines; harmless
    (
        0x5411,
        Shape {
            input: Input::Value,
            output: 4,
        },
    ), // TIOCOUTQ
    (
        0x5415,
        Shape {
            input: Input::Value,
            output: 4,
        },
    ), // TIOCMGET
    (
        0x5419,
        Shape {
            input: Input::Value,
            output: 4,
        },
    ), // TIOCGSOFTCAR
    (
        0x541a,
        Shape {
            input: Input::Memory(4),
            output: 0,
        },
    ), // TIOCSSOFTCAR
    (
        0x5412,
        Shape {
            input: Input::Memory(1),
            output: 0,
        },
    ), // TIOCSTI
    (
        0x5424,
        Shape {
            input: Input::Value,
            output: 4,
        },
    ), // TIOCGETD
    (
        0x5423,
        Shape {
            input: Input::Memory(4),
            output: 0,
        },
    ), // TIOCSETD
    (
        0x5429,
        Shape {
            input: Input::Value,
            output: 4,
        },
    ), // TIOCGSID
    (
        0x541b,
        Shape {
            input: Input::Value,
            output: 4,
        },
    ), // FIONREAD's twin
];

/// The shape of `request`.
pub fn shape(request: u32) -> Shape {
    if let Some((_, shape)) = PLAIN.iter().find(|(number, _)| *number == request) {
        return *shape;
    }
    let size = (request >> 16 & 0x1fff) as usize;
    let size = size.min(MOST);
    let direction = request >> 29;
    let input = if direction & 4 != 0 && size > 0 {
        Input::Memory(size)
    } else {
        Input::Value
    };
    Shape {
        input,
        output: if direction & 2 != 0 { size } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_requests() {
        // TCGETS, TCSETS, TIOCGWINSZ, TIOCSWINSZ, TIOCGPGRP, TIOCSPGRP, FIONREAD, TIOCSCTTY.
        assert_eq!(
            shape(0x402c_7413),
            Shape {
                input: Input::Value,
                output: 44
            }
        );
        assert_eq!(
            shape(0x802c_7414),
            Shape {
                input: Input::Memory(44),
                output: 0
            }
        );
        assert_eq!(
            shape(0x4008_7468),
            Shape {
                input: Input::Value,
                output: 8
            }
        );
        assert_eq!(
            shape(0x8008_7467),
            Shape {
                input: Input::Memory(8),
                output: 0
            }
        );
        assert_eq!(
            shape(0x4004_7477),
            Shape {
                input: Input::Value,
                output: 4
            }
        );
        assert_eq!(
            shape(0x8004_7476),
            Shape {
                input: Input::Memory(4),
                output: 0
            }
        );
        assert_eq!(
            shape(0x4004_667f),
            Shape {
                input: Input::Value,
                output: 4
            }
        );
        assert_eq!(
            shape(0x540e),
            Shape {
                input: Input::Value,
                output: 0
            }
        );
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(shape(0xffff_ffff).output, MOST);
    }
}
