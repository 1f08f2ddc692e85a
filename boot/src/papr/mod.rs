//! What a partition asks of the hypervisor, after PAPR (Linux on Power Architecture
//! Reference): hypervisor calls, and run-time services (RTAS) reached through one of them.

pub mod hcall;
pub mod rtas;
