//! The boot archive: what the firmware loads beside the kernel.
//!
//! A plain tar with a fixed order of members, so that a reader in the kernel needs no
//! table: first the user-level programs without their symbols, then a few small texts
//! that say what the first process is to do, last the root archive.
//!
//! | member | content |
//! |---|---|
//! | `servers/memory` … `linux-emu` | programs, in the order of [`PROGRAMS`](crate::build::PROGRAMS) |
//! | `init.args` | arguments of the first process, each ended by a zero byte; the first is its path |
//! | `init.env` | its environment, likewise |
//! | `init.mode` | `console`: an interactive shell; `exec`: a command whose output goes out untranslated |
//! | `winsize` | `ROWS COLUMNS` of the console |
//! | `root.tar` | the root archive |

use crate::build::Built;
use crate::cargo;
use crate::process;
use crate::root::Tree;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use tar::{Builder, EntryType, Header};

/// What the first process is to be.
#[derive(Clone, Debug)]
pub struct Init {
    /// Shell command to run; `None` for an interactive login shell.
    pub exec: Option<String>,
    /// Environment beyond the standard one, as `NAME=VALUE`.
    pub env: Vec<String>,
    /// Rows and columns of the console.
    pub size: (u16, u16),
}

impl Init {
    fn args(&self) -> Vec<u8> {
        match &self.exec {
            None => b"/bin/sh\0-l\0".to_vec(),
            Some(command) => [b"/bin/sh\0-c\0", command.as_bytes(), b"\0"].concat(),
        }
    }

    fn environment(&self) -> Vec<u8> {
        let standard = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/root",
            "USER=root",
            "LOGNAME=root",
            "SHELL=/bin/sh",
        ];
        let all = standard
            .iter()
            .copied()
            .chain(self.env.iter().map(String::as_str));
        all.flat_map(|v| v.bytes().chain([0])).collect()
    }

    fn mode(&self) -> &'static str {
        if self.exec.is_some() {
            "exec"
        } else {
            "console"
        }
    }
}

/// Writes the boot archive.
pub fn write(to: &Path, built: &Built, init: &Init, root: &Tree) -> Result<()> {
    let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let mut builder = Builder::new(BufWriter::new(file));
    for (name, program) in &built.programs {
        member(&mut builder, name, 0o755, &fs::read(stripped(program)?)?)?;
    }
    member(&mut builder, "init.args", 0o644, &init.args())?;
    member(&mut builder, "init.env", 0o644, &init.environment())?;
    member(&mut builder, "init.mode", 0o644, init.mode().as_bytes())?;
    let (rows, columns) = init.size;
    member(
        &mut builder,
        "winsize",
        0o644,
        format!("{rows} {columns}").as_bytes(),
    )?;
    let mut tar = Vec::new();
    root.write_tar(&mut tar)?;
    member(&mut builder, "root.tar", 0o644, &tar)?;
    builder.into_inner()?.flush()?;
    Ok(())
}

fn member<W: Write>(builder: &mut Builder<W>, name: &str, mode: u32, data: &[u8]) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(mode);
    header.set_size(data.len() as u64);
    Ok(builder.append_data(&mut header, name, data)?)
}

/// The program without symbols and debug information, made when the program is newer.
/// The symbols stay on the host, where backtraces are read.
fn stripped(program: &Path) -> Result<PathBuf> {
    let to = program.with_extension("stripped");
    let time = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    if time(&to).is_none() || time(&to) < time(program) {
        process::check(
            Command::new(llvm_strip()?)
                .arg("--strip-all")
                .arg("-o")
                .arg(&to)
                .arg(program),
        )?;
    }
    Ok(to)
}

/// `llvm-strip` of the pinned toolchain, which knows both byte orders.
fn llvm_strip() -> Result<PathBuf> {
    Ok(cargo::target_libdir()?
        .with_file_name("bin")
        .join("llvm-strip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_the_first_process() {
        let mut init = Init {
            exec: None,
            env: vec!["A=b c".into()],
            size: (24, 80),
        };
        assert_eq!(init.args(), b"/bin/sh\0-l\0");
        assert_eq!(init.mode(), "console");
        assert!(init.environment().ends_with(b"SHELL=/bin/sh\0A=b c\0"));
        init.exec = Some("echo 'x y'".into());
        assert_eq!(init.args(), b"/bin/sh\0-c\0echo 'x y'\0");
        assert_eq!(init.mode(), "exec");
    }
}
