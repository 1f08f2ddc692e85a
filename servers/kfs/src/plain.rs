//! The short way of most paths: nothing but names, through directories that nothing is mounted on, to something that is
//! not a symbolic link to be followed.
//!
//! Whatever else a path has in it (`.` and `..`, empty names, a slash at the end, a NUL, a link, a mount, a directory
//! that may not be searched) ends the short way without an answer, and the path is walked by
//! [`k42_fslib::walk`], which knows all rules and errors. So what is here decides nothing by itself: it gives what that
//! walk would give, or nothing.

use crate::directory::{FirstWord, Step};
use crate::node::{Body, NodeRef};
use k42_fslib::Access;
use k42_fslib::linux::{NAME_MAX, access};
use k42_fslib::walk::Final;
use k42_object::Guard;

/// Where a plain path leads.
pub struct Plain<'g, 'p> {
    /// The directory in which the last name was looked up; `None` if that is where the path begins.
    pub directory: Option<&'g NodeRef>,
    /// The last name.
    pub name: &'p [u8],
    /// What it names; `None` if there is no such entry.
    pub node: Option<Step<'g>>,
}

/// Walks `path`, one leading slash aside, from the directory `start`. `None`: it takes the long way.
pub fn plain<'g, 'p>(
    guard: &'g Guard,
    start: &NodeRef,
    path: &'p [u8],
    who: &Access<'_>,
    treat: Final,
) -> Option<Plain<'g, 'p>> {
    let mut passed = None;
    let mut at = usize::from(path.first() == Some(&b'/'));
    loop {
        let (name, first) = name_at(path, at)?;
        let directory = passed.unwrap_or(start);
        let Body::Directory(entries) = &directory.body else {
            return None;
        };
        directory.check(who, access::EXECUTE).ok()?;
        let step = entries.read(guard.cpu()).step(name, first, guard);
        at += name.len();
        if at == path.len() {
            let node = match step {
                Some(node) if !ends_at(&node, treat) => return None,
                node => node,
            };
            return Some(Plain {
                directory: passed,
                name,
                node,
            });
        }
        passed = match step? {
            Step::Passing(node) if node.mount().is_none() => Some(node),
            _ => return None,
        };
        // Past the slash.
        at += 1;
    }
}

/// Whether the walk ends at this node if it is the last one.
#[inline]
fn ends_at(node: &Step<'_>, treat: Final) -> bool {
    match (treat, &node.body) {
        (Final::Entry, _) => true,
        (Final::Follow | Final::Create, Body::Symlink(_)) => false,
        (_, Body::Directory(_)) => node.mount().is_none(),
        _ => true,
    }
}

/// `byte` in all bytes of a word.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of the lowest byte of `word` that is zero, and perhaps of bytes above it; zero if there is none.
#[inline]
fn zero_byte(word: u64) -> u64 {
    word.wrapping_sub(all(1)) & !word & all(0x80)
}

/// The name that goes from `at` up to a slash or the path's end, if it is an ordinary one.
#[inline]
fn name_at(path: &[u8], at: usize) -> Option<(&[u8], FirstWord)> {
    let rest = path.get(at..)?;
    // Past the end of a short rest there are zeros.
    let word = match (rest.first_chunk::<8>(), path.last_chunk::<8>()) {
        (Some(bytes), _) => u64::from_le_bytes(*bytes),
        (None, _) if rest.is_empty() => return None,
        (None, Some(bytes)) => u64::from_le_bytes(*bytes) >> (64 - 8 * rest.len()),
        (None, None) => FirstWord::of(rest).0,
    };
    let ends = zero_byte(word ^ all(b'/')) | zero_byte(word);
    let length = if ends != 0 {
        (ends.trailing_zeros() / 8) as usize
    } else {
        let more = rest[8..].iter().position(|&byte| byte == b'/' || byte == 0);
        more.map_or(rest.len(), |more| 8 + more)
    };
    // What ends it is a slash, or nothing.
    if rest.get(length).is_some_and(|&end| end != b'/') || length > NAME_MAX {
        return None;
    }
    let first = FirstWord::masked(word, length);
    if length <= 2 && matches!(first.0, NONE | DOT | DOT_DOT) {
        return None;
    }
    Some((rest.get(..length)?, first))
}

/// The first words of names that are not ordinary.
const NONE: u64 = 0;
const DOT: u64 = b'.' as u64;
const DOT_DOT: u64 = DOT << 8 | DOT;

#[cfg(test)]
mod tests {
    use super::*;

    /// What `name_at` must give, told in another way.
    fn expected(rest: &[u8]) -> Option<&[u8]> {
        let length = rest.iter().position(|&byte| byte == b'/');
        let name = &rest[..length.unwrap_or(rest.len())];
        let ordinary = !name.contains(&0) && !matches!(name, b"" | b"." | b"..");
        (ordinary && name.len() <= NAME_MAX).then_some(name)
    }

    #[test]
    fn takes_the_first_name_off() {
        let long = [b'x'; NAME_MAX + 1];
        let mut cases: Vec<Vec<u8>> = vec![
            long.to_vec(),
            long[1..].to_vec(),
            [&long[1..], b"/"].concat(),
        ];
        // All strings of up to ten of these bytes would be many; the interesting ones have few that are not letters.
        for length in 0..=18 {
            for at in 0..=length {
                for (a, b) in [
                    (b'/', b'a'),
                    (0, b'/'),
                    (b'/', 0),
                    (b'.', b'/'),
                    (0xff, 0x80),
                    (0x30, 0x2e),
                    (1, 0),
                ] {
                    let mut text = vec![b'n'; length];
                    if let Some(byte) = text.get_mut(at) {
                        *byte = a;
                    }
                    cases.push(text.clone());
                    if let Some(byte) = text.get_mut(at + 1) {
                        *byte = b;
                    }
                    cases.push(text);
                }
            }
        }
        cases.extend([&b"."[..], b"..", b"...", b"./x", b"../x", b".x/", b"..x"].map(Vec::from));
        for case in cases {
            let found = name_at(&case, 0);
            assert_eq!(found.map(|(name, _)| name), expected(&case), "{case:?}");
            if let Some((name, first)) = found {
                assert_eq!(first, FirstWord::of(name), "{case:?}");
            }
            // The same after something else.
            let after = [&b"before/"[..], &case].concat();
            assert_eq!(name_at(&after, 7), found, "{case:?}");
        }
    }
}
