//! The library's source, for the pages that are held against it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of a package, by its path below the package's `src`.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// All files of a package of this workspace.
pub(super) fn files_of(package: &str) -> Vec<SourceFile> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
    let (mut folders, mut files) = (vec![src.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let path = entry.strip_prefix(&src).unwrap().to_owned();
                files.push(SourceFile { path, text: fs::read_to_string(&entry).unwrap() });
            }
        }
    }
    assert!(!files.is_empty(), "{package} has no source");
    files
}

/// The text of a page of the book.
pub(super) fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)).unwrap()
}
