//! Walks over a small fixed tree.

use super::*;

enum Node {
    Directory(usize, &'static [(&'static str, usize)]),
    Link(&'static str),
    Magic(&'static str),
    File,
}
use Node::{Directory, File, Magic};

/// Node numbers are indices.
const NODES: &[Node] = &[
    Directory(
        0,
        &[
            ("a", 1),
            ("file", 3),
            ("abs", 4),
            ("rel", 5),
            ("loop", 6),
            ("mnt", 7),
            ("locked", 8),
            ("fd", 9),
            ("dangling", 10),
            ("tofile", 12),
        ],
    ),
    Directory(0, &[("b", 2)]),
    Directory(1, &[("deep", 3)]),
    File,
    Node::Link("/a/b"),
    Node::Link("a/../a"),
    Node::Link("loop"),
    Directory(0, &[]),
    Directory(0, &[("x", 3)]),
    Magic("fd:3"),
    Node::Link("a/none"),
    File,
    Node::Link("file"),
];

struct Names {
    top: bool,
}

impl Tree for Names {
    type Node = usize;
    fn root(&self) -> usize {
        0
    }
    fn kind(&self, node: &usize) -> Kind {
        match NODES[*node] {
            Directory(..) => Kind::Directory,
            Node::Link(_) | Magic(_) => Kind::Symlink,
            File => Kind::Other,
        }
    }
    fn search(&self, directory: &usize, who: &Access<'_>) -> Result<()> {
        if *directory == 8 && !who.is_root() {
            Err(Error::EACCES)
        } else {
            Ok(())
        }
    }
    fn lookup(&self, directory: &usize, name: &[u8]) -> Result<Option<usize>> {
        let Directory(_, entries) = NODES[*directory] else {
            return Err(Error::ENOTDIR);
        };
        Ok(entries.iter().find(|e| e.0.as_bytes() == name).map(|e| e.1))
    }
    fn parent(&self, directory: &usize) -> Option<usize> {
        let Directory(parent, _) = NODES[*directory] else {
            return None;
        };
        (*directory != 0).then_some(parent)
    }
    fn read_link(&self, link: &usize, target: &mut Vec<u8>) -> Result<Link> {
        match NODES[*link] {
            Node::Link(text) => target.extend_from_slice(text.as_bytes()),
            Magic(text) => {
                target.extend_from_slice(text.as_bytes());
                return Ok(Link::Magic);
            }
            _ => return Err(Error::EINVAL),
        }
        Ok(Link::Path)
    }
    fn mount(&self, node: &usize) -> Option<u32> {
        (*node == 7).then_some(3)
    }
    fn is_top(&self) -> bool {
        self.top
    }
}

const TOP: Names = Names { top: true };
const BELOW: Names = Names { top: false };

fn go<'p>(tree: &Names, path: &'p str, treat: Final) -> Outcome<Walked<'p, usize>> {
    walk(
        tree,
        0,
        path.as_bytes(),
        &Access {
            uid: 9,
            gid: 9,
            groups: &[],
        },
        treat,
    )
}

fn node(path: &str, treat: Final) -> Outcome<Option<usize>> {
    go(&TOP, path, treat).map(|walked| walked.node)
}

fn redirected(tree: &Names, path: &str) -> (u8, u32, String) {
    match go(tree, path, Final::Follow) {
        Err(Stop::Redirect(r)) => (r.kind, r.mount, String::from_utf8(r.path).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_paths() {
    for (path, expected) in [
        ("a/b/deep", Some(3)),
        ("/a//b/", Some(2)),
        ("a/b/../b/deep", Some(3)),
        (".", Some(0)),
        ("/", Some(0)),
        ("//", Some(0)),
        ("..", Some(0)),
        ("a/..", Some(0)),
        ("a/none", None),
        ("abs/deep", Some(3)),
        ("rel/b", Some(2)),
        ("tofile", Some(3)),
        ("abs", Some(2)),
        ("dangling", None),
    ] {
        assert_eq!(node(path, Final::Follow), Ok(expected), "{path}");
    }
}

#[test]
fn errors() {
    let long = "x".repeat(256);
    let long_path = "a/../".repeat(820);
    for (path, error) in [
        ("", Error::ENOENT),
        ("none/x", Error::ENOENT),
        ("file/x", Error::ENOTDIR),
        ("file/", Error::ENOTDIR),
        ("loop", Error::ELOOP),
        ("loop/x", Error::ELOOP),
        ("locked/x", Error::EACCES),
        ("file/.", Error::ENOTDIR),
        (&long, Error::ENAMETOOLONG),
        (&long_path, Error::ENAMETOOLONG),
        ("a\0b", Error::BAD_MESSAGE),
        ("tofile/", Error::ENOTDIR),
        ("dangling/x", Error::ENOENT),
    ] {
        assert_eq!(node(path, Final::Follow), Err(Stop::Error(error)), "{path}");
    }
}

#[test]
fn last_component() {
    assert_eq!(node("abs", Final::NoFollow), Ok(Some(4)));
    assert_eq!(node("abs/", Final::NoFollow), Ok(Some(2)));
    assert_eq!(node("abs/", Final::Entry), Ok(Some(4)));
    assert_eq!(node("mnt", Final::Entry), Ok(Some(7)));
    let walked = go(&TOP, "/a/new///", Final::Entry).unwrap();
    assert_eq!(
        (walked.name(), walked.directory, walked.trailing_slash),
        (&b"new"[..], 1, true)
    );
    // A dangling link that is followed names what is to be made.
    let walked = go(&TOP, "dangling", Final::Follow).unwrap();
    assert_eq!(
        (walked.name(), walked.directory, walked.node),
        (&b"none"[..], 1, None)
    );
    assert_eq!(go(&TOP, "a/.", Final::Entry).unwrap().last, Last::Dot);
    assert_eq!(go(&TOP, "a/..", Final::Entry).unwrap().last, Last::DotDot);
    assert_eq!(go(&TOP, "/", Final::Entry).unwrap().last, Last::Root);
}

#[test]
fn redirects() {
    assert_eq!(
        redirected(&TOP, "mnt/x/y"),
        (redirect::MOUNT, 3, "x/y".into())
    );
    assert_eq!(redirected(&TOP, "mnt"), (redirect::MOUNT, 3, "".into()));
    assert_eq!(
        redirected(&BELOW, "a/../../x"),
        (redirect::PARENT, 0, "x".into())
    );
    assert_eq!(
        redirected(&BELOW, "abs//deep/"),
        (redirect::ABSOLUTE, 0, "/a/b//deep/".into())
    );
    assert_eq!(redirected(&TOP, "fd"), (redirect::MAGIC, 0, "fd:3".into()));
    let mut buffer = [0; 16];
    let mut rest = OutBuf::new(&mut buffer);
    let stop = go(&TOP, "mnt/x", Final::Follow).unwrap_err();
    assert_eq!(stop.clone().reply(&mut rest, true), Error::CROSS_MOUNT);
    assert_eq!(
        rest.filled(),
        [redirect::MOUNT | SECOND_PATH, 3, 0, 0, 0, b'x']
    );
    assert_eq!(
        stop.reply(&mut OutBuf::new(&mut [0; 3]), false),
        Error::ENAMETOOLONG
    );
}
