//! Links the image by `emu.ld` when it is built for K42.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo:rerun-if-changed=emu.ld");
    println!("cargo:rustc-link-arg-bins=-T{package}/emu.ld");
    // The image has its fixed place, so there is nothing to relocate at start.
    println!("cargo:rustc-link-arg-bins=--no-pie");
    println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
}
