//! QEMU's plugin interface, version 1 (`qemu-plugin.h` of QEMU 7.2), with a safe face.
//!
//! QEMU calls the plugin from its CPU threads, so everything that is registered is `Sync` and lives for ever.

use crate::lines::{Access, Place};
use crate::mark::Mark;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// The plugin, as QEMU numbers it.
pub type Id = u64;

/// Registers are neither read nor written by callbacks.
const NO_REGISTERS: c_int = 0;
/// Loads and stores.
const LOADS_AND_STORES: c_int = 3;

/// The interface's version that this plugin is written for; QEMU looks for this symbol.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "QEMU's name")]
pub static qemu_plugin_version: c_int = 1;

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: extern "C" fn(Id, *mut c_void));
    fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut c_void,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut c_void,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_mem_cb(
        instruction: *mut c_void,
        callback: extern "C" fn(c_uint, u32, u64, *mut c_void),
        flags: c_int,
        access: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(block: *const c_void) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const c_void, index: usize) -> *mut c_void;
    fn qemu_plugin_insn_data(instruction: *const c_void) -> *const c_void;
    fn qemu_plugin_insn_size(instruction: *const c_void) -> usize;
    fn qemu_plugin_insn_vaddr(instruction: *const c_void) -> u64;
    fn qemu_plugin_mem_is_store(info: u32) -> bool;
    fn qemu_plugin_get_hwaddr(info: u32, address: u64) -> *mut c_void;
    fn qemu_plugin_hwaddr_is_io(physical: *const c_void) -> bool;
    fn qemu_plugin_hwaddr_phys_addr(physical: *const c_void) -> u64;
    fn qemu_plugin_register_atexit_cb(
        id: Id,
        callback: extern "C" fn(Id, *mut c_void),
        data: *mut c_void,
    );
}

/// What the plugin does when something happens in the guest.
pub trait Observer: Sync {
    /// What is kept for each block.
    type Block: Sync;
    /// Whether accesses to memory are wanted.
    fn wants_accesses(&self) -> bool;
    /// A block is translated.
    fn translated(&self, address: u64, code: &[u8]) -> &'static Self::Block;
    /// It runs.
    fn ran(&self, cpu: usize, block: &Self::Block);
    /// A mark runs.
    fn marked(&self, cpu: usize, mark: Mark);
    /// Memory is read or written.
    fn accessed(&self, access: Access);
    /// QEMU ends.
    fn ended(&self);
}

/// Where an observer of one type is found by QEMU's callbacks, which carry one word of data each.
pub trait Global: Observer + Sized + 'static {
    /// The observer, once it is registered.
    fn global() -> &'static Self;
}

/// Registers the observer's callbacks. [`Global::global`] must answer from now on.
pub fn register<O: Global>(id: Id) {
    // SAFETY: called while the plugin is installed, with QEMU's own id; the functions live as long as the plugin,
    // which is never unloaded.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(id, translate::<O>);
        qemu_plugin_register_atexit_cb(id, end::<O>, std::ptr::null_mut());
    }
}

extern "C" fn end<O: Global>(_: Id, _: *mut c_void) {
    O::global().ended();
}

extern "C" fn translate<O: Global>(_: Id, block: *mut c_void) {
    let observer = O::global();
    // SAFETY: QEMU hands in a valid block, good for the time of this call; indices are below its count; the bytes of an
    // instruction are readable for the size that QEMU says. The data of a callback is a word that is given back
    // as it is: an address, a mark's number, or a reference that lives for ever.
    unsafe {
        let count = qemu_plugin_tb_n_insns(block);
        let mut code = Vec::with_capacity(count * 4);
        let mut start = None;
        for index in 0..count {
            let instruction = qemu_plugin_tb_get_insn(block, index);
            start.get_or_insert_with(|| qemu_plugin_insn_vaddr(instruction));
            let bytes = std::slice::from_raw_parts(
                qemu_plugin_insn_data(instruction).cast::<u8>(),
                qemu_plugin_insn_size(instruction),
            );
            code.extend_from_slice(bytes);
            if let Some(mark) = bytes.try_into().ok().and_then(Mark::of) {
                let data = mark as usize as *mut c_void;
                qemu_plugin_register_vcpu_insn_exec_cb(
                    instruction,
                    marked::<O>,
                    NO_REGISTERS,
                    data,
                );
            }
        }
        if observer.wants_accesses() {
            for index in 0..count {
                let instruction = qemu_plugin_tb_get_insn(block, index);
                let place = Box::leak(Box::new(Place {
                    address: qemu_plugin_insn_vaddr(instruction),
                    code: code.get(index * 4..).unwrap_or_default().to_vec(),
                }));
                qemu_plugin_register_vcpu_mem_cb(
                    instruction,
                    accessed::<O>,
                    NO_REGISTERS,
                    LOADS_AND_STORES,
                    std::ptr::from_ref(place).cast_mut().cast(),
                );
            }
        }
        let kept: &'static O::Block = observer.translated(start.unwrap_or(0), &code);
        let data = std::ptr::from_ref(kept).cast_mut().cast();
        qemu_plugin_register_vcpu_tb_exec_cb(block, ran::<O>, NO_REGISTERS, data);
    }
}

extern "C" fn ran<O: Global>(cpu: c_uint, block: *mut c_void) {
    // SAFETY: the word is the reference that `translate` registered: shared, and it lives for ever.
    let block = unsafe { &*block.cast::<O::Block>() };
    O::global().ran(cpu as usize, block);
}

extern "C" fn marked<O: Global>(cpu: c_uint, mark: *mut c_void) {
    let number = mark as usize;
    if let Some(mark) = Mark::ALL.into_iter().find(|&mark| mark as usize == number) {
        O::global().marked(cpu as usize, mark);
    }
}

extern "C" fn accessed<O: Global>(cpu: c_uint, info: u32, address: u64, place: *mut c_void) {
    // SAFETY: `info` and `address` are QEMU's, used within the callback; the handle that it gives is good until the
    // callback ends, and is looked at only if there is one. The word is the reference that `translate` registered:
    // shared, and it lives for ever.
    let access = unsafe {
        let physical = qemu_plugin_get_hwaddr(info, address);
        if physical.is_null() || qemu_plugin_hwaddr_is_io(physical) {
            return;
        }
        Access {
            cpu: cpu as usize,
            physical: qemu_plugin_hwaddr_phys_addr(physical),
            address,
            place: &*place.cast::<Place>(),
            store: qemu_plugin_mem_is_store(info),
        }
    };
    O::global().accessed(access);
}

/// QEMU's first call. A plugin that answers other than 0 keeps QEMU from starting.
///
/// # Safety
/// Called by QEMU, with `count` valid strings at `arguments`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    _info: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    let words: Vec<String> = (0..usize::try_from(count).unwrap_or(0))
        .map(|index| {
            // SAFETY: by this function's contract.
            let word = unsafe { CStr::from_ptr(*arguments.add(index)) };
            word.to_string_lossy().into_owned()
        })
        .collect();
    match crate::install::install(id, &words) {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("k42 plugin: {why}");
            -1
        }
    }
}
