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
    for chapter in resolved.chapters() {
        let path = chapter.path.as_deref().ok_or("a chapter is a file")?;
        let file = out.join(path);
        fs::write(&file, &chapter.content)?;
        let module = path.with_extension("").to_string_lossy().replace(|c: char| !c.is_alphanumeric(), "_");
        writeln!(modules, "#[doc = include_str!({file:?})]\nmod {module} {{}}")?;
    }
    fs::write(out.join("chapters.rs"), modules)?;
    Ok(())
}
