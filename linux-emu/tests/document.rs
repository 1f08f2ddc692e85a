//! `docs/linux-calls.md` is made from the call table; this test says when it is out of date, and
//! `UPDATE_DOCS=1 cargo test -p k42-linux-emu --test document` writes it anew.

use k42_linux_emu::calls::ROWS;
use k42_linux_emu::table::Kind;
use std::fmt::Write;

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Descriptor => "fd",
        Kind::Directory => "dirfd",
        Kind::Path => "path",
        Kind::Input => "in",
        Kind::Output => "out",
        Kind::Address => "addr",
        Kind::Size => "size",
        Kind::Integer => "int",
        Kind::Flags => "flags",
        Kind::Mode => "mode",
        Kind::Signal => "signal",
    }
}

fn document() -> String {
    let mut text = String::from(
        "# Linux system calls\n\nMade from the table in `linux-emu/src/calls.rs`; what is not listed is ENOSYS, and is \
         named once in the log. Numbers are those of 64-bit Power.\n\n",
    );
    let _ = writeln!(
        text,
        "{} calls.\n\n| number | call | arguments | limits |\n|--:|---|---|---|",
        ROWS.len()
    );
    let mut rows: Vec<_> = ROWS.iter().collect();
    rows.sort_by_key(|row| row.number);
    for row in rows {
        let arguments: Vec<String> = row
            .arguments
            .iter()
            .map(|(name, k)| format!("{name}: {}", kind(*k)))
            .collect();
        let _ = writeln!(
            text,
            "| {} | `{}` | {} | {} |",
            row.number,
            row.name(),
            arguments.join(", "),
            row.note
        );
    }
    text
}

#[test]
fn the_list_of_calls_is_current() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/linux-calls.md");
    let made = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file, &made).expect("the document can be written");
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        found == made,
        "docs/linux-calls.md is out of date; see linux-emu/tests/document.rs"
    );
}

#[test]
fn names_and_arguments_fit() {
    for row in ROWS {
        assert!(
            row.symbol.starts_with("__NR_") && row.arguments.len() <= 6,
            "{}",
            row.symbol
        );
        assert!(
            row.name()
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        );
    }
}
