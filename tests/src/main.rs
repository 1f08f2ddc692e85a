//! `k42-tests`: runs the guest suites. `k42-tests --help` tells how.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use k42_tests::archive::Tree;
use k42_tests::busybox::{self, Busybox};
use k42_tests::compile::Compiler;
use k42_tests::linux::Linux;
use k42_tests::machine::Machine;
use k42_tests::suite::{Suite, install_runner};
use k42_tests::{Verdict, judge, root, run_cases};

const USAGE: &str = "usage: k42-tests [OPTION...] [FILTER...]

  --suite NAME     the folder under tests/ (default: diff)
  --target NAME    k42 (default) or linux, which checks the records themselves
  --cpus N         how many processors the machine has (default: 1)
  --record         run on Linux twice and write tests/SUITE/expected
  --list           only list the cases
  --verbose        show all that came back, not only what differs
  FILTER           run the cases whose name contains one of these
";

struct Options {
    suite: String,
    target: String,
    cpus: u32,
    record: bool,
    list: bool,
    verbose: bool,
    filters: Vec<String>,
}

fn options() -> Result<Option<Options>> {
    let mut options = Options {
        suite: "diff".into(),
        target: "k42".into(),
        cpus: 1,
        record: false,
        list: false,
        verbose: false,
        filters: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument}: a value is missing"))
        };
        match argument.as_str() {
            "--suite" => options.suite = value()?,
            "--target" => options.target = value()?,
            "--cpus" => options.cpus = value()?.parse().context("--cpus: not a number")?,
            "--record" => options.record = true,
            "--verbose" | "-v" => options.verbose = true,
            "--list" => options.list = true,
            "--help" | "-h" => return Ok(None),
            other if other.starts_with('-') => bail!("{other}: no such option\n{USAGE}"),
            _ => options.filters.push(argument),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("k42-tests: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let Some(options) = options()? else {
        print!("{USAGE}");
        return Ok(true);
    };
    let root = root();
    if options.suite == "busybox" {
        return busybox(&root, &options);
    }
    let suite = Suite::find(&root, &options.suite)?;
    let chosen =
        |name: &str| options.filters.is_empty() || options.filters.iter().any(|f| name.contains(f));
    let cases = suite.cases.iter().filter(|c| !c.k42_only);
    let cases: Vec<_> = cases.filter(|c| chosen(&c.name)).collect();
    ensure!(!cases.is_empty(), "no case has such a name");
    if options.list {
        for case in &cases {
            println!("{}", case.name);
        }
        return Ok(true);
    }

    let compiler = Compiler::new("powerpc64le-linux-gnu-", &root)?;
    let mut tree = Tree::default();
    install_runner(&root, &compiler, &mut tree)?;
    suite.install(&compiler, &mut tree)?;

    let machine = machine(&root, &options)?;
    let outcomes = run_cases(machine.as_ref(), &tree, &cases)?;

    if options.record {
        let again = run_cases(machine.as_ref(), &tree, &cases)?;
        fs::create_dir_all(&suite.expected)?;
        let mut unsteady = 0;
        for case in &cases {
            let record = outcomes.get(&case.name).map(|o| o.to_record());
            if record != again.get(&case.name).map(|o| o.to_record()) {
                println!("{}: differs from one run to the next", case.name);
                unsteady += 1;
            }
            let status = outcomes
                .get(&case.name)
                .map_or("lost", |o| o.status.as_str());
            if status == "lost" || status.starts_with("timeout") {
                println!("{}: {status} on Linux", case.name);
                unsteady += 1;
            }
            fs::write(
                suite.record(&case.name),
                record.with_context(|| format!("{}: did not run", case.name))?,
            )?;
        }
        println!("{} recorded, {unsteady} unsteady", cases.len());
        return Ok(unsteady == 0);
    }

    if options.verbose {
        for (name, outcome) in &outcomes {
            println!("--- {name}\n{}", outcome.to_record());
        }
    }
    let (mut passed, mut failed) = (0, BTreeSet::new());
    for case in &cases {
        match judge(&suite, &case.name, outcomes.get(&case.name)) {
            Verdict::Pass => {
                println!("test {}::{} ... ok", suite.folder, case.name);
                passed += 1;
            }
            Verdict::NoRecord => {
                println!(
                    "test {}::{} ... FAILED\n    no record: run with --record",
                    suite.folder, case.name
                );
                failed.insert(&case.name);
            }
            Verdict::Differs(lines) => {
                println!("test {}::{} ... FAILED\n{lines}", suite.folder, case.name);
                failed.insert(&case.name);
            }
        }
    }
    println!(
        "{} on {}: {passed} passed, {} failed",
        suite.folder,
        machine.name(),
        failed.len()
    );
    Ok(failed.is_empty())
}

/// The machine that was asked for; a record is made on Linux.
fn machine(root: &Path, options: &Options) -> Result<Box<dyn Machine>> {
    match options.target.as_str() {
        target if target == "linux" || options.record => {
            Ok(Box::new(Linux::prepare(root)?.with_cpus(options.cpus)))
        }
        other => bail!("{other}: no such target"),
    }
}

/// busybox's own suite: recorded by the names of the tests that pass.
fn busybox(root: &Path, options: &Options) -> Result<bool> {
    let suite = Busybox::prepare(root)?;
    let mut all = suite.cases()?;
    if options.record {
        all.iter_mut().for_each(|c| c.seconds /= 2);
    }
    let chosen =
        |name: &str| options.filters.is_empty() || options.filters.iter().any(|f| name.contains(f));
    let cases: Vec<_> = all.iter().filter(|c| chosen(&c.name)).collect();
    ensure!(!cases.is_empty(), "no unit has such a name");
    if options.list {
        cases.iter().for_each(|c| println!("{}", c.name));
        return Ok(true);
    }
    let compiler = Compiler::new("powerpc64le-linux-gnu-", root)?;
    let mut tree = Tree::default();
    install_runner(root, &compiler, &mut tree)?;
    suite.install(&mut tree)?;
    let machine = machine(root, options)?;
    let outcomes = run_cases(machine.as_ref(), &tree, &cases)?;
    let mut passed = busybox::passed(&outcomes);
    if options.record {
        ensure!(
            options.filters.is_empty(),
            "--record is for the whole suite"
        );
        let again = busybox::passed(&run_cases(machine.as_ref(), &tree, &cases)?);
        for name in passed.symmetric_difference(&again) {
            println!("{name}: differs from one run to the next");
        }
        passed = passed.intersection(&again).cloned().collect();
        suite.record(&passed)?;
        println!("{} pass", passed.len());
        return Ok(true);
    }
    let unit = |name: &str| {
        cases
            .iter()
            .any(|c| name.starts_with(&format!("{}: ", c.name)))
    };
    let expected = suite.expected()?;
    let missing: Vec<_> = expected
        .iter()
        .filter(|n| unit(n) && !passed.contains(*n))
        .collect();
    for name in &missing {
        println!("test busybox::{name} ... FAILED");
    }
    if options.verbose {
        for (unit, outcome) in &outcomes {
            println!("--- {unit}\n{}", outcome.to_record());
        }
    }
    println!(
        "busybox on {}: {} passed, {} failed",
        machine.name(),
        passed.len(),
        missing.len()
    );
    Ok(missing.is_empty())
}
