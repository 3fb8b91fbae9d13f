//! What mdBook does not check itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use mdbook_driver::MDBook;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The chapters' files and their texts.
fn chapters() -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path());
    let chapters: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "md"))
        .map(|file| (file.clone(), fs::read_to_string(file).unwrap()))
        .collect();
    assert!(chapters.len() >= 2, "the book has a summary and a chapter at least");
    chapters
}

#[test]
fn the_book_builds() {
    let mut book = MDBook::load(root()).unwrap();
    let dist = tempfile::tempdir().unwrap();
    book.config.build.build_dir = dist.path().to_owned();
    book.build().unwrap();
    assert!(dist.path().join("index.html").is_file());
}

#[test]
fn every_chapter_is_in_the_summary() {
    let summary = fs::read_to_string(root().join("src/SUMMARY.md")).unwrap();
    for (file, _) in chapters() {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
    }
}

#[test]
fn no_snippet_escapes_the_doctests() {
    for (file, text) in chapters() {
        for fence in text.lines().filter(|line| line.starts_with("```")) {
            assert!(!fence.starts_with("```rs"), "{}: `rs` is never tested, write `rust`: {fence}", file.display());
            assert!(!fence.contains("ignore"), "{}: an ignored snippet is never tested: {fence}", file.display());
        }
    }
}

#[test]
fn every_include_names_a_file_and_an_anchor_that_exist() {
    for (file, text) in chapters() {
        for include in text.split("{{#").skip(1).filter_map(|rest| rest.split("}}").next()) {
            let (_, target) = include.split_once(' ').unwrap();
            let (path, anchor) = target.trim().split_once(':').unwrap_or((target.trim(), ""));
            let included = fs::read_to_string(root().join("src").join(Path::new(path)))
                .unwrap_or_else(|error| panic!("{}: {include}: {error}", file.display()));
            let lines = anchor.split(':').all(|part| part.parse::<usize>().is_ok() || part.is_empty());
            assert!(
                lines || included.contains(&format!("ANCHOR: {anchor}")),
                "{}: {include}: no such anchor",
                file.display()
            );
        }
    }
}
