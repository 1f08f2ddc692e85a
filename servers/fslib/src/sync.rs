//! The locks of file servers. Every lock guards one object's own data for a short time; none is held across a call to
//! another server.

/// Mutual exclusion.
pub type Mutex<T> = k42_sync::SpinMutex<T>;
/// Many readers or one writer.
pub type RwLock<T> = k42_sync::SpinRwLock<T>;
/// Made on first use.
pub type Once<T> = k42_sync::Once<T>;
