//! The index of errors has every one of them, by the types in the library's source.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, Item, Visibility};

use super::source::{SourceFile, files_of, page};

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
    fn of_source() -> Self {
        let mut errors = Self::default();
        for SourceFile { text, .. } in files_of("redis-ext") {
            syn::parse_file(&text).unwrap().items.into_iter().for_each(|item| errors.note(item));
        }
        errors
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
    let mut source = Errors::of_source();
    assert!(source.kinds.len() >= 8, "the source was read: {source:?}");
    source.plain.insert("BackendError".to_owned()); // its traits are written by hand
    let page = Errors::of_page(&page("errors.md"));
    assert_eq!(page, source, "left: book/src/errors.md, right: the types");
}
