//! A process's children, and what it has not yet been told of them.
//!
//! Children are kept by pid, and those with news apart from the others, so a wait for any child does not look at those that
//! just run. Of several with news the one that has been a child for longest is told first, as in Linux. The rules of wait4(2) and waitid(2) are here, free of everything else.

use crate::linux::wait;
use crate::record::ProcessRef;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use k42_ipc::{Error, Result};

/// What a child has done last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// Nothing that has not been told.
    None,
    /// Stopped by this signal.
    Stopped(u32),
    /// Went on after a stop.
    Continued,
    /// Ended.
    Exited,
}

impl News {
    /// Whether a wait with these options wants to hear it.
    fn wanted(self, options: u32) -> bool {
        match self {
            News::None => false,
            News::Stopped(_) => options & wait::STOPPED != 0,
            News::Continued => options & wait::CONTINUED != 0,
            News::Exited => options & wait::EXITED != 0,
        }
    }
}

/// A child as its parent sees it.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// Its pid.
    pub pid: i32,
    /// The process.
    pub process: ProcessRef,
    /// What it did last.
    pub news: News,
    /// Place among its parent's children, by when they became that; given by `Family::add`.
    pub order: u64,
}

impl Child {
    /// A child that is to be added.
    pub fn new(pid: i32, process: ProcessRef) -> Self {
        Self {
            pid,
            process,
            news: News::None,
            order: 0,
        }
    }
}

/// Which children a wait is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Any.
    Any,
    /// One.
    Pid(i32),
    /// Members of a group.
    Group(i32),
}

impl Which {
    /// From the first argument of wait4(2), for a caller in group `own_group`.
    pub fn new(which: i32, own_group: i32) -> Result<Self> {
        Ok(match which {
            i32::MIN => return Err(Error::ESRCH),
            -1 => Self::Any,
            0 => Self::Group(own_group),
            1.. => Self::Pid(which),
            _ => Self::Group(-which),
        })
    }
}

/// Whom to tell, and how, after a child has done something.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Dispatchers that wait.
    pub waiters: Vec<u32>,
    /// The parent does not want the child: it goes without being waited for.
    pub reap: bool,
    /// SIGCHLD is to be sent.
    pub signal: bool,
}

/// The children of one process.
#[derive(Default)]
pub struct Family {
    closed: bool,
    children: BTreeMap<i32, Child>,
    /// By order.
    with_news: BTreeMap<u64, i32>,
    added: u64,
    waiters: Vec<u32>,
    /// SIGCHLD is ignored, or has SA_NOCLDWAIT: children that end vanish.
    pub no_wait: bool,
    /// SIGCHLD has SA_NOCLDSTOP: no signal for a stopped child.
    pub no_stop: bool,
}

impl Family {
    /// A new child. ESRCH if the process is ending and can have none.
    pub fn add(&mut self, mut child: Child) -> Result<()> {
        if self.closed {
            return Err(Error::ESRCH);
        }
        self.added += 1;
        child.order = self.added;
        self.children.insert(child.pid, child);
        if child.news != News::None {
            self.with_news.insert(child.order, child.pid);
        }
        Ok(())
    }

    /// A child has done something. `None` if it is no child (any more): who took it over finds out by itself.
    pub fn hear(&mut self, pid: i32, news: News) -> Option<Heard> {
        let child = self.children.get_mut(&pid)?;
        let reap = news == News::Exited && self.no_wait;
        let signal = !(self.no_stop && matches!(news, News::Stopped(_) | News::Continued));
        if reap {
            self.remove(pid);
        } else {
            child.news = news;
            self.with_news.insert(child.order, pid);
        }
        Some(Heard {
            waiters: core::mem::take(&mut self.waiters),
            reap,
            signal,
        })
    }

    /// The child to report, if one has news. `None`: nothing now, and if `waiter` is given, it is noted for when there
    /// is. ECHILD: there is nothing to wait for. A child that has ended is removed, unless WNOWAIT is set.
    pub fn wait(
        &mut self,
        which: Which,
        options: u32,
        waiter: Option<u32>,
        group_of: &dyn Fn(&Child) -> i32,
    ) -> Result<Option<Child>> {
        let matches = |child: &Child| match which {
            Which::Any => true,
            Which::Pid(pid) => child.pid == pid,
            Which::Group(pgid) => group_of(child) == pgid,
        };
        let ready = |child: &&Child| child.news.wanted(options) && matches(child);
        let found = match which {
            Which::Pid(pid) => self.children.get(&pid).filter(ready),
            _ => self
                .with_news
                .values()
                .filter_map(|pid| self.children.get(pid))
                .find(ready),
        };
        if let Some(&child) = found {
            if options & wait::NOWAIT == 0 {
                self.told(child);
            }
            return Ok(Some(child));
        }
        let any = match which {
            Which::Any => !self.children.is_empty(),
            Which::Pid(pid) => self.children.contains_key(&pid),
            Which::Group(_) => self.children.values().any(matches),
        };
        if !any {
            return Err(Error::ECHILD);
        }
        if let Some(vp) = waiter
            && !self.waiters.contains(&vp)
        {
            self.waiters.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            self.waiters.push(vp);
        }
        Ok(None)
    }

    fn told(&mut self, child: Child) {
        if child.news == News::Exited {
            self.remove(child.pid);
        } else {
            self.with_news.remove(&child.order);
            if let Some(child) = self.children.get_mut(&child.pid) {
                child.news = News::None;
            }
        }
    }

    fn remove(&mut self, pid: i32) {
        if let Some(child) = self.children.remove(&pid) {
            self.with_news.remove(&child.order);
        }
    }

    /// Whether `pid` is a child.
    pub fn has(&self, pid: i32) -> bool {
        self.children.contains_key(&pid)
    }

    /// Pids of all children.
    pub fn pids(&self) -> Vec<i32> {
        self.children.keys().copied().collect()
    }

    /// The process ends: gives all children up and takes no more.
    pub fn close(&mut self) -> BTreeMap<i32, Child> {
        self.closed = true;
        self.with_news = BTreeMap::new();
        self.waiters = Vec::new();
        core::mem::take(&mut self.children)
    }
}
