//! The plugin's arguments.

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Runs of translated blocks.
    Profile,
    /// Cache lines that move.
    Lines,
}

/// The arguments, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What is counted.
    pub mode: Mode,
    /// Where the report goes.
    pub out: String,
    /// Count from the start, without a mark.
    pub whole: bool,
    /// The guest's memory in MiB.
    pub ram: usize,
    /// How many lines and places are named.
    pub top: usize,
}

impl Settings {
    /// Reads `name=value` words. The error says which word is wrong.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Settings, String> {
        let mut mode = None;
        let mut out = None;
        let (mut whole, mut ram, mut top) = (false, 1024, 10);
        for word in words {
            let wrong = || format!("wrong argument '{word}'");
            let (name, value) = word.split_once('=').ok_or_else(wrong)?;
            match (name, value) {
                ("mode", "profile") => mode = Some(Mode::Profile),
                ("mode", "lines") => mode = Some(Mode::Lines),
                ("out", file) if !file.is_empty() => out = Some(file.to_string()),
                ("whole", "on") => whole = true,
                ("whole", "off") => whole = false,
                ("ram", number) => ram = number.parse().map_err(|_| wrong())?,
                ("top", number) => top = number.parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            }
        }
        Ok(Settings {
            mode: mode.ok_or("no mode: give mode=profile or mode=lines")?,
            out: out.ok_or("no out=FILE")?,
            whole,
            ram,
            top,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words() {
        let settings = Settings::parse("mode=lines out=a ram=512 top=3".split(' ')).unwrap();
        assert_eq!(
            (settings.mode, settings.ram, settings.top),
            (Mode::Lines, 512, 3)
        );
        assert_eq!((settings.out.as_str(), settings.whole), ("a", false));
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, named) in [
            ("out=a", "no mode"),
            ("mode=lines", "no out"),
            ("mode=x out=a", "'mode=x'"),
            ("mode=lines out=a ram=many", "'ram=many'"),
            ("mode=lines out=a nonsense", "'nonsense'"),
        ] {
            let error = Settings::parse(text.split(' ')).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
