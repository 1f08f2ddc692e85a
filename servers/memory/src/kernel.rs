//! The kernel behind [`Hat`]: system calls.

use crate::hat::{Hat, NewDispatcher, Refused};
use k42_abi::map::{MapFlags, MapOperation};
use k42_abi::rights::{KernelRights, WEIGHT_DEFAULT};
use k42_abi::{CommId, Error, ProcessId, Result};
use k42_ipc::transport::Slot;
use k42_sched::sys;

/// The kernel of the machine that the server runs on.
pub struct Kernel;

impl Hat for Kernel {
    fn space_create(&self, root: u64, rights: KernelRights, wanted: u32) -> Result<ProcessId> {
        sys::space_create(
            root,
            rights,
            u16::try_from(wanted).map_err(|_| Error::EINVAL)?,
        )
    }

    fn space_destroy(&self, process: ProcessId) -> Result<u64> {
        sys::space_destroy(process)
    }

    fn map(&self, process: ProcessId, operations: &[MapOperation]) -> (usize, Option<Refused>) {
        let refused = |error| match error {
            sys::MapError::NeedFrames(count) => Refused::Frames(count),
            sys::MapError::Other(error) => Refused::Error(error),
        };
        if let [
            MapOperation {
                address,
                frame,
                flags,
                pages: 1,
            },
        ] = *operations
        {
            // One page travels in registers.
            return match sys::map(process, address, frame, MapFlags::from_bits_truncate(flags)) {
                Ok(()) => (1, None),
                Err(error) => (0, Some(refused(error))),
            };
        }
        let mut slot = Slot::take();
        for (place, operation) in slot
            .bytes_mut()
            .chunks_exact_mut(size_of::<MapOperation>())
            .zip(operations)
        {
            let MapOperation {
                address,
                frame,
                flags,
                pages,
            } = *operation;
            for (word, value) in place
                .as_chunks_mut::<8>()
                .0
                .iter_mut()
                .zip([address, frame, flags, pages])
            {
                *word = value.to_ne_bytes();
            }
        }
        match sys::map_batch(process, slot.index(), operations.len()) {
            Ok((done, None)) => (done, None),
            // Tables have three levels below the root; what is too many stays with the space as spare.
            Ok((done, Some(Error::NEED_FRAMES))) => (done, Some(Refused::Frames(3))),
            Ok((done, Some(error))) => (done, Some(Refused::Error(error))),
            Err(error) => (0, Some(Refused::Error(error))),
        }
    }

    fn unmap(&self, process: ProcessId, address: u64, bytes: u64) -> Result<()> {
        sys::unmap(process, address, bytes)
    }

    fn protect(&self, process: ProcessId, address: u64, bytes: u64, flags: u64) -> Result<()> {
        sys::protect(process, address, bytes, MapFlags::from_bits_truncate(flags))
    }

    fn donate(&self, process: ProcessId, frames: &[u64]) -> Result<()> {
        sys::donate(process, frames)
    }

    fn reclaim(&self, process: ProcessId, frames: &mut [u64]) -> Result<usize> {
        let slot = Slot::take();
        let count = sys::reclaim(process, slot.index(), frames.len())?.min(frames.len());
        for (frame, word) in frames[..count]
            .iter_mut()
            .zip(slot.bytes().as_chunks::<8>().0)
        {
            *frame = u64::from_ne_bytes(*word);
        }
        Ok(count)
    }

    fn dispatcher_create(&self, new: &NewDispatcher) -> Result<()> {
        sys::dispatcher_create(&sys::NewDispatcher {
            process: new.process,
            vp: new.vp,
            cpu: new.cpu,
            area: new.area,
            address: new.address,
            client_slots: new.client_slots,
            server_slots: new.server_slots,
            class: new.class as u32,
            weight: WEIGHT_DEFAULT as u32,
        })
    }

    fn dispatcher_start(&self, process: ProcessId, vp: u32) -> Result<()> {
        sys::dispatcher_start(process, vp)
    }

    fn ticks(&self) -> u64 {
        k42_sched::now()
    }

    fn send(&self, process: ProcessId, vp: u32, words: [u64; 2]) -> Result<()> {
        sys::send(CommId::new(process, vp), &[words[0], words[1], 0, 0, 0, 0])
    }
}
