//! Turns the book's chapters, with their includes resolved by mdBook itself, into doctests.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use mdbook_driver::{MDBook, builtin_renderers::MarkdownRenderer};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=book.toml");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=quickstart");
    println!("cargo::rerun-if-changed=../examples");

    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (resolved, _) = MDBook::load(root)?.preprocess_book(&MarkdownRenderer::new())?;

    let mut modules = String::new();
    for (number, chapter) in resolved.chapters().enumerate() {
        let file = out.join(format!("chapter_{number}.md"));
        fs::write(&file, &chapter.content)?;
        writeln!(modules, "#[doc = include_str!({file:?})]\nmod chapter_{number} {{}}")?;
    }
    fs::write(out.join("chapters.rs"), modules)?;
    Ok(())
}
