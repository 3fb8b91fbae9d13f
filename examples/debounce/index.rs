//! A word index of a directory of texts: which word stands in which files. It is built anew each time, as a whole, which
//! is why one does not want to build it for each edit.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The index, on disk beside the directory that it is of.
pub(crate) struct Index {
    words: BTreeMap<String, BTreeSet<String>>,
}

impl Index {
    fn file_of(directory: &Path) -> PathBuf {
        directory.with_extension("index.json")
    }

    /// Reads all texts and writes the index.
    pub(crate) fn rebuild(directory: &Path) -> io::Result<Self> {
        let mut words: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // An editor may have taken the file away again.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
                words.entry(word.to_lowercase()).or_default().insert(name.clone());
            }
        }
        // The new index takes the old one's place in one step: a rebuild that is cut short spoils nothing.
        let unfinished = directory.with_extension("index.new");
        fs::write(&unfinished, serde_json::to_vec_pretty(&words)?)?;
        fs::rename(unfinished, Self::file_of(directory))?;
        Ok(Self { words })
    }

    /// The index as it was written last.
    pub(crate) fn load(directory: &Path) -> io::Result<Self> {
        Ok(Self { words: serde_json::from_slice(&fs::read(Self::file_of(directory))?)? })
    }

    /// The files that a word stands in.
    pub(crate) fn search(&self, word: &str) -> Vec<&str> {
        self.words.get(&word.to_lowercase()).into_iter().flatten().map(String::as_str).collect()
    }

    /// How many different words there are.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }
}
