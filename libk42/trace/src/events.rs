//! The table of events. To add one, add a line; numbers are never given twice.
//!
//! Arguments are words. A process is a number of K42 where the argument is called `process`, `caller` or `server`, and one of
//! Linux where it is called `pid` or `tid`; `process.space` connects the two. A pair of events that brackets something
//! (`enter`/`exit`, `call`/`ret`, `serve`/`served`, `wait`/`acquired`) has the same first arguments, so that tools can match
//! them.

use crate::table::events;
use crate::{Class, EventInfo};

events! {
    /// Interrupts and traps at exception level.
    exception = Exception {
        /// An interrupt or trap is taken: vector, interrupted address.
        0 enter(vector: Hex, pc: Hex);
        /// A page fault that the kernel cannot satisfy itself: process, address, cause.
        2 page_fault(process: Dec, address: Hex, cause: Hex);
        /// A fault has been answered: process, address, result.
        3 fault_done(process: Dec, address: Hex, result: Int);
        /// A device or another CPU interrupts.
        4 external(source: Hex);
        /// The decrementer, while a program runs: the end of its slice.
        5 timer(slice_end: Dec);
        /// A sample for the profiler: who runs, on whose time, where, how late (in the kernel no interrupt is taken).
        7 sample(process: Dec, base: Dec, pc: Hex, late: Dec);
    }

    /// Who runs: dispatchers in the kernel, threads in programs.
    sched = Scheduling {
        /// The CPU goes from one dispatcher to another.
        0 switch(from: Dec, process: Dec, dispatcher: Dec);
        /// Nothing to run.
        1 idle();
        /// A dispatcher becomes ready.
        2 ready(process: Dec, dispatcher: Dec);
        /// A dispatcher's slice is over.
        3 preempt(process: Dec, dispatcher: Dec);
        /// A soft interrupt is posted.
        4 soft_interrupt(process: Dec, dispatcher: Dec, bits: Hex);
        /// A thread runs: process, thread.
        5 thread_run(process: Dec, thread: Hex);
        /// A thread blocks: process, thread.
        6 thread_block(process: Dec, thread: Hex);
        /// A thread is unblocked: process, thread.
        7 thread_unblock(process: Dec, thread: Hex);
        /// A process gets a name for all that follows: process, name in two words.
        8 name(process: Dec, name: Text, name2: Text);
    }

    /// Protected calls and asynchronous messages.
    ipc = Ipc {
        /// A protected call leaves its caller: caller, server, interface and method, payload bytes.
        0 call(caller: Dec, server: Dec, method: Hex, bytes: Dec);
        /// The call returns to its caller: caller, server, result.
        1 ret(caller: Dec, server: Dec, result: Int);
        /// The call could not be delivered: caller, server, reason.
        2 refused(caller: Dec, server: Dec, reason: Int);
        /// An asynchronous message is queued: sender, receiver, kind.
        3 send(sender: Dec, receiver: Dec, kind: Hex);
        /// An asynchronous message did not fit.
        4 dropped(sender: Dec, receiver: Dec);
        /// A server begins to serve: caller, interface and method.
        5 serve(caller: Dec, method: Hex);
        /// A server has served: caller, interface and method, result.
        6 served(caller: Dec, method: Hex, result: Int);
    }

    /// Mappings, faults, frames.
    memory = Memory {
        /// A region is attached: process, address, bytes, the object whose pages it shows.
        0 map(process: Dec, address: Hex, bytes: Hex, object: Hex);
        /// A region is detached: process, address, bytes.
        1 unmap(process: Dec, address: Hex, bytes: Hex);
        /// A region's rights change: process, address, bytes, rights.
        2 protect(process: Dec, address: Hex, bytes: Hex, rights: Hex);
        /// The memory server handles a fault: process, address, kind of access.
        3 fault(process: Dec, address: Hex, access: Dec);
        /// A page is copied because it is written: process, address.
        4 copy(process: Dec, address: Hex);
        /// Pages that are zero are brought in: process, address, how many.
        5 zero(process: Dec, address: Hex, pages: Dec);
        /// Single frames are taken out of the allocator for a CPU's stock: how many, how many are left.
        7 frames_taken(frames: Dec, left: Dec);
        /// Frames in a row go back to the allocator: how many, how many are left.
        8 frames_back(frames: Dec, left: Dec);
        /// An address space is cloned: parent, child, regions.
        9 clone(process: Dec, child: Dec, regions: Dec);
        /// Memory was refused: frames that are left.
        10 refused(left: Dec);
        /// A fault is on a region's page: process, address, the region's beginning, the object whose pages it shows.
        11 fault_on(process: Dec, address: Hex, region: Hex, object: Hex);
        /// The end of an object's name, in two words; follows the `map` that shows it.
        12 name(object: Hex, name: Text, name2: Text);
    }

    /// Clustered objects.
    objects = Objects {
        /// An object is made.
        0 create(process: Dec, object: Hex);
        /// A CPU calls an object for the first time: its root is asked.
        1 miss(process: Dec, object: Hex);
        /// An object is destroyed.
        2 destroy(process: Dec, object: Hex);
        /// An object is freed after its grace periods.
        3 freed(process: Dec, object: Hex);
    }

    /// Linux processes, from birth to exit.
    process = Process {
        /// A process is born.
        0 fork(pid: Dec, child: Dec);
        /// A process executes a program: process, name in two words.
        1 exec(pid: Dec, name: Text, name2: Text);
        /// A process ends: process, status as `wait` tells it.
        2 exit(pid: Dec, status: Hex);
        /// A child is collected.
        3 wait(pid: Dec, child: Dec);
        /// A signal is delivered to a process.
        4 signal(pid: Dec, from: Dec, signal: Dec);
        /// A Linux process lives in a K42 process from now on.
        5 space(pid: Dec, process: Dec);
        /// A Linux process has a new thread.
        6 thread(pid: Dec, tid: Dec);
    }

    /// Files and file systems.
    fs = FileSystem {
        /// A path is looked up: caller, the file's number, or zero if there is none.
        0 lookup(process: Dec, file: Dec);
        /// A file is opened: caller, the file's number, type and permission bits.
        1 open(process: Dec, file: Dec, mode: Hex);
        /// The last handle of an opening is closed.
        2 close(file: Dec);
        /// The server reads (libraries read from pages that they have mapped): file, offset, bytes.
        3 read(file: Dec, offset: Dec, bytes: Dec);
        /// Bytes are written: file, offset, bytes.
        4 write(file: Dec, offset: Dec, bytes: Dec);
        /// A file, directory, link or pipe is made.
        5 create(file: Dec);
        /// A name is removed.
        6 unlink(process: Dec, file: Dec);
    }

    /// Linux system calls and signals.
    linux = Linux {
        /// A system call begins: thread, number, first arguments.
        0 enter(tid: Dec, number: Dec, arg0: Hex, arg1: Hex, arg2: Hex);
        /// A system call ends: thread, number, result (negative: an error number).
        1 exit(tid: Dec, number: Dec, result: Int);
        /// A call that is not there.
        2 missing(pid: Dec, number: Dec);
        /// A handler begins: thread, signal, handler.
        3 deliver(tid: Dec, signal: Dec, handler: Hex);
        /// A handler returns.
        4 sigreturn(tid: Dec);
    }

    /// Locks that had to wait.
    lock = Lock {
        /// A thread begins to wait: process, lock.
        0 wait(process: Dec, lock: Hex);
        /// The thread has the lock: process, lock, ticks waited.
        1 acquired(process: Dec, lock: Hex, ticks: Dec);
    }

    /// Whatever a program wants to say.
    app = Application {
        /// A mark with a number and a value.
        0 mark(mark: Dec, value: Dec);
        /// Written to trace_marker: thread, number of the piece, bytes from this piece on, up to sixteen of them.
        4 marker(tid: Dec, piece: Dec, bytes: Dec, text: Text, text2: Text);
    }
}
