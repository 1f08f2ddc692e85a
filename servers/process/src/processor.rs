//! RLIMIT_CPU: who has run for too long.
//!
//! The kernel counts what a process runs and tells nobody. So as long as there is a process with such a limit, the server
//! looks again at the first moment at which one can have reached it, were all its CPUs busy.

use crate::linux::{code, resource, signal};
use crate::record::Record;
use crate::server::Server;
use k42_api::process::SignalInfo;

const SECOND: u64 = 1_000_000_000;
/// Least time between two looks, nanoseconds.
const STEP: u64 = 1_000_000;

/// What is due for a process that has run for `used` nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    /// SIGKILL.
    Kill,
    /// SIGXCPU, and the next one a second later.
    Warn,
    /// Nothing before it has run so much longer, nanoseconds.
    Later(u64),
}

/// Of limits in seconds; `None` if there is none. A limit of zero counts as a second, as on Linux.
fn due([soft, hard]: [u64; 2], used: u64) -> Option<Due> {
    let at = |limit: u64| limit.max(1).saturating_mul(SECOND);
    if soft == resource::INFINITY && hard == resource::INFINITY {
        return None;
    }
    Some(if used >= at(hard) {
        Due::Kill
    } else if used >= at(soft) {
        Due::Warn
    } else {
        Due::Later(at(soft).min(at(hard)) - used)
    })
}

impl Server {
    /// Sends the signals that are due. Nanoseconds until the next look; `None` if no process has a limit.
    pub fn check_processor_limits(&self) -> Option<u64> {
        let guard = self.objects.enter();
        let mut next: Option<u64> = None;
        for (_, process) in self.pids.all() {
            let Ok(record) = process.get(&guard) else {
                continue;
            };
            let Ok(limits) = record.limits().get(resource::CPU as u32) else {
                continue;
            };
            if limits == [resource::INFINITY; 2] {
                continue;
            }
            // A dead process has no dispatchers any more.
            let Ok(statistics) = self.env.statistics(record.space()) else {
                continue;
            };
            let wait = match due(limits, self.env.nanoseconds(statistics.ticks)) {
                None => continue,
                Some(Due::Kill) => {
                    let _ = self.deliver(&guard, process, by_kernel(signal::KILL));
                    continue;
                }
                Some(Due::Warn) => {
                    let soft = limits[0].max(1) + 1;
                    let _ = record.set_limit(
                        resource::CPU as u32,
                        soft.min(limits[1]),
                        limits[1],
                        true,
                    );
                    let _ = self.deliver(&guard, process, by_kernel(signal::XCPU));
                    SECOND
                }
                Some(Due::Later(wait)) => wait,
            };
            let wait = (wait / u64::from(self.env.cpus().max(1))).max(STEP);
            next = Some(next.map_or(wait, |next| next.min(wait)));
        }
        next
    }
}

fn by_kernel(signal: u32) -> SignalInfo {
    SignalInfo {
        signal,
        code: code::SI_KERNEL,
        ..crate::pending::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warned_every_second_then_killed() {
        let none = resource::INFINITY;
        assert_eq!(due([none, none], u64::MAX), None);
        assert_eq!(due([2, 4], SECOND), Some(Due::Later(SECOND)));
        assert_eq!(due([2, 4], 2 * SECOND), Some(Due::Warn));
        assert_eq!(due([3, 4], 2 * SECOND), Some(Due::Later(SECOND)));
        assert_eq!(due([4, 4], 4 * SECOND), Some(Due::Kill));
        assert_eq!(due([none, 1], SECOND), Some(Due::Kill));
        assert_eq!(due([0, none], 0), Some(Due::Later(SECOND)));
    }
}
