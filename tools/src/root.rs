//! The root archive: the files that K42 finds at boot, as one tar.
//!
//! By default they are real Debian packages for ppc64el, unpacked by mmdebstrap without
//! running anything of theirs; then what their maintainer scripts would have made is
//! added: busybox's applet links, the standard folders, `/etc/passwd` and its kin. What
//! mmdebstrap delivered is kept under `build/root`, by the list of packages. A folder or
//! a tar archive can stand in their place, and `--add` puts single files on top.
//!
//! An archive is read to its end before anything boots, so a damaged one is reported
//! here and not by a server of the guest.

mod debian;
mod tree;

use crate::cli::RootOptions;
use crate::progress::Progress;
use crate::repo::Repo;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
pub use tree::Tree;
use tree::{Entry, Kind};

/// Newest modification time in an archive, 2026-01-01: the guest's clock begins there
/// under `--icount`, and a file from the future confuses programs. It is also the time of
/// all that is generated, so that the same input gives the same archive.
const EPOCH: u64 = 1_767_225_600;

/// Makes the root that the options describe.
pub fn prepare(repo: &Repo, options: &RootOptions, progress: Progress) -> Result<Tree> {
    let mut tree = match &options.root {
        None => debian::tree(repo, &options.packages, progress)?,
        Some(path) => given(path)?,
    };
    for (host, guest) in &options.add {
        tree.add(host, guest.trim_matches('/'))
            .with_context(|| format!("cannot add {}", host.display()))?;
    }
    Ok(tree)
}

/// The root that the user brings.
fn given(path: &Path) -> Result<Tree> {
    let metadata =
        fs::metadata(path).with_context(|| format!("cannot read the root {}", path.display()))?;
    if metadata.is_dir() {
        let mut tree = Tree::default();
        tree.add(path, "")
            .with_context(|| format!("cannot read the root {}", path.display()))?;
        return Ok(tree);
    }
    let bytes =
        fs::read(path).with_context(|| format!("cannot read the root {}", path.display()))?;
    match Tree::from_tar(&bytes) {
        Ok(tree) => Ok(tree),
        Err(e) => bail!("the root archive {} is damaged: {e:#}", path.display()),
    }
}
