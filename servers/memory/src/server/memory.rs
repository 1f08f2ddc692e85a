//! The interface `Memory`.

use super::Server;
use crate::fcm::{Fcm, Object, Physical};
use crate::frames::{Frame, Kind};
use crate::handles::{Grant, QUOTA, SERVER_QUOTA};
use crate::space::{ACCESS, Mapping, PAGE, Shape, Use};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use k42_abi::rights::{KernelRights, class};
use k42_api::memory::{MapOptions, Memory, MemoryTotals, SegmentState, SpaceUsage, lock};
use k42_ipc::{Caller, Error, Handle, OutBuf, ProcessId, Result};

/// Client slots of a Linux process's dispatcher.
const CLIENT_SLOTS: u32 = 8;
/// Longest name of an object: a path of Linux.
const NAME_MAX: usize = 4095;

fn options_of(bits: u32) -> Result<MapOptions> {
    MapOptions::from_bits(bits).ok_or(Error::EINVAL)
}

fn handle_change<T>(
    handles: &mut Arc<crate::handles::Handles>,
    work: impl FnOnce(&mut crate::handles::Handles) -> T,
) -> T {
    work(Arc::make_mut(handles))
}

impl Server {
    fn grant_of(&self, caller: &Caller, object: Handle) -> Result<Grant> {
        self.space(caller.process)?
            .handles(|handles| handles.get(object).cloned())?
    }

    fn owned(&self, caller: &Caller, object: Handle) -> Result<Arc<Object>> {
        let grant = self.grant_of(caller, object)?;
        if grant.is_owner {
            Ok(grant.object)
        } else {
            Err(Error::NO_RIGHT)
        }
    }

    fn give(&self, process: ProcessId, grant: Grant) -> Result<Handle> {
        self.core.admit()?;
        let space = self.space(process)?;
        let quota = if space.is_server { SERVER_QUOTA } else { QUOTA };
        space.handles(|handles| handle_change(handles, |handles| handles.insert(grant, quota)))?
    }
}

impl Memory for Server {
    fn map_anonymous(
        &self,
        caller: &Caller,
        address: u64,
        bytes: u64,
        options: u32,
    ) -> Result<u64> {
        let mut options = options_of(options)?;
        let space = self.space(caller.process)?;
        // A server never faults.
        options.set(
            MapOptions::EAGER,
            space.is_server || options.contains(MapOptions::EAGER),
        );
        let mut mapping = Mapping::anonymous(address, bytes, options);
        if options.contains(MapOptions::SHARED) {
            if bytes / PAGE > self.core.frames.total() {
                return Err(Error::ENOMEM);
            }
            let object = Object::new(
                self.core,
                bytes.next_multiple_of(PAGE),
                Kind::Shared,
                b"/dev/zero (deleted)",
            );
            mapping.fcm = Some(Arc::new(object));
        }
        space.map(mapping)
    }

    fn map_object(
        &self,
        caller: &Caller,
        object: Handle,
        offset: u64,
        address: u64,
        bytes: u64,
        options: u32,
    ) -> Result<u64> {
        let options = options_of(options)?;
        if !offset.is_multiple_of(PAGE) || options.contains(MapOptions::GROWS_DOWN) {
            return Err(Error::EINVAL);
        }
        offset
            .checked_add(bytes)
            .filter(|&end| end <= i64::MAX as u64)
            .ok_or(Error::EOVERFLOW)?;
        let grant = self.grant_of(caller, object)?;
        // A private mapping only reads the object, whatever is done to the copies.
        let mut may = grant.access;
        if !options.contains(MapOptions::SHARED) && may.contains(MapOptions::READ) {
            may |= MapOptions::WRITE;
        }
        if !may.contains(options & ACCESS) || !grant.access.contains(MapOptions::READ) {
            return Err(Error::EACCES);
        }
        let index = offset / PAGE;
        let fcm = Some(grant.object as Arc<dyn Fcm>);
        self.space(caller.process)?.map(Mapping {
            address,
            bytes,
            options,
            purpose: Use::File,
            may,
            fcm,
            index,
        })
    }

    fn unmap(&self, caller: &Caller, address: u64, bytes: u64) -> Result<()> {
        self.space(caller.process)?.unmap(address, bytes)
    }

    fn protect(&self, caller: &Caller, address: u64, bytes: u64, options: u32) -> Result<()> {
        self.space(caller.process)?
            .protect(address, bytes, options_of(options)?)
    }

    fn remap(
        &self,
        caller: &Caller,
        address: u64,
        old_bytes: u64,
        new_bytes: u64,
        flags: u32,
        new_address: u64,
    ) -> Result<u64> {
        self.space(caller.process)?
            .remap(address, old_bytes, new_bytes, flags, new_address)
    }

    fn set_break(&self, caller: &Caller, address: u64) -> Result<u64> {
        self.space(caller.process)?.set_break(address)
    }

    fn advise(&self, caller: &Caller, address: u64, bytes: u64, advice: u32) -> Result<()> {
        self.space(caller.process)?.advise(address, bytes, advice)
    }

    fn check_range(&self, caller: &Caller, address: u64, bytes: u64, unlocked: bool) -> Result<()> {
        self.space(caller.process)?
            .check_range(address, bytes, unlocked)
    }

    fn lock(&self, caller: &Caller, address: u64, bytes: u64, how: u32, limit: u64) -> Result<()> {
        let known = lock::LOCK | lock::ON_FAULT | lock::ALL | lock::FUTURE;
        if how & !known != 0 {
            return Err(Error::EINVAL);
        }
        self.core.admit()?;
        self.space(caller.process)?.lock(address, bytes, how, limit)
    }

    fn resident(
        &self,
        caller: &Caller,
        address: u64,
        bytes: u64,
        out: &mut OutBuf<'_>,
    ) -> Result<()> {
        self.space(caller.process)?.resident(address, bytes, out)
    }

    fn describe(
        &self,
        caller: &Caller,
        process: ProcessId,
        from: u64,
        out: &mut OutBuf<'_>,
    ) -> Result<u64> {
        let process = match process {
            ProcessId::NONE => caller.process,
            process if process == caller.process => process,
            process => Self::only_process_server(caller).map(|()| process)?,
        };
        self.space(process)?.describe(from, out)
    }

    fn clear_program(&self, caller: &Caller, break_start: u64) -> Result<()> {
        self.space(caller.process)?.clear_program(break_start)
    }

    fn set_limit(&self, caller: &Caller, which: u32, bytes: u64) -> Result<()> {
        self.space(caller.process)?.set_limit(which, bytes)
    }

    fn create_dispatcher(
        &self,
        caller: &Caller,
        cpu: u32,
        client_slots: u32,
        server_slots: u32,
    ) -> Result<u32> {
        let space = self.space(caller.process)?;
        let class = if space.is_server {
            class::SERVER
        } else {
            class::TIME_SHARE
        };
        self.core.admit()?;
        space.create_dispatcher(Shape {
            vp: 0,
            cpu,
            client_slots,
            server_slots,
            class,
        })
    }

    fn create_object(&self, caller: &Caller, bytes: u64, name: &[u8]) -> Result<Handle> {
        if name.len() > NAME_MAX || bytes > i64::MAX as u64 {
            return Err(Error::EINVAL);
        }
        self.server_space(caller)?;
        let object = Arc::new(Object::new(self.core, bytes, Kind::Cached, name));
        self.count_object();
        self.give(
            caller.process,
            Grant {
                object,
                access: ACCESS,
                is_owner: true,
            },
        )
    }

    fn grant(
        &self,
        caller: &Caller,
        object: Handle,
        process: ProcessId,
        options: u32,
        name: &[u8],
    ) -> Result<Handle> {
        if name.len() > NAME_MAX {
            return Err(Error::EINVAL);
        }
        let access = options_of(options)? & ACCESS;
        let object = self.owned(caller, object)?;
        if !name.is_empty() {
            object.rename(name)?;
        }
        self.give(
            process,
            Grant {
                object,
                access,
                is_owner: false,
            },
        )
    }

    fn resize_object(&self, caller: &Caller, object: Handle, bytes: u64) -> Result<()> {
        if bytes > i64::MAX as u64 {
            return Err(Error::EFBIG);
        }
        self.owned(caller, object)?.resize(bytes);
        Ok(())
    }

    fn populate_object(
        &self,
        caller: &Caller,
        object: Handle,
        offset: u64,
        bytes: u64,
    ) -> Result<()> {
        let end = offset
            .checked_add(bytes)
            .ok_or(Error::EINVAL)?
            .div_ceil(PAGE);
        self.owned(caller, object)?.populate(offset / PAGE, end)
    }

    fn punch_object(&self, caller: &Caller, object: Handle, offset: u64, bytes: u64) -> Result<()> {
        let end = offset.checked_add(bytes).ok_or(Error::EINVAL)? / PAGE;
        self.owned(caller, object)?
            .punch(offset.div_ceil(PAGE), end);
        Ok(())
    }

    fn object_frames(&self, caller: &Caller, object: Handle) -> Result<u64> {
        Ok(self.grant_of(caller, object)?.object.frames())
    }

    fn release(&self, caller: &Caller, object: Handle) -> Result<()> {
        let space = self.space(caller.process)?;
        // The object may end here: outside the space's lock.
        let removed = space.handles(|handles| {
            handles.get(object)?;
            handle_change(handles, |handles| handles.remove(object))
        })?;
        removed.map(drop)
    }

    fn create_space(&self, caller: &Caller, cpu: u32) -> Result<ProcessId> {
        Self::only_process_server(caller)?;
        let library = self.library.lock().clone();
        let space = self.new_space(KernelRights::empty(), 0, false)?;
        let shape = Shape {
            vp: 0,
            cpu,
            client_slots: CLIENT_SLOTS,
            server_slots: 0,
            class: class::TIME_SHARE,
        };
        let result = space.furnish(library.regions, &[shape], library.entry, false);
        self.finish(space, result)
    }

    fn fork_space(
        &self,
        caller: &Caller,
        parent: ProcessId,
        vp: u32,
        cpu: u32,
        without_program: bool,
    ) -> Result<ProcessId> {
        Self::only_process_server(caller)?;
        let parent = self.space(parent)?;
        let child = self.new_space(KernelRights::empty(), 0, false)?;
        let shape = Shape {
            vp: 0,
            cpu,
            client_slots: CLIENT_SLOTS,
            server_slots: 0,
            class: class::TIME_SHARE,
        };
        let result = if parent.is_server {
            Err(Error::EPERM)
        } else {
            parent.fork_into(&child, vp, shape, without_program)
        };
        self.finish(child, result)
    }

    fn renew_space(&self, caller: &Caller, parent: ProcessId, cpu: u32) -> Result<ProcessId> {
        let parent = self.space(parent)?;
        let id = self.create_space(caller, cpu)?;
        let copied = if parent.is_server {
            Err(Error::EPERM)
        } else {
            self.space(id)
                .and_then(|space| parent.copy_program_into(&space))
        };
        if let Err(error) = copied {
            // It was never started: nothing but its memory has to go.
            let _ = self.destroy_space(caller, id);
            return Err(error);
        }
        Ok(id)
    }

    fn start_space(&self, caller: &Caller, process: ProcessId, words: [u64; 4]) -> Result<()> {
        Self::only_process_server(caller)?;
        let space = self.space(process)?;
        space.set_pid(words[0] as u32);
        space.start(&words)
    }

    fn destroy_space(&self, caller: &Caller, process: ProcessId) -> Result<[u64; 2]> {
        Self::only_process_server(caller)?;
        // Other servers can end: who called them hears of it.
        if [ProcessId::MEMORY, ProcessId::PROCESS].contains(&process) {
            return Err(Error::EPERM);
        }
        let space = self.spaces.remove(process)?;
        let used = space.used();
        let ended = space.destroy();
        self.futexes.purge(&space);
        ended.map(|()| used)
    }

    fn futex_enter(&self, caller: &Caller, address: u64, bits: u32, token: u64) -> Result<bool> {
        let space = self.space(caller.process)?;
        let Some(word) = space.shared_word(address)? else {
            return Ok(false);
        };
        self.core.admit()?;
        self.futexes.enter(&space, caller.vp, word, bits, token)?;
        Ok(true)
    }

    fn futex_leave(&self, caller: &Caller, token: u64) -> Result<bool> {
        Ok(self.futexes.leave(&*self.space(caller.process)?, token))
    }

    fn futex_wake(&self, caller: &Caller, address: u64, count: u32, bits: u32) -> Result<[u64; 2]> {
        Ok(match self.space(caller.process)?.shared_word(address)? {
            None => [0, 0],
            Some(word) => [1, u64::from(self.futexes.wake(&word, count, bits))],
        })
    }

    fn futex_requeue(
        &self,
        caller: &Caller,
        from: u64,
        to: u64,
        count: u32,
        most: u32,
    ) -> Result<[u64; 3]> {
        let space = self.space(caller.process)?;
        let (from, to) = (space.shared_word(from)?, space.shared_word(to)?);
        Ok(match (from, to) {
            (None, None) => [0; 3],
            (Some(from), Some(to)) => {
                let (woken, moved) = self.futexes.requeue(&from, &to, count, most);
                [1, u64::from(woken), u64::from(moved)]
            }
            // From shared to private memory or back nobody can be moved, but everybody can be woken without cause.
            (Some(from), None) => {
                let woken = self
                    .futexes
                    .wake(&from, count.saturating_add(most), u32::MAX);
                [1, u64::from(woken), 0]
            }
            (None, Some(_)) => [2, 0, 0],
        })
    }

    fn usage(&self, caller: &Caller, process: ProcessId) -> Result<SpaceUsage> {
        if process != caller.process {
            Self::only_process_server(caller)?;
        }
        self.space(process)?.usage()
    }

    fn totals(&self, _caller: &Caller) -> Result<MemoryTotals> {
        let frames = &self.core.frames;
        let used = |kind| frames.used(kind) * PAGE;
        let (mut spaces, mut regions, mut fcms) = (0, 0, self.objects.load(Relaxed));
        self.spaces.each(|space| {
            let (all, private) = space.regions();
            spaces += 1;
            regions += all;
            fcms += private;
        });
        Ok(MemoryTotals {
            total: frames.total() * PAGE,
            free: frames.free() * PAGE,
            cached: used(Kind::Cached),
            anonymous: used(Kind::Anonymous),
            tables: used(Kind::Table),
            pinned: used(Kind::Pinned) + used(Kind::Heap),
            shared: used(Kind::Shared),
            fcms,
            regions,
            spaces,
        })
    }

    fn boot_member(
        &self,
        caller: &Caller,
        name: &str,
        offset: u64,
        out: &mut OutBuf<'_>,
    ) -> Result<u64> {
        // Also the first Linux process reads its arguments here.
        self.space(caller.process)?;
        let (count, bytes) = self.archive.read(name, offset, out.spare())?;
        out.advance(count);
        Ok(bytes)
    }

    fn map_boot_member(&self, caller: &Caller, name: &str) -> Result<[u64; 2]> {
        let space = self.server_space(caller)?;
        let (start, bytes) = self.archive.find(name)?;
        let (first, end) = (start / PAGE * PAGE, (start + bytes).next_multiple_of(PAGE));
        let fcm = Arc::new(Physical::new(
            self.core,
            Frame::at(first),
            (end - first) / PAGE,
            false,
        ));
        let options = MapOptions::READ | MapOptions::SHARED | MapOptions::EAGER;
        let may = MapOptions::READ;
        let mapping = Mapping {
            address: 0,
            bytes: (end - first).max(PAGE),
            options,
            purpose: Use::File,
            may,
            fcm: Some(fcm),
            index: 0,
        };
        let address = space.map(mapping)?;
        self.archive
            .note(name, caller.process, address, end - first);
        Ok([address + (start - first), bytes])
    }

    fn release_boot_member(&self, caller: &Caller, name: &str) -> Result<()> {
        let space = self.server_space(caller)?;
        let (address, bytes) = self.archive.forget(name, caller.process)?;
        space.unmap(address, bytes)?;
        self.archive.free(name);
        Ok(())
    }

    fn create_segment(&self, caller: &Caller, bytes: u64, name: &[u8]) -> Result<Handle> {
        Self::only_process_server(caller)?;
        if name.len() > NAME_MAX || bytes == 0 {
            return Err(Error::EINVAL);
        }
        if bytes.div_ceil(PAGE) > self.core.frames.total() {
            return Err(Error::ENOMEM);
        }
        self.core.admit()?;
        let object = Arc::new(Object::segment(self.core, bytes, name));
        let access = ACCESS;
        self.give(
            caller.process,
            Grant {
                object,
                access,
                is_owner: true,
            },
        )
    }

    fn attach_segment(
        &self,
        caller: &Caller,
        segment: Handle,
        process: ProcessId,
        address: u64,
        options: u32,
        may: u32,
    ) -> Result<u64> {
        const PLACES: MapOptions = MapOptions::FIXED.union(MapOptions::NO_REPLACE);
        Self::only_process_server(caller)?;
        let (options, may) = (options_of(options)?, options_of(may)?);
        if !(ACCESS | PLACES).contains(options) || !ACCESS.contains(may) {
            return Err(Error::EINVAL);
        }
        let object = self.owned(caller, segment)?;
        self.space(process)?
            .attach_segment(object, address, options, may)
    }

    fn segment_state(&self, caller: &Caller, segment: Handle) -> Result<SegmentState> {
        Self::only_process_server(caller)?;
        let object = self.owned(caller, segment)?;
        let state = object.as_segment()?.state()?;
        Ok(SegmentState {
            frames: object.frames(),
            ..state
        })
    }

    fn discard_segment(&self, caller: &Caller, segment: Handle) -> Result<()> {
        Self::only_process_server(caller)?;
        self.owned(caller, segment)?.discard()
    }

    fn detach_segment(&self, caller: &Caller, address: u64) -> Result<()> {
        self.space(caller.process)?.detach_segment(address)
    }
}
