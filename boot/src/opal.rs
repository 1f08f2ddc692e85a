//! OPAL: the firmware of bare POWER servers (skiboot, also under QEMU's `powernv` and under
//! Mambo). It hands over a flattened device tree in r3, its base in r8 and its entry in r9,
//! and stays in memory for calls: token in r0, base in r2, arguments from r3, big-endian and
//! in real mode, addresses physical ("OPAL API" in skiboot's documents).
//!
//! Only the console, starting CPUs and switching off are here: enough to see the kernel
//! start. The calls in use write to nothing but the words that they name.

use crate::physical;

const CONSOLE_WRITE: u64 = 1;
const POWER_DOWN: u64 = 5;
const POLL_EVENTS: u64 = 10;
const START_CPU: u64 = 41;

const SUCCESS: i64 = 0;
const BUSY: i64 = -2;
const BUSY_EVENT: i64 = -12;

/// Where to call OPAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opal {
    base: u64,
    entry: u64,
}

/// Why OPAL refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpalError {
    /// Ask again later.
    Busy,
    /// Any other code, as it came.
    Other(i64),
}

impl Opal {
    /// OPAL as it introduced itself.
    ///
    /// # Safety
    /// `base` and `entry` are what it passed in r8 and r9, and its memory stays its own.
    pub unsafe fn new(base: u64, entry: u64) -> Self {
        Self { base, entry }
    }

    /// Base and entry, to be kept in two words.
    pub fn to_parts(self) -> (u64, u64) {
        (self.base, self.entry)
    }

    /// Writes to terminal `number`; returns how many of the bytes it took.
    ///
    /// # Errors
    /// [`OpalError::Busy`] when it takes none now.
    pub fn console_write(&self, number: u32, text: &[u8]) -> Result<usize, OpalError> {
        let mut length = (text.len() as u64).to_be();
        let place = physical((&raw mut length).cast_const());
        self.call(
            CONSOLE_WRITE,
            [u64::from(number), place, physical(text.as_ptr()), 0],
        )?;
        Ok((u64::from_be(length) as usize).min(text.len()))
    }

    /// Lets OPAL do its own work, such as sending what was written.
    pub fn poll(&self) {
        let mut events = 0u64;
        // Which events wait is of no interest here; a failure only delays text.
        let _ = self.call(
            POLL_EVENTS,
            [physical((&raw mut events).cast_const()), 0, 0, 0],
        );
    }

    /// Asks OPAL to switch the machine off and lets it work at that, for good. Returns only
    /// when it refused.
    pub fn power_off(&self) {
        let mut asked = false;
        loop {
            if !asked {
                match self.call(POWER_DOWN, [0; 4]) {
                    Ok(()) => asked = true,
                    Err(OpalError::Busy) => {}
                    Err(OpalError::Other(_)) => return,
                }
            }
            self.poll();
        }
    }

    /// Starts CPU `hw_cpu` at physical address `entry`.
    ///
    /// # Errors
    /// What OPAL answers when there is no such CPU or it runs already.
    ///
    /// # Safety
    /// At `entry` must be code for a CPU in OPAL's state (big-endian, real mode, no stack).
    pub unsafe fn start_cpu(&self, hw_cpu: u32, entry: u64) -> Result<(), OpalError> {
        self.call(START_CPU, [u64::from(hw_cpu), entry, 0, 0])
    }

    fn call(&self, token: u64, args: [u64; 4]) -> Result<(), OpalError> {
        match enter(self, token, args) {
            SUCCESS => Ok(()),
            BUSY | BUSY_EVENT => Err(OpalError::Busy),
            code => Err(OpalError::Other(code)),
        }
    }
}

#[cfg(target_os = "none")]
fn enter(opal: &Opal, token: u64, [a, b, c, d]: [u64; 4]) -> i64 {
    unsafe extern "C" {
        /// start.S
        fn k42_opal_call(a: u64, b: u64, c: u64, d: u64, token: u64, base: u64, entry: u64) -> i64;
    }
    // SAFETY:
    // * `Opal::new` vouches for base and entry;
    // * the calls made in this module write to nothing but the words that they name, which
    //   are borrowed by the caller and were exposed by `physical`.
    unsafe { k42_opal_call(a, b, c, d, token, opal.base, opal.entry) }
}

/// There is no firmware below the host.
#[cfg(not(target_os = "none"))]
fn enter(_opal: &Opal, _token: u64, _args: [u64; 4]) -> i64 {
    /// OPAL_UNSUPPORTED
    const UNSUPPORTED: i64 = -7;
    UNSUPPORTED
}
