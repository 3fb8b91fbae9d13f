//! Builds the book without an mdBook of one's own: `cargo run -p redis-ext-book`, with a folder as the argument where it
//! is not to be `book/dist`.

use std::{env, error::Error, path::Path};

use mdbook_driver::MDBook;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut book = MDBook::load(root)?;
    if let Some(folder) = env::args_os().nth(1) {
        // As the caller sees it, not from the book's own folder.
        book.config.build.build_dir = env::current_dir()?.join(folder);
    }
    book.build()?;
    println!("{}", book.build_dir_for("html").join("index.html").display());
    Ok(())
}
