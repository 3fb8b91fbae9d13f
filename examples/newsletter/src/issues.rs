//! Issues, in files: drafts that are saved over and over, issues that are sent and never change again, and previews.

use std::{
    io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use pulldown_cmark::{Parser, html};
use serde::{Deserialize, Serialize};
use tokio::fs;

use crate::Slug;

/// What an author writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The mail's subject.
    pub subject: String,
    /// The text, as Markdown.
    pub text: String,
}

impl Issue {
    /// The text as HTML.
    pub fn to_html(&self) -> String {
        let mut page = String::with_capacity(self.text.len() * 2);
        html::push_html(&mut page, Parser::new(&self.text));
        page
    }
}

/// The issues in a directory.
#[derive(Debug, Clone)]
pub struct Issues {
    drafts: PathBuf,
    sent: PathBuf,
    previews: PathBuf,
}

/// Why an issue cannot be had, or not be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// Nobody has saved one of this name.
    #[error("there is no issue {0}")]
    NoSuchIssue(Slug),
    /// A mail cannot be changed once it is out.
    #[error("the issue {0} has been sent: write another one")]
    AlreadySent(Slug),
    /// The files cannot be read or written.
    #[error("the issue {slug} cannot be read or written")]
    Files {
        /// The issue.
        slug: Slug,
        /// Why.
        source: io::Error,
    },
}

impl Issues {
    /// The issues in `directory`, which is made if there is none.
    ///
    /// # Errors
    /// Those of making directories.
    pub async fn open(directory: &Path) -> io::Result<Self> {
        let [drafts, sent, previews] = ["drafts", "issues", "previews"].map(|name| directory.join(name));
        for directory in [&drafts, &sent, &previews] {
            fs::create_dir_all(directory).await?;
        }
        Ok(Self { drafts, sent, previews })
    }

    /// Keeps a draft, in place of the one before.
    ///
    /// # Errors
    /// [`IssueError::AlreadySent`], [`IssueError::Files`].
    pub async fn save(&self, slug: &Slug, issue: &Issue) -> Result<(), IssueError> {
        self.check_unsent(slug).await?;
        let saved = match serde_json::to_vec_pretty(issue) {
            Ok(json) => replace(&file(&self.drafts, slug), &json).await,
            Err(error) => Err(error.into()),
        };
        saved.map_err(|error| failed(slug, error))
    }

    /// The draft as it was saved last.
    ///
    /// # Errors
    /// [`IssueError::AlreadySent`], [`IssueError::NoSuchIssue`], [`IssueError::Files`].
    pub async fn draft(&self, slug: &Slug) -> Result<Issue, IssueError> {
        self.check_unsent(slug).await?;
        read(&file(&self.drafts, slug), slug).await
    }

    /// Makes an issue of the draft, once and for all: making it again changes nothing.
    ///
    /// # Errors
    /// [`IssueError::NoSuchIssue`], [`IssueError::Files`].
    pub async fn publish(&self, slug: &Slug) -> Result<(), IssueError> {
        match self.check_unsent(slug).await {
            Err(IssueError::AlreadySent(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                let published = fs::rename(file(&self.drafts, slug), file(&self.sent, slug)).await;
                published.map_err(|error| failed(slug, error))
            }
        }
    }

    /// The issue that is sent.
    ///
    /// # Errors
    /// [`IssueError::NoSuchIssue`], [`IssueError::Files`].
    pub async fn sent(&self, slug: &Slug) -> Result<Issue, IssueError> {
        read(&file(&self.sent, slug), slug).await
    }

    /// Renders the draft.
    ///
    /// # Errors
    /// Those of [`draft`](Self::draft).
    pub async fn render(&self, slug: &Slug) -> Result<(), IssueError> {
        let page = self.draft(slug).await?.to_html();
        replace(&self.preview_of(slug), page.as_bytes()).await.map_err(|error| failed(slug, error))
    }

    /// The draft as it was rendered last.
    ///
    /// # Errors
    /// [`IssueError::NoSuchIssue`], [`IssueError::Files`].
    pub async fn preview(&self, slug: &Slug) -> Result<String, IssueError> {
        fs::read_to_string(self.preview_of(slug)).await.map_err(|error| failed(slug, error))
    }

    async fn check_unsent(&self, slug: &Slug) -> Result<(), IssueError> {
        match fs::try_exists(file(&self.sent, slug)).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(IssueError::AlreadySent(slug.clone())),
            Err(error) => Err(failed(slug, error)),
        }
    }

    fn preview_of(&self, slug: &Slug) -> PathBuf {
        self.previews.join(format!("{slug}.html"))
    }
}

fn file(directory: &Path, slug: &Slug) -> PathBuf {
    directory.join(format!("{slug}.json"))
}

async fn read(file: &Path, slug: &Slug) -> Result<Issue, IssueError> {
    let json = fs::read(file).await.map_err(|error| failed(slug, error))?;
    serde_json::from_slice(&json).map_err(|error| failed(slug, error.into()))
}

fn failed(slug: &Slug, error: io::Error) -> IssueError {
    match error.kind() {
        io::ErrorKind::NotFound => IssueError::NoSuchIssue(slug.clone()),
        _ => IssueError::Files { slug: slug.clone(), source: error },
    }
}

/// Writes a file in one step: who reads it, and who is killed in the middle, leaves or finds the old one or the new one.
async fn replace(file: &Path, contents: &[u8]) -> io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let unfinished = file.with_extension(format!("{}-{}.new", process::id(), WRITES.fetch_add(1, Relaxed)));
    fs::write(&unfinished, contents).await?;
    fs::rename(unfinished, file).await
}
