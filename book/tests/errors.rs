//! The index of errors has every one of them, by the types in the library's source.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{Attribute, Item, Visibility};

type Names = BTreeSet<String>;

/// What the library's source says: the kinds of each public error, and the public errors without kinds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Errors {
    kinds: BTreeMap<String, Names>,
    plain: Names,
}

/// Enums that say what an error is, or what came of one, without being an error themselves.
const KINDS: [&str; 2] = ["BackendErrorKind", "DeathReason"];

fn is_error(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut found = false;
        let _: syn::Result<()> = attribute.parse_nested_meta(|derived| {
            found |= derived.path.segments.last().is_some_and(|last| last.ident == "Error");
            Ok(())
        });
        attribute.path().is_ident("derive") && found
    })
}

impl Errors {
    fn of_source(folder: &Path) -> Self {
        let mut errors = Self::default();
        errors.read(folder);
        errors
    }

    fn read(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                self.read(&entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let file = syn::parse_file(&fs::read_to_string(&entry).unwrap()).unwrap();
                file.items.into_iter().for_each(|item| self.note(item));
            }
        }
    }

    fn note(&mut self, item: Item) {
        match item {
            Item::Enum(item) if matches!(item.vis, Visibility::Public(_)) => {
                let name = item.ident.to_string();
                if is_error(&item.attrs) || KINDS.contains(&name.as_str()) {
                    let kinds = item.variants.iter().map(|variant| variant.ident.to_string()).collect();
                    self.kinds.insert(name, kinds);
                }
            }
            Item::Struct(item) if matches!(item.vis, Visibility::Public(_)) && is_error(&item.attrs) => {
                self.plain.insert(item.ident.to_string());
            }
            _ => {}
        }
    }

    /// The sections named after a type, with the first column of their tables, and the table of those without kinds.
    fn of_page(page: &str) -> Self {
        let mut errors = Self::default();
        for section in page.split("\n## ").skip(1) {
            let (title, text) = section.split_once('\n').unwrap();
            let first_cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
            let names: Names = first_cells.map(|(name, _)| name.to_owned()).collect();
            if title == "Names, keys and values" {
                errors.plain = names;
            } else if !names.is_empty() {
                errors.kinds.insert(title.to_owned(), names);
            }
        }
        errors
    }
}

#[test]
fn every_error_kind_of_the_library_is_in_the_index_and_nothing_else() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = Errors::of_source(&book.join("../redis-ext/src"));
    assert!(source.kinds.len() >= 8, "the source was read: {source:?}");
    source.plain.insert("BackendError".to_owned()); // its traits are written by hand
    let page = Errors::of_page(&fs::read_to_string(book.join("src/errors.md")).unwrap());
    assert_eq!(page, source, "left: book/src/errors.md, right: the types");
}
