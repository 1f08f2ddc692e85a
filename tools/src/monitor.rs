//! QEMU's monitor for people: a line in, text out. Registers, and where a program's page is, are told only there.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// What it says when it is ready for a line.
const PROMPT: &[u8] = b"(qemu) ";

/// A connection to it.
pub struct Monitor {
    stream: UnixStream,
}

impl Monitor {
    /// Takes over the connection, and waits until it is ready.
    pub fn new(stream: UnixStream) -> Result<Monitor> {
        let mut monitor = Monitor { stream };
        monitor.answer()?;
        Ok(monitor)
    }

    /// What it answers to a line.
    pub fn ask(&mut self, line: &str) -> Result<String> {
        // In one piece, which is how a monitor that is played in a test reads it.
        self.stream.write_all(format!("{line}\n").as_bytes())?;
        let text = self.answer()?;
        // The line comes back as it would look on a terminal.
        let answer = text.split_once('\n').map_or("", |(_, answer)| answer);
        if let Some(error) = answer.strip_prefix("Error: ") {
            bail!("QEMU refused {line}: {}", error.trim());
        }
        Ok(answer.into())
    }

    /// Reads until it is ready for another line.
    fn answer(&mut self) -> Result<String> {
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while !text.ends_with(PROMPT) {
            let length = self.stream.read(&mut piece).context("QEMU's monitor")?;
            if length == 0 {
                bail!("QEMU's monitor ended");
            }
            text.extend_from_slice(&piece[..length]);
        }
        text.truncate(text.len() - PROMPT.len());
        Ok(String::from_utf8_lossy(&text).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn tells_answers_from_echo_and_prompt() {
        let (ours, mut qemus) = UnixStream::pair().expect("a pair of sockets");
        let qemu = thread::spawn(move || {
            let mut asked = [0; 64];
            qemus.write_all(b"QEMU 7.2 monitor\r\n(qe").expect("sent");
            qemus.write_all(b"mu) ").expect("sent");
            for answer in [
                "s\x1b[D\x1b[Dstop\x1b[K\r\n(qemu) ",
                "info\r\nNIP 1\r\nMSR 2\r\n(qemu) ",
                "cont\r\nError: Resetting the Virtual Machine is required\r\n(qemu) ",
            ] {
                let _ = qemus.read(&mut asked).expect("a line");
                qemus.write_all(answer.as_bytes()).expect("sent");
            }
        });
        let mut monitor = Monitor::new(ours).expect("a prompt");
        assert_eq!(monitor.ask("stop").expect("an answer"), "");
        assert_eq!(
            monitor.ask("info").expect("an answer"),
            "NIP 1\r\nMSR 2\r\n"
        );
        let refused = monitor.ask("cont").expect_err("an error").to_string();
        assert_eq!(
            refused,
            "QEMU refused cont: Resetting the Virtual Machine is required"
        );
        qemu.join().expect("all was asked");
        assert!(monitor.ask("more").is_err());
    }
}
