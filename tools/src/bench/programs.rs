//! The programs that are measured: compiled from `tests/bench`, or taken from Debian's packages.

use crate::cli::RootOptions;
use crate::process;
use crate::progress::Progress;
use crate::repo::Repo;
use crate::root;
use anyhow::{Context, Result};
use k42_tests::archive::{Node, Tree};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use tar::EntryType;

/// Compiler of the programs.
pub const COMPILER: &str = "powerpc64le-linux-gnu-gcc";

/// Packages with whole programs that are rows.
const PACKAGES: [&str; 2] = ["postmark", "dbench"];

/// Where they lie in the guest, apart from the guest's own files. `tests/bench/whole.c` knows it too.
const PACKAGES_AT: &str = "bench/packages";

/// The compiled programs.
pub struct Programs {
    /// The one that has the rows.
    pub bench: PathBuf,
    tiny: PathBuf,
}

/// A row of the program.
pub struct Row {
    /// Its name.
    pub name: String,
    /// How often it does its operation.
    pub times: u64,
}

impl Programs {
    /// Compiles the programs if a source is newer.
    pub fn compile(repo: &Repo) -> Result<Programs> {
        let folder = repo.root().join("tests/bench");
        let to = repo.build_dir()?.join("bench");
        fs::create_dir_all(&to)?;
        let (mut sources, mut newest) = (Vec::new(), None);
        for entry in fs::read_dir(&folder).context("tests/bench")? {
            let path = entry?.path();
            newest = newest.max(fs::metadata(&path)?.modified().ok());
            if path.extension().is_some_and(|e| e == "c") && !path.ends_with("tiny.c") {
                sources.push(path);
            }
        }
        sources.sort();
        let programs = Programs {
            bench: to.join("bench"),
            tiny: to.join("tiny"),
        };
        let made = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
        if made(&programs.bench) <= newest || made(&programs.tiny) <= newest {
            let flags = ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o"];
            let mut bench = Command::new(COMPILER);
            process::check(
                bench
                    .args(flags)
                    .arg(&programs.bench)
                    .arg("-pthread")
                    .args(&sources),
            )?;
            let mut tiny = Command::new(COMPILER);
            tiny.args(flags)
                .arg(&programs.tiny)
                .args(["-nostdlib", "-nostartfiles"]);
            process::check(tiny.arg(folder.join("tiny.c")))?;
        }
        Ok(programs)
    }

    /// The guest's files: the programs where they expect each other, and the packages, which are fetched if need be.
    pub fn files(&self, repo: &Repo, progress: Progress) -> Result<Tree> {
        let mut files = packages(repo, progress)?;
        files.file("bench/bench", 0o755, fs::read(&self.bench)?);
        files.file("bench/tiny", 0o755, fs::read(&self.tiny)?);
        Ok(files)
    }

    /// All rows, told by the program.
    pub fn rows(&self) -> Result<Vec<Row>> {
        let list = process::stdout_of(Command::new("qemu-ppc64le").arg(&self.bench).arg("-l"))?;
        let row = |line: &str| {
            let (name, times) = line.split_once(' ')?;
            Some(Row {
                name: name.into(),
                times: times.parse().ok()?,
            })
        };
        list.lines()
            .map(|line| row(line).with_context(|| format!("not a row: {line}")))
            .collect()
    }
}

/// The packages, unpacked into a folder of their own: the loader and the libraries that they need are used by nothing
/// else, so the same files serve on K42 and on Linux. Documentation is left out.
fn packages(repo: &Repo, progress: Progress) -> Result<Tree> {
    let options = RootOptions {
        packages: PACKAGES.map(String::from).into(),
        root: None,
        add: Vec::new(),
    };
    let mut tar = Vec::new();
    root::prepare(repo, &options, progress)?.write_tar(&mut tar)?;
    let mut tree = Tree::default();
    for entry in tar::Archive::new(tar.as_slice()).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let wanted = ["usr/bin", "usr/lib", "usr/share/dbench", "lib"];
        if !wanted.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let at = format!("{PACKAGES_AT}/{path}");
        let mode = entry.header().mode()?;
        match entry.header().entry_type() {
            EntryType::Directory => tree.put(&at, Node::Dir(mode)),
            EntryType::Regular => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                tree.file(&at, mode, content);
            }
            EntryType::Symlink => {
                let to = entry.link_name()?.context("a link leads somewhere")?;
                let to = to.to_string_lossy().into_owned();
                // Absolute ones would lead out of the folder.
                let to = match to.strip_prefix('/') {
                    Some(inside) => format!("/{PACKAGES_AT}/{inside}"),
                    None => to,
                };
                tree.put(&at, Node::Link(to));
            }
            // Nothing else is needed.
            _ => {}
        }
    }
    Ok(tree)
}
