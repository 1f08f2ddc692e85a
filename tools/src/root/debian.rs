//! The root from Debian packages.

use super::{EPOCH, Entry, Kind, Tree};
use crate::process;
use crate::progress::Progress;
use crate::repo::Repo;
use anyhow::{Context, Result};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release whose packages are unpacked.
const RELEASE: &str = "bookworm";

/// Where packages come from when the host's own sources name no Debian mirror.
const MIRROR: &str = "http://deb.debian.org/debian";

/// In every root, since it brings the shell.
const SHELL: &str = "busybox-static";

/// Files that mmdebstrap or apt leave and that depend on the host.
const LEFT_BY_APT: [&str; 6] = [
    "etc/apt",
    "etc/fstab",
    "etc/hostname",
    "etc/resolv.conf",
    "var/cache/apt",
    "var/lib/apt",
];

/// Folders that every system has, with their permissions.
const FOLDERS: [(&str, u32); 13] = [
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("mnt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sys/kernel/tracing", 0o755),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
];

/// Names by which programs know what is elsewhere here.
const LINKS: [(&str, &str); 1] = [("sys/kernel/tracing/trace_marker", "/dev/trace_marker")];

/// Small files that the packages' maintainer scripts would have made.
const FILES: [(&str, &str); 4] = [
    ("etc/hostname", "k42\n"),
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
    (
        "etc/group",
        "root:x:0:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n",
    ),
    ("etc/shells", "/bin/sh\n"),
];

/// Unpacks the packages, or takes them from where they were kept, and adds the rest.
pub fn tree(repo: &Repo, packages: &[String], progress: Progress) -> Result<Tree> {
    let mut packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    packages.push(SHELL);
    packages.sort_unstable();
    packages.dedup();

    let _alone = repo.lock()?;
    let dir = repo.build_dir()?.join("root");
    fs::create_dir_all(&dir)?;
    let kept = dir.join(file_name(&packages));
    let mut tree = match fs::read(&kept)
        .ok()
        .and_then(|bytes| Tree::from_tar(&bytes).ok())
    {
        Some(tree) => tree,
        None => {
            let _step = progress.step(format!("unpacking Debian packages: {}", packages.join(" ")));
            unpack(&packages, &kept)?;
            Tree::from_tar(&fs::read(&kept)?).context("mmdebstrap's archive")?
        }
    };
    complete(&mut tree, &dir)?;
    Ok(tree)
}

/// Name under which an unpacked list is kept: readable, and short for a long list.
fn file_name(packages: &[&str]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let joined = packages.join(",");
    if joined.len() <= 60 {
        return format!("{joined}.tar");
    }
    let mut hasher = DefaultHasher::new();
    joined.hash(&mut hasher);
    format!(
        "{}-and-{}-more-{:016x}.tar",
        packages[0],
        packages.len() - 1,
        hasher.finish()
    )
}

/// Has mmdebstrap unpack the packages and what they depend on. Nothing of theirs runs, so
/// this needs neither emulation nor, on a host that allows user namespaces, root.
fn unpack(packages: &[&str], to: &Path) -> Result<()> {
    let partial = to.with_extension("partial.tar");
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--architectures=ppc64el", "--variant=extract"])
        .arg(format!("--include={}", packages.join(",")))
        .arg(RELEASE)
        .arg(&partial)
        .arg(format!("deb {} {RELEASE} main", mirror()))
        .env("SOURCE_DATE_EPOCH", EPOCH.to_string());
    if let Err(e) = process::check(&mut command) {
        let unknown = format!("{e}").lines().find_map(|l| {
            l.strip_prefix("E: Unable to locate package ")
                .map(String::from)
        });
        let _ = fs::remove_file(&partial);
        return Err(match unknown {
            Some(package) => anyhow::anyhow!("Debian has no package {package} for ppc64el"),
            None => e.context("the Debian packages could not be unpacked"),
        });
    }
    fs::rename(&partial, to).context("keeping the unpacked packages")
}

/// The Debian mirror that the host itself uses. Only the main archive: a security
/// archive out of step with it makes apt refuse both.
fn mirror() -> String {
    let texts = [
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/sources.list",
    ]
    .map(|path| fs::read_to_string(path).unwrap_or_default());
    mirror_of(&texts.join("\n")).unwrap_or_else(|| MIRROR.into())
}

/// The first archive address in apt's sources, of either format, that ends in `/debian`.
fn mirror_of(sources: &str) -> Option<String> {
    sources
        .lines()
        .filter(|l| l.starts_with("URIs:") || l.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|w| w.starts_with("http") && w.trim_end_matches('/').ends_with("/debian"))
        .map(String::from)
}

/// Adds what unpacking alone does not give.
fn complete(tree: &mut Tree, scratch: &Path) -> Result<()> {
    LEFT_BY_APT.iter().for_each(|path| tree.remove(path));
    // Device nodes come from K42's name server.
    tree.clear("dev");
    for (path, mode) in FOLDERS {
        tree.directory(path, mode);
    }
    for (path, text) in FILES {
        tree.insert_new(path, Entry::new(Kind::File(text.into()), 0o644));
    }
    for (path, target) in LINKS {
        tree.insert_new(path, Entry::new(Kind::Symlink(target.into()), 0o777));
    }
    for path in applets(tree, scratch)? {
        tree.insert_new(
            &path,
            Entry::new(Kind::Symlink("/bin/busybox".into()), 0o777),
        );
    }
    Ok(())
}

/// Paths of busybox's applets, told by busybox itself under emulation.
fn applets(tree: &Tree, scratch: &Path) -> Result<Vec<String>> {
    let Some(Entry {
        kind: Kind::File(program),
        ..
    }) = tree.get("bin/busybox")
    else {
        anyhow::bail!("the package {SHELL} has no /bin/busybox");
    };
    let mut file = tempfile::Builder::new()
        .prefix("busybox")
        .tempfile_in(scratch)?;
    file.write_all(program)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o755))?;
    let path: PathBuf = file.into_temp_path().keep()?;
    let list = process::stdout_of(Command::new("qemu-ppc64le").arg(&path).arg("--list-full"));
    fs::remove_file(&path)?;
    // "linuxrc" is for starting Linux with busybox as init.
    Ok(list?
        .lines()
        .filter(|l| l.contains('/'))
        .map(String::from)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_mirror_in_both_formats() {
        let new = "Types: deb\nURIs: http://ftp.example.org/debian\nSuites: bookworm\n";
        assert_eq!(
            mirror_of(new).as_deref(),
            Some("http://ftp.example.org/debian")
        );
        let old = "# deb http://x/debian\ndeb [arch=amd64] http://y/debian/ bookworm main\n";
        assert_eq!(mirror_of(old).as_deref(), Some("http://y/debian/"));
        assert_eq!(
            mirror_of("URIs: http://deb.debian.org/debian-security\n"),
            None
        );
    }

    #[test]
    fn names_of_kept_archives() {
        assert_eq!(
            file_name(&["bash", "busybox-static"]),
            "bash,busybox-static.tar"
        );
        let many: Vec<String> = (0..40).map(|n| format!("package{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(file_name(&many).len() < 80);
    }
}
