//! The checkout: where things lie in it.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A K42 checkout.
#[derive(Clone, Debug)]
pub struct Repo {
    root: PathBuf,
}

/// Byte order of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Least significant byte first: the order of Debian's ppc64el.
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// From the `--big-endian` switch.
    pub fn from_flag(big: bool) -> Self {
        if big { Order::Big } else { Order::Little }
    }

    /// Name of the target, without `.json`.
    pub fn target(self) -> &'static str {
        match self {
            Order::Little => "powerpc64le-k42",
            Order::Big => "powerpc64-k42",
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Order::Little => "little-endian",
            Order::Big => "big-endian",
        }
    }
}

impl Repo {
    /// Finds the checkout: the launcher says where it is; a program started by hand looks
    /// upwards from the current folder.
    pub fn find() -> Result<Self> {
        if let Some(root) = std::env::var_os("K42_ROOT") {
            return Ok(Repo {
                root: PathBuf::from(root),
            });
        }
        let here = std::env::current_dir()?;
        match here
            .ancestors()
            .find(|d| d.join("targets/powerpc64le-k42.json").is_file())
        {
            Some(root) => Ok(Repo { root: root.into() }),
            None => bail!("no K42 checkout here; start this program as ./k42"),
        }
    }

    /// Top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder for what the tool makes and keeps; created when missing.
    pub fn build_dir(&self) -> Result<PathBuf> {
        let dir = self.root.join("build");
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Waits until nobody else makes files in the build folder that are made once and kept. Others wait as long as
    /// the result lives.
    pub fn lock(&self) -> Result<File> {
        let path = self.build_dir()?.join("lock");
        let file = File::create(&path)?;
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }

    /// The target description for a byte order.
    pub fn target_file(&self, order: Order) -> PathBuf {
        self.root
            .join("targets")
            .join(format!("{}.json", order.target()))
    }

    /// Where cargo leaves release programs for a byte order.
    pub fn release_dir(&self, order: Order) -> PathBuf {
        self.target_dir().join(order.target()).join("release")
    }

    /// Cargo's target folder.
    pub fn target_dir(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => self.root.join(dir),
            None => self.root.join("target"),
        }
    }
}
