//! Links the kernel by the script that belongs to its entry code.

fn main() {
    println!("cargo:rerun-if-changed=../boot/kernel.ld");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
        println!("cargo:rustc-link-arg=-T{folder}/../boot/kernel.ld");
        println!("cargo:rustc-link-arg=-zmax-page-size=65536");
    }
}
