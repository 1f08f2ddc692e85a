//! Files about shared memory of System V.

use super::{Node, Text, put};
use crate::Server;
use crate::shm::{BYTES_MAX, SEGMENTS_MAX};
use k42_ipc::Result;

/// sysvipc/shm
pub fn segments(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    text.bytes(b"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid");
    text.bytes(b"      atime      dtime      ctime                   rss                  swap\n");
    for it in server.all_segments() {
        put!(
            text,
            "{:10} {:10}  {:4o} {:21} {:5} {:5}  {:5} ",
            it.key,
            it.id,
            it.mode,
            it.bytes,
            it.creator,
            it.last,
            it.attached
        );
        put!(
            text,
            "{:5} {:5} {:5} {:5} ",
            it.uid,
            it.gid,
            it.cuid,
            it.cgid
        );
        put!(
            text,
            "{:10} {:10} {:10} {:21} {:21}\n",
            it.attached_at,
            it.detached_at,
            it.changed_at,
            it.resident,
            0
        );
    }
    Ok(())
}

/// sys/kernel/shmall
pub fn segment_pages(server: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{}\n", server.segments.lock().pages_max());
    Ok(())
}

/// sys/kernel/shmmax
pub fn segment_bytes(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{BYTES_MAX}\n");
    Ok(())
}

/// sys/kernel/shmmni
pub fn segments_max(_: &Server, _: Node, text: &mut Text) -> Result<()> {
    put!(text, "{SEGMENTS_MAX}\n");
    Ok(())
}
