//! Open Firmware (IEEE 1275): the firmware of IBM partitions and of Apple's machines.
//!
//! Firmware lives until [`client::Client::quiesce`]; all is done before that: negotiate
//! ([`cas`]), copy the device tree into flattened form ([`flatten`]).

pub mod cas;
pub mod client;
pub mod flatten;
