//! Access to the program's memory: on K42 the scheduler's loops, which survive a bad address; on the host, where
//! the program is the test, plain copies.

#[cfg(target_os = "none")]
pub use power::{
    copy_across, copy_in, copy_out, copy_string, exchange_word, load_word, touch_word,
};

#[cfg(target_os = "none")]
mod power {
    use k42_abi::Result;
    use k42_sched::usercopy;

    /// Copies from the program; whether all came.
    pub fn copy_in(from: u64, to: &mut [u8]) -> bool {
        usercopy::copy_in(to, from).is_ok()
    }
    /// Copies to the program; whether all went.
    pub fn copy_out(to: u64, from: &[u8]) -> bool {
        usercopy::copy_out(to, from).is_ok()
    }
    /// Copies between the program and a window; how much was left.
    pub fn copy_across(to: u64, from: u64, bytes: usize) -> usize {
        // SAFETY: one side is the program's, checked by the caller, the other a mapping of a file's data, of which the
        // library holds no Rust reference.
        unsafe { usercopy::copy_across(to, from, bytes) }
    }
    /// Copies a string; its length without the NUL. EFAULT, or ENAMETOOLONG.
    pub fn copy_string(from: u64, to: &mut [u8]) -> Result<usize> {
        usercopy::copy_in_string(to, from)
    }
    /// Loads an aligned word in one access.
    pub fn load_word(from: u64) -> Option<u32> {
        usercopy::load_u32(from).ok()
    }
    /// Whether an aligned word can be stored to.
    pub fn touch_word(at: u64) -> bool {
        usercopy::touch_u32(at).is_ok()
    }
    /// Replaces an aligned word by `new` if it is `old`; what was there.
    pub fn exchange_word(at: u64, old: u32, new: u32) -> Option<u32> {
        usercopy::exchange_u32(at, old, new).ok()
    }
}

#[cfg(not(target_os = "none"))]
pub use host::{copy_across, copy_in, copy_out, copy_string, exchange_word, load_word, touch_word};

#[cfg(not(target_os = "none"))]
mod host {
    use core::sync::atomic::{AtomicU32, Ordering};
    use k42_abi::{Error, Result};

    /// Copies from the program.
    pub fn copy_in(from: u64, to: &mut [u8]) -> bool {
        // SAFETY: tests pass memory of their own. The ranges may overlap, hence `copy`.
        unsafe { core::ptr::copy(from as *const u8, to.as_mut_ptr(), to.len()) };
        true
    }
    /// Copies to the program.
    pub fn copy_out(to: u64, from: &[u8]) -> bool {
        // SAFETY: as above.
        unsafe { core::ptr::copy(from.as_ptr(), to as *mut u8, from.len()) };
        true
    }
    /// There are no windows on the host.
    pub fn copy_across(_: u64, _: u64, bytes: usize) -> usize {
        bytes
    }
    /// Copies a string; its length without the NUL.
    pub fn copy_string(from: u64, to: &mut [u8]) -> Result<usize> {
        for (index, byte) in to.iter_mut().enumerate() {
            // SAFETY: tests pass strings that end.
            *byte = unsafe { *(from as *const u8).add(index) };
            if *byte == 0 {
                return Ok(index);
            }
        }
        Err(Error::ENAMETOOLONG)
    }
    /// Loads an aligned word.
    pub fn load_word(from: u64) -> Option<u32> {
        // SAFETY: tests pass an aligned word.
        Some(unsafe { AtomicU32::from_ptr(from as *mut u32) }.load(Ordering::SeqCst))
    }
    /// Tests pass memory of their own.
    pub fn touch_word(_: u64) -> bool {
        true
    }
    /// Replaces an aligned word.
    pub fn exchange_word(at: u64, old: u32, new: u32) -> Option<u32> {
        // SAFETY: tests pass an aligned word.
        let word = unsafe { AtomicU32::from_ptr(at as *mut u32) };
        match word.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(found) | Err(found) => Some(found),
        }
    }
}
