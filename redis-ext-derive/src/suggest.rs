//! "Did you mean …?": the known name nearest to a misspelt one.

/// The name of `known` that takes the fewest edits to reach from `given`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (edits(given, name), name))
        .filter(|(edits, name)| *edits <= name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// The Levenshtein distance: how many characters to insert, delete or replace. One row of its table at a time.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognized() {
        let known = ["queue", "timeout", "max_attempts"];
        assert_eq!(nearest("queu", known), Some("queue"));
        assert_eq!(nearest("time_out", known), Some("timeout"));
        assert_eq!(nearest("max_attempt", known), Some("max_attempts"));
    }

    #[test]
    fn a_different_word_is_not() {
        assert_eq!(nearest("color", ["queue", "wire"]), None);
    }
}
