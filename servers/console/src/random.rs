//! Random bytes: ChaCha20 keyed from the hypervisor's source, keyed anew after every mebibyte.

use k42_fslib::sync::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::ports::Host;

/// Bytes between two seeds.
const RESEED: usize = 1 << 20;

/// The source behind /dev/random and /dev/urandom.
pub struct Random {
    state: Mutex<State>,
}

struct State {
    generator: Option<ChaCha20Rng>,
    left: usize,
    /// What programs wrote to the device; goes into the next seed beside the hypervisor's words.
    added: u64,
}

impl Random {
    /// Not seeded yet.
    pub const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                generator: None,
                left: 0,
                added: 0,
            }),
        }
    }

    /// Fills `room`. False if the machine offers no randomness: then the generator is keyed with time and what was
    /// written to it, which is not secret, and the caller may refuse.
    pub fn fill(&self, host: &dyn Host, room: &mut [u8]) -> bool {
        let mut state = self.state.lock();
        let mut good = true;
        if state.generator.is_none() || state.left < room.len() {
            let mut seed = [0; 32];
            for (index, part) in seed.chunks_exact_mut(8).enumerate() {
                let word = host.random().unwrap_or_else(|| {
                    good = false;
                    host.now() as u64 ^ (index as u64) << 56
                });
                part.copy_from_slice(&(word ^ state.added.rotate_left(index as u32)).to_le_bytes());
            }
            if let Some(old) = &mut state.generator {
                // The old key stays in it: a bad source cannot make things worse.
                for part in seed.chunks_exact_mut(8) {
                    let word = u64::from_le_bytes([
                        part[0], part[1], part[2], part[3], part[4], part[5], part[6], part[7],
                    ]);
                    part.copy_from_slice(&(word ^ old.next_u64()).to_le_bytes());
                }
            }
            state.generator = Some(ChaCha20Rng::from_seed(seed));
            state.left = RESEED;
        }
        state.left = state.left.saturating_sub(room.len());
        if let Some(generator) = &mut state.generator {
            generator.fill_bytes(room);
        }
        good
    }

    /// Takes what a program wrote as an addition to the next seed.
    pub fn add(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        for &byte in bytes {
            state.added = state
                .added
                .rotate_left(7)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ u64::from(byte);
        }
        state.left = 0;
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}
