//! Root tables: 64 KiB each, aligned to that, zeroed.
//!
//! The kernel clears the root of a space that ends, so a root that comes back is clean, and a small stock of clean ones
//! spares fork and exit both the clearing and the search for an aligned block.

use crate::frames::{Frame, Kind, Need};
use crate::machine::Core;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, Result};

/// log2 of the frames in a root table.
const ORDER: u32 = 4;
/// Roots kept clean.
pub const STOCK: usize = 32;

/// A clean root table; its real address.
pub fn allocate(core: &Core) -> Result<u64> {
    if let Some(root) = core.roots.lock().pop() {
        return Ok(root);
    }
    let first = core
        .frames
        .allocate_block(Kind::Table, Need::System, ORDER)
        .ok_or(Error::ENOMEM)?;
    (0..1 << ORDER).for_each(|i| core.window.zero(first.plus(i)));
    Ok(first.address())
}

/// Gives a clean root table back; the kernel no longer uses it.
pub fn release(core: &Core, root: u64) {
    debug_assert_eq!(root % ((PAGE_SIZE as u64) << ORDER), 0);
    let mut stock = core.roots.lock();
    if stock.len() < STOCK && core.frames.admits(Need::File, 0) {
        stock.push(root);
        return;
    }
    drop(stock);
    core.frames.release_row(Frame::at(root), 1 << ORDER);
}

/// Gives the stock up; for when memory is short.
pub fn empty(core: &Core) {
    let stock = core::mem::take(&mut *core.roots.lock());
    stock
        .into_iter()
        .for_each(|root| core.frames.release_row(Frame::at(root), 1 << ORDER));
}
