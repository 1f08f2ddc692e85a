//! A line that shows what a long step is doing.
//!
//! On a terminal it is a spinner that disappears when the step is done. Elsewhere each
//! step is one plain line, or nothing when the caller wants quiet (`--exec`, where
//! standard error belongs to the guest's command).

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

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
        let bar = ProgressBar::new_spinner().with_message(text);
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
