//! How a CPU waits for another CPU.

/// Tells the machine that this CPU waits for another one; call it once per turn of every spin loop.
///
/// On Power the pair `or 31,31,31` (lowest thread priority) and `or 2,2,2` (medium again) gives the core's other
/// hardware threads a moment. Under QEMU the first of them ends this CPU's time slice, without which a spin would burn
/// the slice of the very CPU that it waits for. Both forms are allowed at user level.
#[inline(always)]
pub fn cpu_relax() {
    #[cfg(loom)]
    loom::thread::yield_now();

    #[cfg(all(not(loom), target_arch = "powerpc64"))]
    // SAFETY: the two instructions change only the thread priority, which ends where it began for code at medium
    // priority. They touch neither memory, nor flags, nor the values of the registers they name.
    unsafe {
        core::arch::asm!(
            "or 31,31,31",
            "or 2,2,2",
            options(nomem, nostack, preserves_flags)
        );
    }

    #[cfg(all(not(loom), not(target_arch = "powerpc64")))]
    {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that may; the host's hint is not empty"
        )]
        core::hint::spin_loop();
    }
}

/// The strategy that the `spin` crate's types use here: [`cpu_relax`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Relax;

impl spin::RelaxStrategy for Relax {
    #[inline(always)]
    fn relax() {
        cpu_relax();
    }
}
