//! The host side of K42: builds the system, makes its root archive, boots it in QEMU,
//! tests and measures it.
//!
//! The launcher `./k42` sees to it that what this program needs is installed, then
//! starts it. One module per job:
//!
//! * [`cli`] declares the commands and options, [`repo`] finds the checkout;
//! * [`cargo`] and [`build`] make the programs for K42's targets;
//! * [`root`] makes the root archive from Debian packages, [`archive`] wraps it with the
//!   programs as the boot archive, [`image`] joins that with the kernel in one file;
//! * [`machine`] boots it, with [`qemu`], [`qmp`], [`console`] and [`symbols`];
//!   [`run`] is its user's side, [`guest`] and [`system`] are that of tests;
//! * [`test`] and [`bench`] run the tests and the measurements, [`profile`] tells where instructions go, [`trace`]
//!   shows what was traced.
//!
//! Every error ends as one line on standard error and a non-zero status.

mod archive;
mod bench;
mod build;
mod cargo;
mod cli;
mod console;
mod guest;
mod image;
mod machine;
mod monitor;
mod process;
mod profile;
mod progress;
mod qemu;
mod qmp;
mod repo;
mod root;
mod run;
mod symbols;
mod system;
mod test;
mod trace;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

/// Status for a wrong use of the command or a host-side failure; the shell's own
/// convention leaves 1 and 2 to programs, and under `--exec` the guest's status must
/// stay recognisable.
const HOST_FAILURE: u8 = 125;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return cli::report_usage(&e),
    };
    match dispatch(cli.command) {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            eprintln!("k42: {e:#}");
            ExitCode::from(HOST_FAILURE)
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<u8> {
    let repo = repo::Repo::find()?;
    match command {
        Command::Run(options) => run::run(&repo, &options),
        Command::Bench(options) => bench::command(&repo, &options),
        Command::Profile(options) => profile::command(&repo, &options),
        Command::Image(options) => image::command(&repo, &options),
        Command::Trace(options) => trace::command(&repo, &options),
        Command::Build(options) => build::command(&repo, &options),
        Command::Test(options) => test::command(&repo, &options),
    }
}
