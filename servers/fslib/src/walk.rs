//! Path resolution: from a directory, component by component, through symbolic links, until the last component or the
//! edge of this file system.
//!
//! A server describes its names by [`Tree`]; [`walk`] does the rest with Linux's rules and errors. A walk gives back the
//! directory that holds the last component, its name and what it names now, so that one function serves lookups,
//! creations and removals alike. Where the way leaves this server the walk stops with a [`Redirect`], which goes back
//! to the client: it knows the mounts and asks the next server. Nothing is allocated unless a symbolic link is met.

use crate::credentials::Access;
use crate::linux::{LINKS_MAX, NAME_MAX, PATH_MAX};
use alloc::vec::Vec;
use k42_api::files::redirect;
use k42_ipc::{Error, OutBuf, Result};

/// What a walk must know of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Has entries.
    Directory,
    /// Names another path.
    Symlink,
    /// Anything else.
    Other,
}

/// What a symbolic link holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// A path.
    Path,
    /// A name that only the client's library can follow (magic links of /proc).
    Magic,
}

/// The names of a file server.
pub trait Tree {
    /// A file or directory.
    type Node: Clone;

    /// The top directory.
    fn root(&self) -> Self::Node;
    /// What `node` is.
    fn kind(&self, node: &Self::Node) -> Kind;
    /// Succeeds if `who` may search the directory; EACCES.
    fn search(&self, directory: &Self::Node, who: &Access<'_>) -> Result<()>;
    /// The entry with that name (never `.` or `..`), if there is one.
    fn lookup(&self, directory: &Self::Node, name: &[u8]) -> Result<Option<Self::Node>>;
    /// The directory above; `None` for the root.
    fn parent(&self, directory: &Self::Node) -> Option<Self::Node>;
    /// Appends what the symbolic link holds to `target`.
    fn read_link(&self, link: &Self::Node, target: &mut Vec<u8>) -> Result<Link>;
    /// The mount that sits on the node, if any.
    fn mount(&self, _node: &Self::Node) -> Option<u32> {
        None
    }
    /// Whether this file system is at the top of the name space: then absolute links start at its root, and `..` there
    /// stays there.
    fn is_top(&self) -> bool {
        false
    }
}

/// How to treat the last component.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Final {
    /// Follow it if it is a symbolic link; go into what is mounted there.
    Follow,
    /// Do not follow it (unless a slash comes after it); go into what is mounted there.
    NoFollow,
    /// It is to be made, removed or renamed: neither followed nor left for a mount.
    Entry,
    /// As `Follow`, for an open that may make a file: a slash after the name is EISDIR at once.
    Create,
    /// As `Create`, without following.
    CreateNoFollow,
}

/// What the last component was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// A name.
    Name,
    /// `.`, or the path had only slashes.
    Dot,
    /// `..`.
    DotDot,
    /// There was none: the root itself.
    Root,
}

/// Where a path leads.
#[derive(Debug)]
pub struct Walked<'p, N> {
    /// The directory in which the last name was looked up.
    pub directory: N,
    /// What it names; `None` if there is no such entry.
    pub node: Option<N>,
    /// What the last component was.
    pub last: Last,
    /// A slash came after it.
    pub trailing_slash: bool,
    path: Path<'p>,
    name: (usize, usize),
}

impl<'p, N> Walked<'p, N> {
    /// What the path's last name, with nothing after it, stands for in a directory.
    pub fn of_name(directory: N, name: &'p [u8], node: Option<N>) -> Self {
        Walked {
            directory,
            node,
            last: Last::Name,
            trailing_slash: false,
            path: Path::Given(name),
            name: (0, name.len()),
        }
    }

    /// The same with nodes of another kind.
    pub fn map<M>(self, mut change: impl FnMut(N) -> M) -> Walked<'p, M> {
        Walked {
            directory: change(self.directory),
            node: self.node.map(change),
            last: self.last,
            trailing_slash: self.trailing_slash,
            path: self.path,
            name: self.name,
        }
    }
}

impl<N> Walked<'_, N> {
    /// The last name; empty unless `last` is `Name`.
    pub fn name(&self) -> &[u8] {
        &self.path.bytes()[self.name.0..self.name.1]
    }
}

/// The path as it is now: the caller's, or rebuilt after a symbolic link.
#[derive(Debug)]
enum Path<'p> {
    Given(&'p [u8]),
    Built(Vec<u8>),
}

impl Path<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Path::Given(bytes) => bytes,
            Path::Built(bytes) => bytes,
        }
    }
}

/// The way goes on elsewhere.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Redirect {
    /// One of [`redirect`]'s kinds.
    pub kind: u8,
    /// Mount id, for `redirect::MOUNT`.
    pub mount: u32,
    /// What is left of the path.
    pub path: Vec<u8>,
}

/// Set in the kind byte if the redirect is about the second of two paths.
pub const SECOND_PATH: u8 = 0x80;

/// Why a walk ended early.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Stop {
    /// It failed.
    Error(Error),
    /// It goes on elsewhere.
    Redirect(Redirect),
}

/// What a walk gives.
pub type Outcome<T> = core::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

impl Stop {
    /// Writes a redirect into the reply and gives the status to answer with.
    pub fn reply(self, rest: &mut OutBuf<'_>, second_path: bool) -> Error {
        match self {
            Stop::Error(error) => error,
            Stop::Redirect(redirect) => {
                let kind = redirect.kind | if second_path { SECOND_PATH } else { 0 };
                let mut header = [kind, 0, 0, 0, 0];
                header[1..].copy_from_slice(&redirect.mount.to_le_bytes());
                match rest.put(&header).and_then(|()| rest.put(&redirect.path)) {
                    Ok(()) => Error::CROSS_MOUNT,
                    Err(_) => Error::ENAMETOOLONG,
                }
            }
        }
    }
}

fn copied(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut vector = Vec::new();
    vector
        .try_reserve_exact(bytes.len())
        .map_err(|_| Error::ENOMEM)?;
    vector.extend_from_slice(bytes);
    Ok(vector)
}

fn elsewhere(kind: u8, mount: u32, path: &[u8]) -> Stop {
    match copied(path) {
        Ok(path) => Stop::Redirect(Redirect { kind, mount, path }),
        Err(error) => Stop::Error(error),
    }
}

/// Checks what every path argument must satisfy.
pub fn check_path(path: &[u8]) -> Result<()> {
    if path.len() > PATH_MAX {
        return Err(Error::ENAMETOOLONG);
    }
    // The client's copy ended at the first NUL; a NUL here is a client that does not play by the rules.
    if path.contains(&0) {
        Err(Error::BAD_MESSAGE)
    } else {
        Ok(())
    }
}

/// Resolves `path` from `start` (or from the root, if it begins with a slash). An empty path is ENOENT: calls that allow
/// it look for it first.
pub fn walk<'p, T: Tree>(
    tree: &T,
    start: T::Node,
    path: &'p [u8],
    who: &Access<'_>,
    treat: Final,
) -> Outcome<Walked<'p, T::Node>> {
    if path.len() > PATH_MAX {
        return Err(Error::ENAMETOOLONG.into());
    }
    if path.is_empty() {
        return Err(Error::ENOENT.into());
    }
    let mut path = Path::Given(path);
    let mut at = 0;
    let mut links = 0;
    let mut directory = if path.bytes()[0] == b'/' {
        tree.root()
    } else {
        start
    };
    loop {
        if tree.kind(&directory) != Kind::Directory {
            return Err(Error::ENOTDIR.into());
        }
        let bytes = path.bytes();
        let begin = skip_slashes(bytes, at);
        if begin == bytes.len() {
            // Nothing but slashes: the starting point itself.
            let last = if bytes.first() == Some(&b'/') {
                Last::Root
            } else {
                Last::Dot
            };
            let node = Some(directory.clone());
            return Ok(Walked {
                directory,
                node,
                last,
                trailing_slash: true,
                path,
                name: (0, 0),
            });
        }
        tree.search(&directory, who)?;
        let mut end = begin;
        while let Some(&byte) = bytes.get(end)
            && byte != b'/'
        {
            if byte == 0 {
                // The client's copy ended at the first NUL: this one does not play by the rules.
                return Err(Error::BAD_MESSAGE.into());
            }
            end += 1;
        }
        let next = skip_slashes(bytes, end);
        let is_last = next == bytes.len();
        let trailing_slash = is_last && end < bytes.len();
        let name = &bytes[begin..end];

        let special = match name {
            b"." => Some((directory.clone(), Last::Dot)),
            b".." => match tree.parent(&directory) {
                Some(parent) => Some((parent, Last::DotDot)),
                None if tree.is_top() => Some((directory.clone(), Last::DotDot)),
                None => return Err(elsewhere(redirect::PARENT, 0, &bytes[next..])),
            },
            _ => None,
        };
        if let Some((node, last)) = special {
            if is_last {
                let found = Some(node);
                return Ok(Walked {
                    directory,
                    node: found,
                    last,
                    trailing_slash,
                    path,
                    name: (0, 0),
                });
            }
            directory = node;
            at = next;
            continue;
        }

        if trailing_slash && matches!(treat, Final::Create | Final::CreateNoFollow) {
            return Err(Error::EISDIR.into());
        }
        if name.len() > NAME_MAX {
            return Err(Error::ENAMETOOLONG.into());
        }
        let node = tree.lookup(&directory, name)?;
        let done = |node| Walked {
            directory: directory.clone(),
            node,
            last: Last::Name,
            trailing_slash,
            path: Path::Given(&[]),
            name: (begin, end),
        };
        let Some(node) = node else {
            if !is_last {
                return Err(Error::ENOENT.into());
            }
            return Ok(Walked { path, ..done(None) });
        };
        if is_last && treat == Final::Entry {
            return Ok(Walked {
                path,
                ..done(Some(node))
            });
        }
        match tree.kind(&node) {
            Kind::Symlink
                if !is_last || trailing_slash || matches!(treat, Final::Follow | Final::Create) =>
            {
                links += 1;
                if links > LINKS_MAX {
                    return Err(Error::ELOOP.into());
                }
                let mut target = Vec::new();
                let kind = tree.read_link(&node, &mut target)?;
                if target.is_empty() {
                    return Err(Error::ENOENT.into());
                }
                // What came after the link goes on after its target, slash included.
                target
                    .try_reserve(bytes.len() - end)
                    .map_err(|_| Error::ENOMEM)?;
                target.extend_from_slice(&bytes[end..]);
                if kind == Link::Magic {
                    return Err(Stop::Redirect(Redirect {
                        kind: redirect::MAGIC,
                        mount: 0,
                        path: target,
                    }));
                }
                if target.len() > PATH_MAX {
                    return Err(Error::ENAMETOOLONG.into());
                }
                if target[0] == b'/' {
                    if !tree.is_top() {
                        return Err(Stop::Redirect(Redirect {
                            kind: redirect::ABSOLUTE,
                            mount: 0,
                            path: target,
                        }));
                    }
                    directory = tree.root();
                }
                path = Path::Built(target);
                at = 0;
            }
            kind => {
                if let Some(mount) = tree.mount(&node) {
                    return Err(elsewhere(redirect::MOUNT, mount, &bytes[next..]));
                }
                if is_last {
                    if trailing_slash && kind != Kind::Directory {
                        return Err(Error::ENOTDIR.into());
                    }
                    return Ok(Walked {
                        path,
                        ..done(Some(node))
                    });
                }
                directory = node;
                at = next;
            }
        }
    }
}

fn skip_slashes(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b'/') {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests;
