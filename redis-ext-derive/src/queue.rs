//! Queue names: the one a type gets by default, and the rules every one keeps.
//!
//! The rules are those of `redis_ext::QueueName`; here they are told with the span of the name at fault.

use syn::{Ident, ext::IdentExt as _};

const MAX_BYTES: usize = 255;

/// The name of `ident` in snake case; an acronym is one word: `HTTPPing` is `http_ping`.
pub(crate) fn default_for(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, &c) in chars.iter().enumerate() {
        if at > 0 && starts_word(chars[at - 1], c, chars.get(at + 1).copied()) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// An upper-case letter starts a word after a lower-case one or a digit, and where it ends an acronym.
fn starts_word(previous: char, c: char, next: Option<char>) -> bool {
    let ends_acronym = || previous.is_uppercase() && next.is_some_and(char::is_lowercase);
    c.is_uppercase() && previous != '_' && (!previous.is_uppercase() || ends_acronym())
}

/// What is wrong with `name` as the name of a queue.
pub(crate) fn fault_of(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("a queue name must not be empty")
    } else if name.len() > MAX_BYTES {
        Some("a queue name has at most 255 bytes")
    } else if name.contains(['{', '}']) {
        Some("a queue name must not hold a brace, which Redis Cluster reads as a hash tag")
    } else if name.contains(char::is_control) {
        Some("a queue name must not hold a control character")
    } else if name != name.trim() {
        Some("a queue name must not start or end with whitespace")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    #[test]
    fn the_default_name_is_snake_case() {
        for (ident, name) in [
            ("Email", "email"),
            ("SendEmail", "send_email"),
            ("HTTPPing", "http_ping"),
            ("PingHTTP", "ping_http"),
            ("UserID", "user_id"),
            ("Sha256Sum", "sha256_sum"),
            ("A", "a"),
            ("AB", "ab"),
            ("snake_case", "snake_case"),
            ("Snake_Case", "snake_case"),
            ("_Hidden", "_hidden"),
            ("ÜberTask", "über_task"),
        ] {
            assert_eq!(default_for(&Ident::new(ident, Span::call_site())), name);
        }
        assert_eq!(default_for(&Ident::new_raw("type", Span::call_site())), "type");
    }

    #[test]
    fn names_that_break_a_rule_are_told_which() {
        let long = "q".repeat(MAX_BYTES + 1);
        for (name, part_of_message) in [
            ("", "empty"),
            (long.as_str(), "255 bytes"),
            ("a{b", "brace"),
            ("a}b", "brace"),
            ("a\nb", "control"),
            ("a\u{85}b", "control"),
            (" a", "whitespace"),
            ("a ", "whitespace"),
        ] {
            let fault = fault_of(name).unwrap_or_default();
            assert!(fault.contains(part_of_message), "{name:?}: {fault}");
        }
        for name in ["emails", "tenant:7/emails", "メール", "a b"] {
            assert_eq!(fault_of(name), None, "{name:?}");
        }
    }
}
