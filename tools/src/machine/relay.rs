//! The threads that copy between the machine's sockets and the given ends.

use super::Message;
use crate::console::{self, Input};
use crate::qmp::Qmp;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

/// Reads a stream to its end in the background.
pub fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// What [`collect`] has read.
pub fn joined(thread: JoinHandle<String>) -> String {
    thread.join().unwrap_or_default()
}

/// Copies what the guest writes, at once. If the receiver is gone, goes on reading, so
/// that the guest is not blocked.
pub fn copy(mut from: UnixStream, mut to: Box<dyn Write + Send>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        let mut open = true;
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            open = open
                && to
                    .write_all(&buffer[..count])
                    .and_then(|()| to.flush())
                    .is_ok();
        }
    })
}

/// Hands over what the guest writes line by line.
pub fn lines(from: UnixStream, mut to: Box<dyn FnMut(&str) + Send>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut line) {
            to(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
            line.clear();
        }
    })
}

/// Passes the guest's control lines on to the main loop.
pub fn relay_control(from: UnixStream, sender: Sender<Message>) -> JoinHandle<()> {
    let to = move |line: &str| {
        let _ = sender.send(Message::Control(line.into()));
    };
    lines(from, Box::new(to))
}

/// Copies the input to the guest.
pub fn feed(input: Input, guest: UnixStream, raw: bool, sender: Sender<Message>) {
    thread::spawn(move || {
        if console::feed(input, guest, raw) {
            let _ = sender.send(Message::User);
        }
    });
}

/// Waits over QMP for the guest's end.
pub fn watch(mut qmp: Qmp, sender: Sender<Message>) {
    thread::spawn(move || {
        let event = qmp.wait_for_end();
        let _ = sender.send(Message::Off(event, qmp));
    });
}
