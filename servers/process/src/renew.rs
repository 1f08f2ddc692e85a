//! Programs with set-user-id or set-group-id bits.
//!
//! The library of a process is memory that its program can write, so a program that gives rights to whoever executes it
//! cannot start below the old one. The file server that has the file says whom the process becomes; then the process asks to be
//! renewed, and gets an address space with a fresh library, into which only the old program's memory is copied: there the
//! new library finds the arguments, and trusts nothing of them. Number, family, pending signals and open files stay.

use crate::credentials::Identity;
use crate::linux::signal;
use crate::record::{Offer, Record};
use crate::server::{Server, object_error};
use alloc::sync::Arc;
use k42_api::process::start_words;
use k42_ipc::{Caller, Error, ProcessId, Result};
use k42_sched::trace::{User, events};

impl Server {
    /// `Process::offer_program`.
    pub fn offer_call(&self, process: ProcessId, offer: Offer) -> Result<bool> {
        let guard = self.objects.enter();
        let me = self.record(&guard, process)?;
        let old = me.identity();
        let new = old.executing(offer.uid, offer.gid);
        let is_other = (new.ids.euid, new.ids.egid) != (old.ids.euid, old.ids.egid);
        let changes = is_other && !me.view().heritage.no_new_privileges;
        me.set_offer(changes.then_some(offer));
        Ok(changes)
    }

    /// `Process::renew`.
    pub fn renew_call(&self, caller: &Caller, request: u64) -> Result<()> {
        let guard = self.objects.enter();
        let process = self.spaces.get(caller.process)?;
        let me = process.get(&guard).map_err(object_error)?;
        let offer = me.set_offer(None).ok_or(Error::EPERM)?;
        let identity = me.identity().executing(offer.uid, offer.gid);
        // Nothing changes in it while it is copied.
        self.env.freeze(caller.process)?;
        let space = match self.fresh_space(caller.process, me.cpu(), &identity) {
            Ok(space) => space,
            Err(error) => {
                if me.view().stopped.is_none() {
                    let _ = self.env.thaw(caller.process);
                }
                return Err(error);
            }
        };
        self.spaces.set(space, process);
        events::process::space::<User>(me.pid() as u64, u64::from(space.0));
        if let Err(error) = me.move_to_space(space, &*self.env) {
            // It is being ended, with its old space.
            self.spaces.clear(space);
            self.forget_space(space);
            return Err(error);
        }
        self.spaces.clear(caller.process);
        // The real user, whom it counts against, is the same.
        me.set_identity(Arc::new(identity), None);
        let nice = me.view().heritage.nice;
        if nice != 0 {
            let _ = self.env.set_weight(space, crate::limits::weight(nice));
        }
        let words = [
            me.pid() as u64,
            request,
            offer.handle.0,
            u64::from(offer.server.0) << 32 | start_words::RENEWED,
        ];
        if self.env.start_space(space, words).is_err() {
            self.end(&guard, process, signal::KILL);
        }
        self.forget_space(caller.process);
        Ok(())
    }

    /// A space with a fresh library, known to all file servers under the new identity.
    fn fresh_space(&self, old: ProcessId, cpu: u32, identity: &Identity) -> Result<ProcessId> {
        let space = self.env.renew_space(old, cpu)?;
        let told = self.tell_servers(|server| {
            self.env.client_forked(server, old, space)?;
            self.env
                .credentials_changed(server, space, identity.for_files(), &identity.groups)
        });
        if let Err(error) = told.and_then(|()| self.files.fork(old, space)) {
            self.forget_space(space);
            return Err(error);
        }
        Ok(space)
    }
}
