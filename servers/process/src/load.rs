//! The load average: how many processes were busy, averaged over one, five and fifteen minutes.
//!
//! The kernel keeps no average; it tells how long each process ran. The share of time that all processes together ran
//! since the last look, times one, is taken for the number of busy ones. It is worked out when somebody asks, so it costs nothing
//! when nobody does.

use k42_sched::Mutex;

/// Fixed point: this is 1.0, as sysinfo(2) has it.
pub const ONE: u64 = 1 << 16;
/// Nanoseconds between two steps of the average.
const STEP: u64 = 5_000_000_000;
/// Share of the old value that a step keeps, for 1, 5 and 15 minutes: e^(-5/60), e^(-5/300), e^(-5/900) in 1/65536.
const KEEP: [u64; 3] = [60_296, 64_453, 65_173];

#[derive(Default)]
struct State {
    at: u64,
    busy: u64,
    loads: [u64; 3],
}

/// The average.
#[derive(Default)]
pub struct LoadAverage(Mutex<State>);

impl LoadAverage {
    /// The three loads at time `now`, when all processes that ever were have run `busy`; both in nanoseconds.
    pub fn update(&self, now: u64, busy: u64) -> [u64; 3] {
        let mut state = self.0.lock();
        let passed = now.saturating_sub(state.at);
        if passed >= STEP {
            let load = (u128::from(busy.saturating_sub(state.busy)) * u128::from(ONE)
                / u128::from(passed)) as u64;
            // After an hour nothing of the old value is left anyway.
            for _ in 0..(passed / STEP).min(720) {
                for (value, keep) in state.loads.iter_mut().zip(KEEP) {
                    *value = (*value * keep + load * (ONE - keep)) / ONE;
                }
            }
            state.at = now;
            state.busy = busy;
        }
        state.loads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_counts_one_in_the_end() {
        let load = LoadAverage::default();
        let second = 1_000_000_000;
        assert_eq!(load.update(second, second), [0; 3]);
        let mut last = [0; 3];
        for minute in 1..=60 {
            last = load.update(minute * 60 * second, minute * 60 * second);
        }
        assert!(last[0] > ONE * 98 / 100 && last[0] <= ONE);
        assert!(last[2] < last[1] && last[1] < last[0] + 100);
        assert_eq!(
            load.update(2 * 3600 * second, 3600 * second)[..2],
            [0; 2],
            "idle for an hour"
        );
    }
}
