//! Tests on the host, with a model of the kernel's page tables.

mod boot;
mod frames;
mod futexes;
mod large;
mod limits;
mod machine;
mod mappings;
mod objects;
mod random;
mod segments;
mod threads;
mod tree;

pub use machine::Rng;
