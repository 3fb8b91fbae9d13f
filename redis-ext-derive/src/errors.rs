//! Gathers diagnostics, so that one compilation reports every mistake instead of the first.

use syn::{Error, Result};

/// What was found wrong so far.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The value of `result`, or its error noted.
    pub(crate) fn catch<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// The value of `result` if nothing was found wrong, otherwise all that was, as one error.
    pub(crate) fn into_result<T>(self, result: Result<T>) -> Result<T> {
        match (result, self.0) {
            (result, None) => result,
            (Ok(_), Some(found)) => Err(found),
            (Err(last), Some(mut found)) => {
                found.combine(last);
                Err(found)
            }
        }
    }
}
