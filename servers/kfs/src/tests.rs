//! Tests of the whole server over mock neighbours.

mod archive;
mod cost;
mod files;
mod many;
mod names;
mod oracle;
mod pipes;
mod shared;
mod sockets;
