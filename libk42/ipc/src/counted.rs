//! Counted values that are made where they stay.

use crate::{Error, Result};
use alloc::sync::Arc;

/// A counted reference on what `make` gives, as `Arc::try_new(make())`, but written where it stays instead of being
/// copied there. ENOMEM; the value is made and dropped in that case too, since its end may mean something.
#[inline]
pub fn counted<T>(make: impl FnOnce() -> T) -> Result<Arc<T>> {
    let Ok(mut place) = Arc::try_new_uninit() else {
        drop(make());
        return Err(Error::ENOMEM);
    };
    // It has just been made, so nobody else refers to it.
    let value = Arc::get_mut(&mut place).ok_or(Error::ENOMEM)?;
    value.write(make());
    // SAFETY: written just now.
    Ok(unsafe { place.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_made_and_drops_it_once() {
        let witness = Arc::new(());
        let kept = counted(|| (witness.clone(), [7_u64; 64])).unwrap();
        assert_eq!((kept.1[63], Arc::strong_count(&witness)), (7, 2));
        let other = kept.clone();
        drop(kept);
        assert_eq!(Arc::strong_count(&witness), 2);
        drop(other);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}
