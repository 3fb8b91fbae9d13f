//! The text that is being written, token by token.
//!
//! The entries of an object are written as they come. At its end, if they did not come in order, they are rearranged
//! within the text: what is nested in them is in order by then.

use std::{
    fmt::{Display, Write as _},
    ops::Range,
};

use super::{Error, Style, float};

const SEPARATOR: &str = ", ";

/// Canonical JSON in the making.
pub(super) struct Writer {
    style: Style,
    /// Whether keys are sorted; the outermost array or object decides.
    sorts_keys: Option<bool>,
    out: String,
    /// The keys, before escaping, of the objects that are not complete, end to end.
    keys: String,
    /// The entries of the objects that are not complete, the innermost object's last.
    entries: Vec<Entry>,
    /// An object's entries while they are rearranged.
    unarranged: String,
}

/// An array that is being written.
pub(super) struct Array {
    is_empty: bool,
}

/// An object that is being written: where its part of everything begins.
pub(super) struct Object {
    out: usize,
    keys: usize,
    entries: usize,
}

struct Entry {
    /// Where it began in [`Writer::out`].
    place: usize,
    /// In [`Writer::keys`].
    key: Range<usize>,
    /// In [`Writer::out`], from the key's opening quote to the value's end.
    text: Range<usize>,
}

impl Writer {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            sorts_keys: None,
            out: String::with_capacity(64),
            keys: String::new(),
            entries: Vec::new(),
            unarranged: String::new(),
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// `null`, `true`, `false` or an integer.
    pub(super) fn literal(&mut self, literal: impl Display) -> Result<(), Error> {
        write!(self.out, "{literal}")?;
        Ok(())
    }

    pub(super) fn f64(&mut self, value: f64) -> Result<(), Error> {
        float::write_f64(value, &mut self.out)
    }

    pub(super) fn f32(&mut self, value: f32) -> Result<(), Error> {
        float::write_f32(value, &mut self.out)
    }

    /// A number as it is spelt in some JSON text.
    pub(super) fn number(&mut self, digits: &str) -> Result<(), Error> {
        match digits {
            "-0" => self.literal(0), // an integer, which has no negative zero
            _ if digits.contains(['.', 'e', 'E']) => float::write_text(digits, &mut self.out),
            _ => self.literal(digits),
        }
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), Error> {
        write_text(text, self.style, &mut self.out)
    }

    pub(super) fn begin_array(&mut self) -> Array {
        self.sorts_keys.get_or_insert(self.style == Style::Ascii);
        self.out.push('[');
        Array { is_empty: true }
    }

    /// Says that a further element of `array` follows.
    pub(super) fn element(&mut self, array: &mut Array) {
        if !array.is_empty {
            self.out.push_str(SEPARATOR);
        }
        array.is_empty = false;
    }

    pub(super) fn end_array(&mut self) {
        self.out.push(']');
    }

    pub(super) fn begin_object(&mut self) -> Object {
        self.sorts_keys.get_or_insert(true);
        self.out.push('{');
        Object { out: self.out.len(), keys: self.keys.len(), entries: self.entries.len() }
    }

    /// Says that a further value of `object` follows, under the key that `write_key` appends to the text it is given.
    pub(super) fn key(
        &mut self,
        object: &Object,
        write_key: impl FnOnce(&mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.end_entry(object);
        if self.entries.len() > object.entries {
            self.out.push_str(SEPARATOR);
        }
        let key = self.keys.len();
        write_key(&mut self.keys)?;
        let place = self.out.len();
        self.entries.push(Entry { place, key: key..self.keys.len(), text: place..place });
        write_text(&self.keys[key..], self.style, &mut self.out)?;
        self.out.push_str(": ");
        Ok(())
    }

    /// Says that a further value of `object` follows, under this key.
    pub(super) fn str_key(&mut self, object: &Object, key: &str) -> Result<(), Error> {
        self.key(object, |out| {
            out.push_str(key);
            Ok(())
        })
    }

    pub(super) fn end_object(&mut self, object: &Object) {
        self.end_entry(object);
        let keys = &self.keys;
        let entries = &self.entries[object.entries..];
        if !entries.is_sorted_by(|one, next| keys[one.key.clone()] < keys[next.key.clone()]) {
            self.rearrange(object);
        }
        self.entries.truncate(object.entries);
        self.keys.truncate(object.keys);
        self.out.push('}');
    }

    /// Says that the entry which was begun last in `object`, if any, is complete.
    fn end_entry(&mut self, object: &Object) {
        if let Some(entry) = self.entries[object.entries..].last_mut() {
            entry.text.end = self.out.len();
        }
    }

    /// Puts the entries of `object` in order, and keeps one for each key.
    fn rearrange(&mut self, object: &Object) {
        let key = |entry: &Entry| &self.keys[entry.key.clone()];
        let mut entries = self.entries.split_off(object.entries);
        // Equal keys stay in the order in which they came, and the last of them counts.
        entries.sort_by(|one, other| key(one).cmp(key(other)));
        entries.dedup_by(|later, kept| {
            let same = key(later) == key(kept);
            if same {
                kept.text = later.text.clone();
            }
            same
        });
        if self.sorts_keys == Some(false) {
            entries.sort_by_key(|entry| entry.place);
        }

        self.unarranged.clear();
        self.unarranged.push_str(&self.out[object.out..]);
        self.out.truncate(object.out);
        for (number, entry) in entries.iter().enumerate() {
            if number > 0 {
                self.out.push_str(SEPARATOR);
            }
            self.out.push_str(&self.unarranged[entry.text.start - object.out..entry.text.end - object.out]);
        }
    }
}

/// Appends `text` with quotes to `out`.
fn write_text(text: &str, style: Style, out: &mut String) -> Result<(), Error> {
    // The first byte of what is escaped, which is where a character begins.
    let is_special = |byte: u8| match style {
        Style::Ascii => matches!(byte, b'"' | b'\\') || !matches!(byte, b' '..=b'~'),
        Style::Utf8 => matches!(byte, b'"' | b'\\' | 0..=0x1f),
    };
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        out.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        if let Some(special) = chars.next() {
            write_escaped(special, out)?;
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
    Ok(())
}

fn write_escaped(c: char, out: &mut String) -> Result<(), Error> {
    let short = match c {
        '"' => r#"\""#,
        '\\' => r"\\",
        '\n' => r"\n",
        '\r' => r"\r",
        '\t' => r"\t",
        '\x08' => r"\b",
        '\x0c' => r"\f",
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            return Ok(());
        }
    };
    out.push_str(short);
    Ok(())
}
