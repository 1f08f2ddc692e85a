//! Terminals: a line discipline, an owner, and somebody on the other side.
//!
//! The other side is the hypervisor's console, or the master of a pseudo-terminal. One lock guards both sides of a terminal;
//! it is not held while other servers are called: signals and READY events go out after it is released.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use k42_api::files::poll;
use k42_api::process::Identity;
use k42_fslib::sync::Mutex;
use k42_fslib::wait::WaitList;
use k42_ipc::{Caller, Error, OutBuf, ProcessId, Result};

use crate::line::{Effects, Line, signal};
use crate::ports::Ports;
use crate::termios::{Termios, control, local, request};

/// Output of a pseudo-terminal that its master has not read yet, at most.
const OUTPUT_MAX: usize = 8192;

/// The other side of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Console of the hypervisor, by index.
    Console(usize),
    /// A pseudo-terminal's master.
    Master,
}

/// A terminal.
pub struct Tty {
    /// Device number (Linux's encoding).
    pub device: u64,
    side: Side,
    state: Mutex<State>,
}

struct State {
    line: Line,
    size: [u16; 4],
    /// Session whose controlling terminal this is; zero for none.
    session: i32,
    foreground: i32,
    /// Output that the master has not read.
    to_master: VecDeque<u8>,
    readers: WaitList,
    writers: WaitList,
    master_readers: WaitList,
    /// Open files on the terminal's side, and (pseudo-terminals) on the master's.
    slaves: usize,
    slave_was_open: bool,
    master: bool,
    locked: bool,
    hung_up: bool,
}

/// What has to be done after the lock is released.
#[derive(Default)]
struct After {
    wake: Vec<WaitList>,
    signals: Vec<(i32, u32)>,
    console: Vec<u8>,
}

impl After {
    fn act(self, tty: &Tty, ports: &dyn Ports) {
        if let Side::Console(index) = tty.side
            && !self.console.is_empty()
        {
            ports.write(index, &self.console);
        }
        for list in self.wake {
            list.wake(ports);
        }
        for (group, number) in self.signals {
            // A group that has just gone needs no signal.
            let _ = ports.signal_group(group, number);
        }
    }
}

impl State {
    /// Sends output to the other side.
    fn emit(&mut self, side: Side, bytes: &[u8], after: &mut After) {
        match side {
            Side::Console(_) => after.console.extend_from_slice(bytes),
            Side::Master => {
                self.to_master.extend(bytes);
                after.wake.push(self.master_readers.take());
            }
        }
    }

    fn apply(&mut self, side: Side, effects: Effects, after: &mut After) {
        if !effects.echo.is_empty() {
            self.emit(side, &effects.echo, after);
        }
        if effects.readable {
            after.wake.push(self.readers.take());
        }
        if effects.writable {
            after.wake.push(self.writers.take());
        }
        if self.foreground > 0 {
            after.signals.extend(
                effects
                    .signals
                    .into_iter()
                    .map(|number| (self.foreground, number)),
            );
        }
    }
}

impl Tty {
    /// A terminal with this device number.
    pub fn new(device: u64, side: Side, size: [u16; 4]) -> Self {
        Self {
            device,
            side,
            state: Mutex::new(State {
                line: Line::new(Termios::COOKED),
                size,
                session: 0,
                foreground: 0,
                to_master: VecDeque::new(),
                readers: WaitList::new(),
                writers: WaitList::new(),
                master_readers: WaitList::new(),
                slaves: 0,
                slave_was_open: false,
                master: false,
                locked: side == Side::Master,
                hung_up: false,
            }),
        }
    }

    fn with<T>(&self, ports: &dyn Ports, action: impl FnOnce(&mut State, &mut After) -> T) -> T {
        let mut after = After::default();
        let result = action(&mut self.state.lock(), &mut after);
        after.act(self, ports);
        result
    }

    /// The session that it controls; zero for none.
    pub fn session(&self) -> i32 {
        self.state.lock().session
    }

    /// A process opens the terminal. EIO for a locked pseudo-terminal.
    pub fn open(&self) -> Result<()> {
        let mut state = self.state.lock();
        if state.locked || (self.side == Side::Master && !state.master) {
            return Err(Error::EIO);
        }
        if state.hung_up && state.slaves == 0 {
            // A console can be opened anew after its session has gone.
            state.hung_up = self.side == Side::Master;
        }
        state.slaves += 1;
        state.slave_was_open = true;
        Ok(())
    }

    /// The last handle of an open file of the terminal's side has gone.
    pub fn close(&self, ports: &dyn Ports) {
        self.with(ports, |state, after| {
            state.slaves -= 1;
            if state.slaves == 0 {
                after.wake.push(state.master_readers.take());
            }
        });
    }

    /// The master is opened.
    pub fn open_master(&self) {
        self.state.lock().master = true;
    }

    /// The master is closed: whoever uses the terminal loses it.
    pub fn close_master(&self, ports: &dyn Ports) {
        self.state.lock().master = false;
        self.hang_up(ports);
    }

    /// Makes it the controlling terminal of the caller's session, if the caller may and it is free. For opening, where it is no
    /// error if not.
    pub fn adopt(&self, who: &Identity, ports: &dyn Ports) -> Result<()> {
        let leader = who.flags & 1 != 0;
        {
            let mut state = self.state.lock();
            if state.session == who.sid {
                return Ok(());
            }
            if !leader || state.session != 0 {
                return Err(Error::EPERM);
            }
            state.session = who.sid;
            state.foreground = who.pgid;
        }
        ports.set_terminal(who.sid, self.device)
    }

    /// Its session ends, or the line is lost: SIGHUP, and reads give end of file from now on.
    pub fn hang_up(&self, ports: &dyn Ports) {
        let session = self.with(ports, |state, after| {
            state.hung_up = true;
            after.wake.extend([
                state.readers.take(),
                state.writers.take(),
                state.master_readers.take(),
            ]);
            if state.foreground > 0 {
                after.signals.extend([
                    (state.foreground, signal::SIGHUP),
                    (state.foreground, signal::SIGCONT),
                ]);
            }
            state.foreground = 0;
            core::mem::replace(&mut state.session, 0)
        });
        if session != 0 {
            let _ = ports.set_terminal(session, 0);
        }
    }

    /// A process has ended that led session `sid`.
    pub fn leader_ended(&self, sid: i32, ports: &dyn Ports) {
        if sid != 0 && self.session() == sid {
            self.hang_up(ports);
        }
    }

    /// Forgets a client that has ended.
    pub fn forget(&self, process: ProcessId) {
        let mut state = self.state.lock();
        state.readers.remove(process);
        state.writers.remove(process);
        state.master_readers.remove(process);
    }

    /// Holds a process that is not in the foreground back, as job control wants. `number` is SIGTTIN or SIGTTOU.
    fn check_foreground(&self, caller: &Caller, number: u32, ports: &dyn Ports) -> Result<()> {
        let (session, foreground) = {
            let state = self.state.lock();
            (state.session, state.foreground)
        };
        if session == 0 || foreground == 0 {
            return Ok(());
        }
        let who = ports.identity(caller.process)?;
        if who.sid != session || who.pgid == foreground {
            return Ok(());
        }
        let ignores = who.flags & if number == signal::SIGTTIN { 4 } else { 8 } != 0;
        let orphaned = who.flags & 2 != 0;
        match (number, ignores, orphaned) {
            (signal::SIGTTOU, true, _) => Ok(()),
            (_, true, _) | (_, _, true) => Err(Error::EIO),
            _ => {
                ports.signal_group(who.pgid, number)?;
                Err(Error::RESTART)
            }
        }
    }

    /// read(2) on the terminal's side.
    pub fn read(&self, caller: &Caller, out: &mut OutBuf<'_>, ports: &dyn Ports) -> Result<u32> {
        self.check_foreground(caller, signal::SIGTTIN, ports)?;
        let mut state = self.state.lock();
        if state.hung_up {
            return Ok(0);
        }
        match state.line.read(out.spare()) {
            Some(count) => {
                out.advance(count);
                Ok(count as u32)
            }
            None => {
                state.readers.add(caller)?;
                Err(Error::WOULD_BLOCK)
            }
        }
    }

    /// `OpenFile::read_timing` on the terminal's side.
    pub fn read_timing(&self) -> [u64; 2] {
        self.state.lock().line.timing()
    }

    /// write(2) on the terminal's side.
    pub fn write(&self, caller: &Caller, data: &[u8], ports: &dyn Ports) -> Result<u32> {
        if self.state.lock().line.termios.local(local::TOSTOP) {
            self.check_foreground(caller, signal::SIGTTOU, ports)?;
        }
        self.with(ports, |state, after| {
            if state.hung_up {
                return Err(Error::EIO);
            }
            let room = if self.side == Side::Master {
                OUTPUT_MAX.saturating_sub(state.to_master.len())
            } else {
                usize::MAX
            };
            // Output processing at most doubles what is written.
            let count = data.len().min(room / 2);
            if state.line.stopped || (count == 0 && !data.is_empty()) {
                state.writers.add(caller)?;
                return Err(Error::WOULD_BLOCK);
            }
            let mut bytes = Vec::new();
            bytes.try_reserve(2 * count).map_err(|_| Error::ENOMEM)?;
            state.line.write(&data[..count], &mut bytes);
            state.emit(self.side, &bytes, after);
            Ok(count as u32)
        })
    }

    /// Bytes that were typed at the console.
    pub fn type_in(&self, bytes: &[u8], ports: &dyn Ports) {
        self.with(ports, |state, after| {
            let effects = state.line.type_in(bytes);
            state.apply(self.side, effects, after);
        });
    }

    /// read(2) on the master's side.
    pub fn read_master(
        &self,
        caller: &Caller,
        out: &mut OutBuf<'_>,
        ports: &dyn Ports,
    ) -> Result<u32> {
        self.with(ports, |state, after| {
            let count = state.to_master.len().min(out.room());
            if count == 0 {
                if state.slave_was_open && state.slaves == 0 {
                    return Err(Error::EIO);
                }
                state.master_readers.add(caller)?;
                return Err(Error::WOULD_BLOCK);
            }
            for (place, byte) in out.spare().iter_mut().zip(state.to_master.drain(..count)) {
                *place = byte;
            }
            out.advance(count);
            after.wake.push(state.writers.take());
            Ok(count as u32)
        })
    }

    /// write(2) on the master's side: as if typed.
    pub fn write_master(&self, data: &[u8], ports: &dyn Ports) -> Result<u32> {
        self.type_in(data, ports);
        Ok(data.len() as u32)
    }

    /// Which of `events` hold; notes the caller if none do and it wants to be told.
    pub fn poll(&self, caller: &Caller, master: bool, events: u32, notify: bool) -> Result<u32> {
        let mut state = self.state.lock();
        let mut now = 0;
        if master {
            if !state.to_master.is_empty() {
                now |= poll::IN | poll::RDNORM;
            }
            if state.slave_was_open && state.slaves == 0 {
                now |= poll::HUP;
            }
            now |= poll::OUT | poll::WRNORM;
        } else {
            if state.hung_up {
                now |= poll::IN | poll::RDNORM | poll::HUP | poll::ERR;
            } else if state.line.is_ready() {
                now |= poll::IN | poll::RDNORM;
            }
            if !state.line.stopped && state.to_master.len() < OUTPUT_MAX / 2 {
                now |= poll::OUT | poll::WRNORM;
            }
        }
        now &= events | poll::HUP | poll::ERR;
        if now == 0 && notify {
            if master {
                state.master_readers.add(caller)?;
            } else {
                state.readers.add(caller)?;
                state.writers.add(caller)?;
            }
        }
        Ok(now)
    }

    /// Terminal requests of ioctl(2), on either side: `master` says which.
    pub fn ioctl(
        &self,
        caller: &Caller,
        master: bool,
        number: u32,
        input: &[u8],
        out: &mut OutBuf<'_>,
        ports: &dyn Ports,
    ) -> Result<u32> {
        let integer = || {
            input
                .first_chunk()
                .map(|bytes| i32::from_le_bytes(*bytes))
                .ok_or(Error::EINVAL)
        };
        match number {
            request::TCGETS => out.put(&self.state.lock().line.termios.to_bytes())?,
            request::TCSETS | request::TCSETSW | request::TCSETSF => {
                self.check_foreground(caller, signal::SIGTTOU, ports)?;
                let new = Termios::from_bytes(input).ok_or(Error::EINVAL)?;
                self.with(ports, |state, after| {
                    if number == request::TCSETSF {
                        state.line.flush_input();
                    }
                    state.line.set_termios(new);
                    after
                        .wake
                        .extend([state.readers.take(), state.writers.take()]);
                });
            }
            request::TIOCGWINSZ => {
                for word in self.state.lock().size {
                    out.put(&word.to_le_bytes())?;
                }
            }
            request::TIOCSWINSZ => {
                let bytes: &[u8; 8] = input.first_chunk().ok_or(Error::EINVAL)?;
                let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
                self.resize([word(0), word(2), word(4), word(6)], ports);
            }
            request::TIOCGPGRP => {
                let foreground = if master {
                    self.state.lock().foreground
                } else {
                    self.owned_by(caller, ports)?.1
                };
                out.put(&foreground.to_le_bytes())?;
            }
            request::TIOCSPGRP => self.set_foreground(caller, integer()?, ports)?,
            request::TIOCGSID => {
                let session = if master {
                    self.session()
                } else {
                    self.owned_by(caller, ports)?.0
                };
                if session == 0 {
                    return Err(Error::ENOTTY);
                }
                out.put(&session.to_le_bytes())?;
            }
            request::TIOCSCTTY => {
                let who = ports.identity(caller.process)?;
                self.adopt(&who, ports)?;
            }
            request::TIOCNOTTY => {
                let who = ports.identity(caller.process)?;
                if self.session() != who.sid || who.sid == 0 {
                    return Err(Error::ENOTTY);
                }
                if who.flags & 1 != 0 {
                    self.hang_up(ports);
                    self.state.lock().hung_up = false;
                }
            }
            request::FIONREAD => {
                let state = self.state.lock();
                out.put(&(state.line.available() as i32).to_le_bytes())?;
            }
            request::TIOCOUTQ => {
                out.put(&(self.state.lock().to_master.len() as i32).to_le_bytes())?
            }
            request::TIOCSTI => self.type_in(input.get(..1).ok_or(Error::EINVAL)?, ports),
            // There is no line that could carry a break, and output never waits here.
            request::TCSBRK | request::TCSBRKP => {}
            request::TCXONC => self.with(ports, |state, after| match input.first() {
                Some(0) => {
                    state.line.stopped = true;
                    Ok(())
                }
                Some(1) => {
                    state.line.stopped = false;
                    after.wake.push(state.writers.take());
                    Ok(())
                }
                Some(2) => {
                    let stop = state.line.termios.characters[control::VSTOP];
                    state.emit(self.side, &[stop], after);
                    Ok(())
                }
                Some(3) => {
                    let start = state.line.termios.characters[control::VSTART];
                    state.emit(self.side, &[start], after);
                    Ok(())
                }
                _ => Err(Error::EINVAL),
            })?,
            request::TCFLSH => {
                let which = integer()?;
                if !(0..=2).contains(&which) {
                    return Err(Error::EINVAL);
                }
                let mut state = self.state.lock();
                if which != 1 {
                    state.line.flush_input();
                }
                if which != 0 {
                    state.to_master.clear();
                }
            }
            request::TIOCSPTLCK if self.side == Side::Master => {
                self.state.lock().locked = integer()? != 0
            }
            request::TIOCGPTLCK if self.side == Side::Master => {
                out.put(&i32::from(self.state.lock().locked).to_le_bytes())?;
            }
            _ => return Err(Error::ENOTTY),
        }
        Ok(0)
    }

    /// A new window size; the foreground group hears of a change.
    pub fn resize(&self, size: [u16; 4], ports: &dyn Ports) {
        self.with(ports, |state, after| {
            if state.size != size && state.foreground > 0 {
                after.signals.push((state.foreground, signal::SIGWINCH));
            }
            state.size = size;
        });
    }

    /// Session and foreground group, for a process whose controlling terminal this is. The master may ask as well.
    fn owned_by(&self, caller: &Caller, ports: &dyn Ports) -> Result<(i32, i32)> {
        let (session, foreground) = {
            let state = self.state.lock();
            (state.session, state.foreground)
        };
        let who = ports.identity(caller.process)?;
        if session == 0 || who.sid != session {
            Err(Error::ENOTTY)
        } else {
            Ok((session, foreground))
        }
    }

    fn set_foreground(&self, caller: &Caller, group: i32, ports: &dyn Ports) -> Result<()> {
        let (session, _) = self.owned_by(caller, ports)?;
        if group <= 0 {
            return Err(Error::EINVAL);
        }
        self.check_foreground(caller, signal::SIGTTOU, ports)?;
        if !ports.group_in_session(group, session)? {
            return Err(Error::EPERM);
        }
        self.state.lock().foreground = group;
        Ok(())
    }
}

/// Terminals by index of pseudo-terminal; gaps are free numbers.
#[derive(Default)]
pub struct Ptys {
    list: Mutex<Vec<Option<Arc<Tty>>>>,
}

/// Most pseudo-terminals (Linux's default of kernel.pty.max).
const PTYS_MAX: usize = 4096;
/// Linux's major number of pseudo-terminal slaves.
pub const PTS_MAJOR: u32 = 136;

impl Ptys {
    /// A new pseudo-terminal with the lowest free number. ENOSPC at the limit.
    pub fn create(&self) -> Result<(usize, Arc<Tty>)> {
        let mut list = self.list.lock();
        let number = list.iter().position(Option::is_none).unwrap_or(list.len());
        if number >= PTYS_MAX {
            return Err(Error::ENOSPC);
        }
        let device = k42_fslib::linux::device(PTS_MAJOR, number as u32);
        let tty = Arc::new(Tty::new(device, Side::Master, [0; 4]));
        tty.open_master();
        if number == list.len() {
            list.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            list.push(Some(tty.clone()));
        } else {
            list[number] = Some(tty.clone());
        }
        Ok((number, tty))
    }

    /// The pseudo-terminal with that number.
    pub fn get(&self, number: usize) -> Option<Arc<Tty>> {
        self.list.lock().get(number).cloned().flatten()
    }

    /// Its master has been closed: the number is free.
    pub fn remove(&self, number: usize) {
        if let Some(place) = self.list.lock().get_mut(number) {
            *place = None;
        }
    }

    /// Numbers in use, from `from` on.
    pub fn numbers(&self, from: usize) -> Vec<usize> {
        let list = self.list.lock();
        (from..list.len())
            .filter(|number| list[*number].is_some())
            .collect()
    }

    /// All terminals.
    pub fn all(&self) -> Vec<Arc<Tty>> {
        self.list.lock().iter().flatten().cloned().collect()
    }
}
