//! Tests of the whole server against mock neighbours.

mod basic;
mod hostile;
mod jobs;
mod leak;
mod mock;
mod proc_files;
mod random;
mod shm;
