//! Settings written out: the ones in effect as TOML, and the manual as Markdown.

use std::fmt::Write;

use super::load::{DEFAULTS, Loaded, variable};

impl Loaded {
    /// The settings in effect as a settings file, secrets hidden, with the source of each that is not a default.
    ///
    /// # Errors
    ///
    /// When a setting cannot be written as TOML: a data folder that is not valid UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let table = toml::Table::try_from(&self.settings)?;
        let mut text = String::new();
        let (sections, keys): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table());
        for (name, value) in keys {
            self.line(&mut text, name, name, value);
        }
        for (section, values) in sections {
            let _ = writeln!(text, "\n[{section}]");
            for (name, value) in values.as_table().into_iter().flatten() {
                self.line(&mut text, &format!("{section}.{name}"), name, value);
            }
        }
        Ok(text)
    }

    fn line(&self, text: &mut String, key: &str, name: &str, value: &toml::Value) {
        // Writing to a string cannot fail.
        let _ = match self.origins.get(key) {
            Some(origin) => writeln!(text, "{name} = {value}  # {}", origin.replace(char::is_control, " ")),
            None => writeln!(text, "{name} = {value}"),
        };
    }
}

/// The manual of all settings as Markdown, made from the commented defaults.
pub fn reference() -> String {
    let mut text = String::from(
        "# Settings\n\nMade from `src/config/defaults.toml` by `make reference`; a test compares the two.\n",
    );
    let mut section = String::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in DEFAULTS.lines() {
        // Writing to a string cannot fail.
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim_start());
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let _ = write!(text, "\n## {name}\n");
            section = format!("{name}.");
        } else if let Some((name, default)) = line.split_once(" = ") {
            let key = format!("{section}{name}");
            let _ = write!(text, "\n### `{key}`\n\n`{}`, default `{default}`\n\n", variable(&key));
            let _ = writeln!(text, "{}", escape(&std::mem::take(&mut comment).join("\n")));
        } else if !comment.is_empty() {
            let paragraphs: Vec<_> = comment
                .split(|line| line.is_empty())
                .map(|lines| lines.join("\n"))
                .collect();
            let _ = write!(text, "\n{}\n", escape(&paragraphs.join("\n\n")));
            comment.clear();
        }
    }
    text
}

/// Words of the manual are plain text.
fn escape(words: &str) -> String {
    words
        .replace('_', "\\_")
        .replace('*', "\\*")
        .replace('<', "\\<")
        .replace('[', "\\[")
}
