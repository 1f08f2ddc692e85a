//! Resource limits and scheduling weights.

use crate::linux::resource::{
    CORE, COUNT, INFINITY, MEMLOCK, MSGQUEUE, NICE, NOFILE, NPROC, RTPRIO, SIGPENDING, STACK,
};
use k42_abi::rights::{WEIGHT_DEFAULT, WEIGHT_MAX};
use k42_ipc::{Error, Result};

/// Soft and hard limit of every resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits([[u64; 2]; COUNT]);

impl Default for Limits {
    /// As Linux gives them to its first process, on a machine of medium size.
    fn default() -> Self {
        let mut limits = [[INFINITY; 2]; COUNT];
        limits[STACK] = [8 << 20, INFINITY];
        limits[CORE] = [0, INFINITY];
        limits[NPROC] = [15_000; 2];
        limits[NOFILE] = [1024, 4096];
        limits[MEMLOCK] = [8 << 20; 2];
        limits[SIGPENDING] = [15_000; 2];
        limits[MSGQUEUE] = [819_200; 2];
        limits[NICE] = [0; 2];
        limits[RTPRIO] = [0; 2];
        Self(limits)
    }
}

impl Limits {
    /// Soft and hard limit. EINVAL for an unknown resource.
    pub fn get(&self, resource: u32) -> Result<[u64; 2]> {
        self.0.get(resource as usize).copied().ok_or(Error::EINVAL)
    }
    /// The soft limit of a resource that exists.
    pub fn soft(&self, resource: usize) -> u64 {
        self.0[resource][0]
    }
    /// The same with one limit changed, if the rules allow it.
    pub fn with(&self, resource: u32, soft: u64, hard: u64, privileged: bool) -> Result<Self> {
        let old = self.get(resource)?;
        if soft > hard {
            return Err(Error::EINVAL);
        }
        if hard > old[1] && !privileged {
            return Err(Error::EPERM);
        }
        let mut new = *self;
        new.0[resource as usize] = [soft, hard];
        Ok(new)
    }
}

/// The kernel's weight for a nice value: a step of one is a quarter more or less of the CPU.
pub fn weight(nice: i32) -> u64 {
    let (mut weight, steps) = (WEIGHT_DEFAULT << 20, nice.clamp(-20, 19));
    for _ in 0..steps.unsigned_abs() {
        weight = if steps < 0 {
            weight * 5 / 4
        } else {
            weight * 4 / 5
        };
    }
    (weight >> 20).clamp(1, WEIGHT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_limits_go_down_only() {
        let limits = Limits::default();
        assert_eq!(limits.with(7, 2000, 1000, true), Err(Error::EINVAL));
        assert_eq!(limits.with(7, 1, 5000, false), Err(Error::EPERM));
        let lower = limits.with(7, 10, 20, false).unwrap();
        assert_eq!(lower.get(7), Ok([10, 20]));
        assert_eq!(lower.with(7, 10, 21, false), Err(Error::EPERM));
        assert!(lower.with(7, 10, 21, true).is_ok());
        assert_eq!(limits.get(16), Err(Error::EINVAL));
    }

    #[test]
    fn weights_follow_nice() {
        assert_eq!(weight(0), 1024);
        assert_eq!(weight(1), 819);
        assert_eq!(weight(-1), 1280);
        assert_eq!(weight(19), 14);
        assert_eq!(weight(-20), WEIGHT_MAX);
        assert!((-20..19).all(|nice| weight(nice) >= weight(nice + 1)));
    }
}
