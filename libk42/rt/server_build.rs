//! The build script of every server program (`build = "../../libk42/rt/server_build.rs"` in its Cargo.toml): links it
//! by `server.ld` when it is built for K42.

use std::path::Path;

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let script = Path::new(&package)
        .ancestors()
        .map(|folder| folder.join("libk42/rt/server.ld"))
        .find(|script| script.exists())
        .expect("the package lies in the workspace");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    // The image has its fixed place, so there is nothing to relocate at start.
    println!("cargo:rustc-link-arg-bins=--no-pie");
    println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
}
