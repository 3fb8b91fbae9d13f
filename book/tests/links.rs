//! Every relative link leads somewhere: in the book, in the README, and in the documents beside them. No network is asked;
//! links to the web are not looked at.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Markdown files below `folder`.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// What a document links to, and what can be linked to in it.
#[derive(Default)]
struct Document {
    /// The targets of links and images, with the line they stand in.
    targets: Vec<(String, usize)>,
    anchors: HashSet<String>,
}

impl Document {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_HEADING_ATTRIBUTES;
        let mut document = Self::default();
        let mut heading = None::<String>;
        let mut seen = HashMap::<String, usize>::new();
        for (event, place) in Parser::new_ext(&text, options).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let line = text[..place.start].lines().count().max(1);
                    document.targets.push((dest_url.into_string(), line));
                }
                Event::Start(Tag::Heading { id, .. }) => {
                    heading = Some(String::new());
                    document.anchors.extend(id.map(|id| id.into_string()));
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap());
                    let count = seen.entry(slug.clone()).or_default();
                    document.anchors.insert(if *count == 0 { slug.clone() } else { format!("{slug}-{count}") });
                    *count += 1;
                }
                _ => {}
            }
        }
        document
    }
}

/// What mdBook, and GitHub too, make of a heading: lower case, hyphens for spaces, and no punctuation.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// What is wrong with a link of `path`, if anything is.
fn fault(path: &Path, target: &str, documents: &BTreeMap<PathBuf, Document>) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() { path.to_owned() } else { path.parent().unwrap().join(file) };
    let Ok(file) = file.canonicalize() else { return Some("there is no such file".to_owned()) };
    let book = repository().join("book/src");
    if path.starts_with(&book) && !file.starts_with(&book) {
        return Some("a page of the book cannot link to a file outside of it".to_owned());
    }
    // Line numbers in a source file are GitHub's business.
    if anchor.is_empty() || file.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let headings = match documents.get(&file) {
        Some(document) => &document.anchors,
        None => &Document::read(&file).anchors,
    };
    (!headings.contains(anchor)).then(|| format!("the file has no heading `#{anchor}`"))
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let root = repository().canonicalize().unwrap();
    let mut files = Vec::new();
    for folder in ["book/src", "docs"] {
        documents(&root.join(folder), &mut files);
    }
    files.extend(
        fs::read_dir(&root)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    files.extend(["examples/README.md", "benches/queues/README.md", "fuzz/README.md"].map(|file| root.join(file)));
    let documents: BTreeMap<_, _> = files.into_iter().map(|file| (file.clone(), Document::read(&file))).collect();

    let mut faults = Vec::new();
    for (path, document) in &documents {
        for (target, line) in &document.targets {
            if let Some(fault) = fault(path, target, &documents) {
                faults.push(format!("{}:{line}: {target}: {fault}", path.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    let links: usize = documents.values().map(|document| document.targets.len()).sum();
    assert!(links > 40, "only {links} links: are they still found?");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    fs::write(
        &page,
        "# The `First`, again\n# The First again\n[a](#the-first-again-1) ![b](none.png) [c](#no) [d](https://x/)",
    )
    .unwrap();
    let document = Document::read(&page);
    let is_faulty = |target: &str| fault(&page, target, &BTreeMap::new()).is_some();
    let faulty: Vec<_> =
        document.targets.iter().map(|(target, _)| target.as_str()).filter(|target| is_faulty(target)).collect();
    assert_eq!(faulty, ["none.png", "#no"]);
}
