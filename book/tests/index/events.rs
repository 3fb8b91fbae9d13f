//! The index of log events has every one of them, by the calls in the library's source.

use std::{collections::BTreeSet, path::Path};

use proc_macro2::{
    TokenStream, TokenTree,
    TokenTree::{Group, Ident, Literal, Punct},
};
use syn::LitStr;

use super::source::{SourceFile, files_of, page};

/// What somebody who filters, searches or alerts needs to know of an event.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    level: String,
    target: String,
    message: String,
    fields: BTreeSet<String>,
}

/// Finds the calls of tracing's macros among the words of a file, as they stand in the bodies of other macros, too.
fn note_calls(words: TokenStream, target: &str, events: &mut BTreeSet<Event>) {
    let words: Vec<_> = words.into_iter().collect();
    for (at, word) in words.iter().enumerate() {
        match (word, &words[at..]) {
            (Ident(first), [_, Punct(_), Punct(_), Ident(level), Punct(bang), Group(arguments), ..])
                if first == "tracing" && bang.as_char() == '!' =>
            {
                events.insert(event(level.to_string(), target, arguments.stream()));
            }
            (Group(group), _) => note_calls(group.stream(), target, events),
            _ => {}
        }
    }
}

/// Reads the arguments of a call: fields, each by the word before the equals sign or the last one there is, and a message.
fn event(level: String, target: &str, arguments: TokenStream) -> Event {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let is = |token: &TokenTree, sign: char| matches!(token, Punct(punct) if punct.as_char() == sign);
    let (mut fields, mut message) = (BTreeSet::new(), None);
    for argument in arguments.split(|token| is(token, ',')) {
        let before = argument.split(|token| is(token, '=')).next().unwrap_or(argument);
        match before.last() {
            Some(Ident(name)) => drop(fields.insert(name.to_string())),
            Some(Literal(text)) => {
                message = Some(syn::parse_str::<LitStr>(&text.to_string()).unwrap().value());
                break; // what follows is printed within the message
            }
            _ => {}
        }
    }
    Event { level, target: target.to_owned(), message: message.unwrap(), fields }
}

/// The path of the module that a file is, which is the target of its events.
fn target_of(file: &Path) -> String {
    let names = file.iter().map(|name| name.to_str().unwrap().trim_end_matches(".rs"));
    let modules = names.filter(|name| !["mod", "lib"].contains(name));
    std::iter::once("redis_ext").chain(modules).collect::<Vec<_>>().join("::")
}

/// The rows of the page's tables: `` | `level` `message` | `field`, `field` | `target` | … | ``.
fn events_on(page: &str) -> BTreeSet<Event> {
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    page.lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.split(" | ").collect();
            let &[call, fields, target, _meaning] = cells.as_slice() else { return None };
            let [level, message] = words(call).try_into().ok()?;
            Some(Event { level, target: words(target).pop()?, message, fields: words(fields).into_iter().collect() })
        })
        .collect()
}

#[test]
fn every_event_of_the_library_is_in_the_index_as_it_is_emitted() {
    let mut source = BTreeSet::new();
    for SourceFile { path, text } in files_of("redis-ext") {
        note_calls(text.parse().unwrap(), &target_of(&path), &mut source);
    }
    assert!(source.len() > 30, "the source was read");
    let page = events_on(&page("observability.md"));
    let missing: Vec<_> = source.difference(&page).collect();
    let surplus: Vec<_> = page.difference(&source).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "not on the page: {missing:#?}\nnot in the source: {surplus:#?}");
}
