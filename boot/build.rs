//! Links the examples, which are whole kernels, by the kernel's linker script when they
//! are built for the machine. (Link arguments do not pass from a library to the programs
//! that use it: the kernel's own build script names `boot/kernel.ld` in the same way.)

fn main() {
    println!("cargo:rerun-if-changed=kernel.ld");
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
        println!("cargo:rustc-link-arg-examples=-T{folder}/kernel.ld");
        println!("cargo:rustc-link-arg-examples=-zmax-page-size=65536");
    }
}
