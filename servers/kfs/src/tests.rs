//! Tests of the whole server over mock neighbours.

mod archive;
mod files;
mod many;
mod mock;
mod names;
mod oracle;
mod pipes;
