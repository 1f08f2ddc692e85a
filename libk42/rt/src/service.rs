//! Serving: from a call's registers to the object's `dispatch`.

use core::sync::atomic::{AtomicPtr, Ordering};
use k42_abi::Handle;
use k42_ipc::{Caller, ClientTables, Exported, Incoming, Reply};
use k42_sched::RawIncoming;
use k42_sched::trace::{User, events};

/// The root object and the tables.
struct Service {
    root: &'static dyn Exported,
    tables: &'static ClientTables,
}

static SERVICE: AtomicPtr<Service> = AtomicPtr::new(core::ptr::null_mut());

/// Serves from now on: calls on `Handle::ROOT` go to `root`, others to what `tables` holds for the caller.
pub fn serve(root: &'static dyn Exported, tables: &'static ClientTables) {
    let service = alloc::boxed::Box::leak(alloc::boxed::Box::new(Service { root, tables }));
    SERVICE.store(service, Ordering::Release);
}

/// Waits until the program has made its objects.
fn service() -> &'static Service {
    loop {
        // SAFETY: only `serve` stores it, and what it stores lives for ever.
        if let Some(service) = unsafe { SERVICE.load(Ordering::Acquire).as_ref() } {
            return service;
        }
        k42_sched::sleep_until(k42_sched::now() + crate::info().timebase_hz / 1000);
    }
}

/// The scheduler's hook.
pub(crate) fn serve_call(raw: &mut RawIncoming) {
    let service = service();
    let (from, word) = (raw.caller(), raw.word());
    let caller = Caller {
        process: from.process(),
        vp: from.vp(),
        handle: raw.handle(),
        rights: u32::MAX,
    };
    // SAFETY: the only time for this call.
    let slot = unsafe { raw.slot() };
    let length = word.length().min(slot.len());
    let mut incoming = Incoming {
        caller,
        method: word.method(),
        words: raw.words(),
        slot,
        length,
    };
    let (process, method) = (u64::from(caller.process.0), u64::from(incoming.method));
    events::ipc::serve::<User>(process, method);
    let reply = if caller.handle == Handle::ROOT {
        service.root.dispatch(&mut incoming)
    } else {
        match service.tables.lookup(caller.process, caller.handle) {
            Ok((object, rights)) => {
                incoming.caller.rights = rights;
                object.dispatch(&mut incoming)
            }
            Err(error) => Reply::error(error),
        }
    };
    events::ipc::served::<User>(process, method, reply.status as u64);
    raw.set_reply(reply.status, reply.words, reply.length);
}
