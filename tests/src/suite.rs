//! The cases: what is found in the folders under `tests/`, and the guest files
//! that they need.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::archive::Tree;
use crate::compile::{Compiler, Kind, Unit, check_name};
use crate::linux::Debian;

/// Guest seconds that a case may take if it does not say otherwise.
const SECONDS: u32 = 10;

/// One guest case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name: the file's, without the ending.
    pub name: String,
    /// The file that it comes from.
    pub source: PathBuf,
    /// Guest seconds after which it is killed.
    pub seconds: u32,
    /// The command in the guest.
    pub command: String,
    /// It makes K42's own calls (`@k42`): Linux has nothing to say about it.
    pub k42_only: bool,
}

/// A folder of cases with its recorded outputs beside it.
pub struct Suite {
    /// The folder's name under `tests/`.
    pub folder: String,
    /// Where the records are.
    pub expected: PathBuf,
    /// The cases, by name.
    pub cases: Vec<Case>,
    /// The C programs among them.
    units: Vec<Unit>,
    /// The workspace.
    root: PathBuf,
}

impl Suite {
    /// Finds the cases of `tests/FOLDER`.
    pub fn find(root: &Path, folder: &str) -> Result<Self> {
        let dir = root.join("tests").join(folder);
        let (mut cases, mut units) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            let source = entry?.path();
            let name = source
                .file_stem()
                .and_then(|n| n.to_str())
                .unwrap_or_default()
                .to_string();
            let extension = source
                .extension()
                .and_then(|e| e.to_str())
                .unwrap_or_default();
            if !matches!(extension, "sh" | "c") {
                continue;
            }
            check_name(&name)?;
            let text = fs::read_to_string(&source)?;
            let head = text.lines().take(4).collect::<Vec<_>>().join("\n");
            let seconds = word_after(&head, "@timeout")
                .and_then(|w| w.parse().ok())
                .unwrap_or(SECONDS);
            let arguments = word_after(&head, "@arg").unwrap_or_default();
            let command = if extension == "sh" {
                format!("/bin/busybox sh /tests/{folder}/{name}.sh {arguments}")
            } else if head.contains("@dynamic") {
                units.push(Unit {
                    name: name.clone(),
                    source: source.clone(),
                    kind: Kind::Dynamic,
                });
                format!("/tests/bin/{name} {arguments}")
            } else if folder != "diff" {
                units.push(Unit {
                    name: name.clone(),
                    source: source.clone(),
                    kind: Kind::Static,
                });
                format!("/tests/bin/{name} {arguments}")
            } else {
                units.push(Unit {
                    name: name.clone(),
                    source: source.clone(),
                    kind: Kind::Case,
                });
                format!("/tests/bin/diffc {name} {arguments}")
            };
            cases.push(Case {
                name,
                source,
                seconds,
                command: command.trim_end().to_string(),
                k42_only: head.contains("@k42"),
            });
        }
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in cases.windows(2) {
            ensure!(
                pair[0].name != pair[1].name,
                "{folder}: two cases are called {}",
                pair[0].name
            );
        }
        units.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            folder: folder.to_string(),
            expected: dir.join("expected"),
            cases,
            units,
            root: root.to_path_buf(),
        })
    }

    /// Compiles the programs and puts programs and scripts into the guest's tree.
    pub fn install(&self, compiler: &Compiler, tree: &mut Tree) -> Result<()> {
        let built = compiler.all(&self.units)?;
        let (mut names, mut objects) = (Vec::new(), Vec::new());
        for (unit, path) in self.units.iter().zip(built) {
            if unit.kind == Kind::Case {
                names.push(unit.name.as_str());
                objects.push(path);
            } else {
                tree.file(&format!("tests/bin/{}", unit.name), 0o755, fs::read(path)?);
            }
        }
        if self.units.iter().any(|u| u.kind == Kind::Dynamic) {
            Debian::prepare(&self.root)?.add_libraries(tree)?;
        }
        if !names.is_empty() {
            tree.file(
                "tests/bin/diffc",
                0o755,
                fs::read(compiler.link_cases(&names, &objects)?)?,
            );
        }
        for case in self
            .cases
            .iter()
            .filter(|c| c.source.extension().is_some_and(|e| e == "sh"))
        {
            tree.file(
                &format!("tests/{}/{}.sh", self.folder, case.name),
                0o755,
                fs::read(&case.source)?,
            );
        }
        Ok(())
    }

    /// The runner's list for these cases.
    pub fn list<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
        cases
            .map(|c| format!("{} {} {}\n", c.name, c.seconds, c.command))
            .collect()
    }

    /// Where the record of a case is kept.
    pub fn record(&self, name: &str) -> PathBuf {
        self.expected.join(format!("{name}.out"))
    }
}

/// The word that follows a mark in a case's first lines.
fn word_after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark)?.1.split_whitespace().next()
}

/// Programs of `tests/kit` that the runner and the scripts use.
const HELPERS: [&str; 3] = ["guard", "asuser", "ptydo"];

/// Puts the runner and its helpers into the guest's tree.
pub fn install_runner(root: &Path, compiler: &Compiler, tree: &mut Tree) -> Result<()> {
    let unit = |name: &&str| Unit {
        name: (*name).to_string(),
        source: root.join(format!("tests/kit/{name}.c")),
        kind: Kind::Static,
    };
    let built = compiler.all(&HELPERS.iter().map(unit).collect::<Vec<_>>())?;
    for (name, path) in HELPERS.iter().zip(built) {
        tree.file(&format!("tests/bin/{name}"), 0o755, fs::read(path)?);
    }
    tree.file(
        "tests/guest/run-all.sh",
        0o755,
        fs::read(root.join("tests/guest/run-all.sh"))?,
    );
    Ok(())
}
