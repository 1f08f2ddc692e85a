//! The table of events. To add one, add a line; numbers are never given twice.
//!
//! Arguments are words. A pair of events that brackets something (`enter`/`exit`, `call`/`return`) has the same first
//! argument, so that tools can match them.

use crate::table::events;
use crate::{Class, EventInfo};

events! {
    /// Interrupts and traps at exception level.
    exception = Exception {
        /// An interrupt or trap is taken: vector, interrupted address.
        0 enter(vector: Hex, pc: Hex);
        /// Back to the interrupted or to another context: where to.
        1 exit(vector: Hex, pc: Hex);
        /// A page fault that the kernel cannot satisfy itself: process, address, cause.
        2 page_fault(pid: Dec, address: Hex, cause: Hex);
        /// A fault has been answered: process, address, result.
        3 fault_done(pid: Dec, address: Hex, result: Int);
        /// A device or another CPU interrupts.
        4 external(source: Hex);
        /// The decrementer.
        5 timer(deadline: Dec);
        /// A sample for the profiler: process, address.
        6 sample(pid: Dec, pc: Hex);
    }

    /// Who runs: dispatchers in the kernel, threads in programs.
    sched = Scheduling {
        /// The CPU goes from one dispatcher to another.
        0 switch(from_pid: Dec, to_pid: Dec, to_dispatcher: Dec);
        /// Nothing to run.
        1 idle();
        /// A dispatcher becomes ready.
        2 ready(pid: Dec, dispatcher: Dec);
        /// A dispatcher's slice is over.
        3 preempt(pid: Dec, dispatcher: Dec);
        /// A soft interrupt is posted.
        4 soft_interrupt(pid: Dec, dispatcher: Dec, bits: Hex);
        /// A thread runs: process, thread.
        5 thread_run(pid: Dec, thread: Hex);
        /// A thread blocks: process, thread, what for.
        6 thread_block(pid: Dec, thread: Hex, cause: Hex);
        /// A thread is unblocked: process, thread.
        7 thread_unblock(pid: Dec, thread: Hex);
        /// A process gets a name for all that follows: process, name in two words.
        8 name(pid: Dec, name: Text, name2: Text);
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
        /// A region is attached: process, address, bytes.
        0 map(pid: Dec, address: Hex, bytes: Hex);
        /// A region is detached: process, address, bytes.
        1 unmap(pid: Dec, address: Hex, bytes: Hex);
        /// A region's rights change: process, address, bytes, rights.
        2 protect(pid: Dec, address: Hex, bytes: Hex, rights: Hex);
        /// The memory server handles a fault: process, address, kind of access.
        3 fault(pid: Dec, address: Hex, access: Dec);
        /// A page is copied because it is written: process, address.
        4 copy(pid: Dec, address: Hex);
        /// A page is filled with zeros: process, address.
        5 zero(pid: Dec, address: Hex);
        /// A page is asked from a file: page cache, offset.
        6 page_in(fcm: Hex, offset: Hex);
        /// Frames are handed out: account, how many, how many are left.
        7 frames_taken(account: Dec, frames: Dec, left: Dec);
        /// Frames come back: account, how many, how many are left.
        8 frames_back(account: Dec, frames: Dec, left: Dec);
        /// An address space is cloned: parent, child, regions.
        9 clone(parent: Dec, child: Dec, regions: Dec);
        /// Memory was refused: account, frames.
        10 refused(account: Dec, frames: Dec);
    }

    /// Clustered objects.
    objects = Objects {
        /// An object is made.
        0 create(object: Hex);
        /// A slot was empty: the root is asked.
        1 miss(object: Hex, cpu: Dec);
        /// An object is destroyed.
        2 destroy(object: Hex);
        /// Objects were freed after their grace periods.
        3 freed(objects: Dec);
    }

    /// Linux processes, from birth to exit.
    process = Process {
        /// A process is born.
        0 fork(parent: Dec, child: Dec);
        /// A process executes a program: process, name in two words.
        1 exec(pid: Dec, name: Text, name2: Text);
        /// A process ends: process, status as `wait` tells it.
        2 exit(pid: Dec, status: Hex);
        /// A child is collected.
        3 wait(pid: Dec, child: Dec);
        /// A signal is sent.
        4 signal(from: Dec, to: Dec, signal: Dec);
    }

    /// Files and file systems.
    fs = FileSystem {
        /// A path is looked up: caller, result.
        0 lookup(pid: Dec, file: Hex, result: Int);
        /// A file is opened: caller, file, flags.
        1 open(pid: Dec, file: Hex, flags: Hex);
        /// The last handle of an opening is closed.
        2 close(pid: Dec, file: Hex);
        /// Bytes are read: file, offset, bytes.
        3 read(file: Hex, offset: Dec, bytes: Dec);
        /// Bytes are written: file, offset, bytes.
        4 write(file: Hex, offset: Dec, bytes: Dec);
        /// A file is created.
        5 create(pid: Dec, file: Hex, mode: Hex);
        /// A name is removed.
        6 unlink(pid: Dec, file: Hex);
    }

    /// Linux system calls and signals.
    linux = Linux {
        /// A system call begins: process, number, first arguments.
        0 enter(pid: Dec, number: Dec, arg0: Hex, arg1: Hex, arg2: Hex);
        /// A system call ends: process, number, result (negative: an error number).
        1 exit(pid: Dec, number: Dec, result: Int);
        /// A call that is not there.
        2 missing(pid: Dec, number: Dec);
        /// A signal is delivered: process, signal, handler.
        3 deliver(pid: Dec, signal: Dec, handler: Hex);
        /// A handler returns.
        4 sigreturn(pid: Dec);
    }

    /// Locks that had to wait.
    lock = Lock {
        /// A thread begins to wait: lock, caller's address.
        0 wait(lock: Hex, pc: Hex);
        /// The thread has the lock: lock, ticks waited.
        1 acquired(lock: Hex, ticks: Dec);
    }

    /// Whatever a program wants to say.
    app = Application {
        /// A mark with a number and a value.
        0 mark(mark: Dec, value: Dec);
        /// Up to sixteen characters.
        1 text(text: Text, text2: Text);
        /// An interval begins.
        2 begin(interval: Dec);
        /// An interval ends.
        3 end(interval: Dec);
    }
}
