//! What the kernel checks about its machine before it trusts it.

use k42_abi::{Error, Result};

use crate::arch;

/// Runs all checks; the log says which one failed.
pub fn run() -> Result<()> {
    user_register_is_readable()?;
    time_goes_on()?;
    zeroing_zeroes()?;
    log::info!("self-test passed");
    Ok(())
}

/// Programs find their dispatcher through SPR 259, which must read what SPRG3 was given.
fn user_register_is_readable() -> Result<()> {
    const PATTERN: u64 = 0x4b34_3200_1234_5678;
    let read: u64;
    // SAFETY: SPRG3 holds nothing yet.
    unsafe {
        arch::sprg3::write(PATTERN);
        core::arch::asm!("mfspr {}, 259", out(reg) read, options(nostack));
    }
    if read == PATTERN {
        Ok(())
    } else {
        fail("SPR 259 does not show SPRG3")
    }
}

fn time_goes_on() -> Result<()> {
    let before = arch::timebase();
    for _ in 0..10_000 {
        k42_sync::cpu_relax();
        if arch::timebase() > before {
            return Ok(());
        }
    }
    fail("the timebase stands still")
}

/// The size of a cache block is the device tree's word; `dcbz` of another size would leave or destroy data.
fn zeroing_zeroes() -> Result<()> {
    let frame = crate::pool::take(3 * 4096, 4096)?;
    let words = k42_boot::linear::<u64>(frame);
    // SAFETY: three fresh frames.
    let wrong = unsafe {
        core::slice::from_raw_parts_mut(words, 3 * 512).fill(u64::MAX);
        arch::zero_pages(words as u64 + 4096, 4096);
        core::slice::from_raw_parts(words, 3 * 512)
            .iter()
            .enumerate()
            .any(|(index, word)| {
                let expected = if (512..1024).contains(&index) {
                    0
                } else {
                    u64::MAX
                };
                *word != expected
            })
    };
    if wrong {
        fail("dcbz does not clear the block that it should")
    } else {
        Ok(())
    }
}

fn fail(what: &str) -> Result<()> {
    log::error!("self-test: {what}");
    Err(Error::EIO)
}
