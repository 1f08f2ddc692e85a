//! Serving: from a call's registers to the object's `dispatch`.

use core::sync::atomic::{AtomicPtr, Ordering};
use k42_abi::message::{CallWord, REGISTER_WORDS};
use k42_abi::{CommId, Handle};
use k42_ipc::{Caller, ClientTables, Exported, Incoming, Reply};
use k42_sched::ThreadRef;
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

/// What this worker serves, found once. Waits until the program has made its objects.
#[inline]
fn service() -> &'static Service {
    let worker = k42_sched::current();
    // SAFETY: null, or what `find` has left there.
    unsafe { worker.get().extension().cast::<Service>().as_ref() }.unwrap_or_else(|| find(worker))
}

#[cold]
#[inline(never)]
fn find(worker: ThreadRef) -> &'static Service {
    loop {
        let service = SERVICE.load(Ordering::Acquire);
        // SAFETY: only `serve` stores it, and what it stores lives for ever.
        if let Some(found) = unsafe { service.as_ref() } {
            worker.get().set_extension(service.cast());
            return found;
        }
        k42_sched::sleep_until(k42_sched::now() + crate::info().timebase_hz / 1000);
    }
}

/// Serves a call; enabled, on the worker's stack. Called by the scheduler's entry with the call's registers and the place of
/// its words.
#[unsafe(no_mangle)]
extern "C" fn k42_serve(
    from: CommId,
    handle: Handle,
    word: CallWord,
    words: &mut [u64; REGISTER_WORDS],
) -> Reply {
    let service = service();
    let mut incoming = Incoming {
        caller: Caller {
            process: from.process(),
            vp: from.vp(),
            handle,
            rights: u32::MAX,
        },
        method: word.method(),
        words,
        // SAFETY: the only time for this call.
        slot: unsafe { k42_sched::served_slot() },
        length: word.length(),
    };
    let (process, method) = name(&incoming);
    events::ipc::serve::<User>(process, method);
    let reply = if incoming.caller.handle == Handle::ROOT {
        service.root.dispatch(&mut incoming)
    } else {
        serve_object(service.tables, &mut incoming)
    };
    // Read once more, so that nothing need be kept over the call.
    let (process, method) = name(&incoming);
    events::ipc::served::<User>(process, method, reply.status() as u64);
    reply
}

/// Whose call it is, and for which method.
#[inline(always)]
fn name(incoming: &Incoming<'_>) -> (u64, u64) {
    (
        u64::from(incoming.caller.process.0),
        u64::from(incoming.method),
    )
}

/// A call on something that the caller has been given.
#[inline(never)]
fn serve_object(tables: &ClientTables, incoming: &mut Incoming<'_>) -> Reply {
    match tables.lookup(incoming.caller.process, incoming.caller.handle) {
        Ok((object, rights)) => {
            incoming.caller.rights = rights;
            object.dispatch(incoming)
        }
        Err(error) => Reply::error(error),
    }
}
