//! A line that shows what a long step is doing.
//!
//! On a terminal it is a spinner that disappears when the step is done. Elsewhere each
//! step is one plain line, or nothing when the caller wants quiet (`--exec`, where
//! standard error belongs to the guest's command).

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::Duration;

/// The spinners: there may be more than one, since steps may run at once.
static SPINNERS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Shows steps; cheap to make.
#[derive(Clone, Copy)]
pub struct Progress {
    quiet: bool,
}

/// A step that is being shown; ends when dropped.
pub struct Step {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `quiet`: say nothing when standard error is not a terminal.
    pub fn new(quiet: bool) -> Self {
        Progress { quiet }
    }

    /// Begins a step.
    pub fn step(self, text: impl Into<String>) -> Step {
        let text = text.into();
        if !std::io::stderr().is_terminal() {
            if !self.quiet {
                eprintln!("{text}");
            }
            return Step { bar: None };
        }
        let bar = SPINNERS.add(ProgressBar::new_spinner().with_message(text));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Step { bar: Some(bar) }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
