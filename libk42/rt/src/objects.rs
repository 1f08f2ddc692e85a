//! What happens to a server's objects, as events.

use k42_object::Happening;
use k42_sched::trace::{Class, User, events, is_on};

/// For `k42_object::Config::watcher`.
pub fn trace_object(what: Happening, object: u64) {
    if !is_on(Class::Objects) {
        return;
    }
    let process = u64::from(crate::own_process().0);
    match what {
        Happening::Created => events::objects::create::<User>(process, object),
        Happening::Missed => events::objects::miss::<User>(process, object),
        Happening::Destroyed => events::objects::destroy::<User>(process, object),
        Happening::Freed => events::objects::freed::<User>(process, object),
    }
}
