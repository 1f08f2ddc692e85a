//! The table of events as a trace brings it along.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{Show, TABLE_TEXT};

/// A class of the trace's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassEntry {
    /// Its number.
    pub number: u8,
    /// Its name.
    pub name: String,
    /// Its events by number.
    events: Vec<Option<EventEntry>>,
}

/// An event of the trace's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventEntry {
    /// Its number in the class.
    pub number: u8,
    /// Its name.
    pub name: String,
    /// Names of the arguments, and how they are shown.
    pub args: Vec<(String, Show)>,
}

/// The events that the writer of a trace knew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    classes: Vec<ClassEntry>,
}

/// Most classes: the number has six bits, and the last is for the buffers themselves.
const CLASSES: u8 = 63;

impl Table {
    /// The table of this build.
    pub fn own() -> Table {
        core::str::from_utf8(TABLE_TEXT)
            .ok()
            .and_then(Table::parse)
            .unwrap_or_default()
    }

    /// Reads a table's text. A line that begins with a word of a later version is passed over, and so is what follows a
    /// known line's fields.
    pub fn parse(text: &str) -> Option<Table> {
        let mut table = Table::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("class") => {
                    let number = words.next()?.parse().ok().filter(|&n: &u8| n < CLASSES)?;
                    let name = words.next()?.into();
                    if table.class(number).is_some() {
                        return None;
                    }
                    table.classes.push(ClassEntry {
                        number,
                        name,
                        events: Vec::new(),
                    });
                }
                Some("event") => {
                    let number: u8 = words.next()?.parse().ok()?;
                    let name = words.next()?.into();
                    let args = words.map(argument).collect::<Option<_>>()?;
                    let events = &mut table.classes.last_mut()?.events;
                    if events.len() <= usize::from(number) {
                        events.resize(usize::from(number) + 1, None);
                    }
                    let place = &mut events[usize::from(number)];
                    if place.is_some() {
                        return None;
                    }
                    *place = Some(EventEntry { number, name, args });
                }
                _ => {}
            }
        }
        Some(table)
    }

    /// The classes.
    pub fn classes(&self) -> &[ClassEntry] {
        &self.classes
    }

    /// A class by its number.
    pub fn class(&self, number: u8) -> Option<&ClassEntry> {
        let usual = self.classes.get(usize::from(number));
        usual
            .filter(|class| class.number == number)
            .or_else(|| self.classes.iter().find(|class| class.number == number))
    }

    /// An event by its numbers.
    pub fn event(&self, class: u8, event: u8) -> Option<&EventEntry> {
        self.class(class)?.events.get(usize::from(event))?.as_ref()
    }

    /// An event by its names: the numbers of class and event.
    pub fn find(&self, class: &str, event: &str) -> Option<(u8, u8)> {
        let class = self.classes.iter().find(|entry| entry.name == class)?;
        let event = class.events().find(|entry| entry.name == event)?;
        Some((class.number, event.number))
    }
}

impl ClassEntry {
    /// Its events, in the order of their numbers.
    pub fn events(&self) -> impl Iterator<Item = &EventEntry> {
        self.events.iter().flatten()
    }
}

/// `NAME:KIND`. A kind of a later version is shown as a hexadecimal number.
fn argument(word: &str) -> Option<(String, Show)> {
    let (name, kind) = word.split_once(':')?;
    let show = Show::ALL.iter().find(|(_, word)| *word == kind);
    Some((name.into(), show.map_or(Show::Hex, |(show, _)| *show)))
}
