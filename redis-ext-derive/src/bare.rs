//! What `wire = "bare"` forbids: whatever needs an envelope, and whatever would be mistaken for one.
//!
//! A worker tells an envelope from a bare payload by the key `redis_ext` at the top of its JSON object. Keys that
//! come from elsewhere (`flatten`, `into`, `transparent`, a `serialize_with`) cannot be seen from here.

use proc_macro2::Span;
use syn::{Error, Ident, LitStr, ext::IdentExt as _};

use crate::{
    ast::{Body, Fields, Input, Variant},
    attr::Attrs,
    errors::Errors,
    serde_attr::{SerdeAttrs, Side::Serialize},
};

const ENVELOPE_KEY: &str = "redis_ext";

pub(crate) fn check(attrs: &Attrs, input: &Input<'_>, errors: &mut Errors) {
    if let Some(unique_for) = &attrs.unique_for {
        let message = "a bare payload has no place for a unique key; \
                       drop either `unique_for` or `wire = \"bare\"`";
        errors.push(Error::new(unique_for.span(), message));
    }
    for key in top_level_keys(input).into_iter().filter(|key| key.name == ENVELOPE_KEY) {
        let message = "a bare payload with the key `redis_ext` would be taken for an envelope; \
                       rename it, or drop `wire = \"bare\"`";
        errors.push(Error::new(key.span, message));
    }
}

/// A key of the JSON object that a value becomes, and what it comes from.
struct Key {
    name: String,
    span: Span,
}

impl Key {
    fn literal(literal: &LitStr) -> Self {
        Self { name: literal.value(), span: literal.span() }
    }

    /// The key of a field or a variant: its `rename`, or else its name under the `rule` of what it belongs to.
    fn of(ident: &Ident, serde: &SerdeAttrs, rule: impl FnOnce(String) -> Option<String>) -> Option<Self> {
        if serde.skips(Serialize) {
            return None;
        }
        match serde.text("rename", Serialize) {
            Some(rename) => Some(Self::literal(&rename)),
            None => rule(ident.unraw().to_string()).map(|name| Self { name, span: ident.span() }),
        }
    }
}

fn top_level_keys(input: &Input<'_>) -> Vec<Key> {
    let container = &input.serde;
    if container.has("into") || container.has("transparent") {
        return Vec::new();
    }
    let tag = container.text("tag", Serialize);
    let content = container.text("content", Serialize);
    let mut keys: Vec<Key> = tag.iter().chain(&content).map(Key::literal).collect();
    match &input.body {
        Body::Struct(fields) => {
            keys.extend(field_keys(fields, container.text("rename_all", Serialize)));
        }
        Body::Enum(variants) if content.is_none() => {
            let is_named = tag.is_none() && !container.has("untagged");
            keys.extend(variants.iter().flat_map(|variant| variant_keys(variant, container, is_named)));
        }
        Body::Enum(_) => {}
    }
    keys
}

/// The key of a variant that `is_named` by its enum's tagging, otherwise those of its fields.
fn variant_keys(variant: &Variant<'_>, container: &SerdeAttrs, is_named: bool) -> Vec<Key> {
    let serde = &variant.serde;
    if !is_named || serde.has("untagged") {
        let own = serde.text("rename_all", Serialize);
        let rule = own.or_else(|| container.text("rename_all_fields", Serialize));
        return field_keys(&variant.fields, rule);
    }
    if matches!(variant.fields, Fields::Unit) {
        return Vec::new(); // It becomes a text, which has no keys.
    }
    let rule = container.text("rename_all", Serialize).map(|rule| rule.value());
    let key = Key::of(variant.ident, serde, |name| match rule.as_deref() {
        None | Some("PascalCase" | "camelCase") => Some(name),
        Some("lowercase") => Some(name.to_ascii_lowercase()),
        Some("snake_case") => Some(snake_case(&name)),
        Some(_without_underscores_or_lower_case) => None,
    });
    key.into_iter().collect()
}

fn field_keys(fields: &Fields<'_>, rule: Option<LitStr>) -> Vec<Key> {
    let rule = rule.map(|rule| rule.value());
    let rename = |name| match rule.as_deref() {
        None | Some("lowercase" | "snake_case") => Some(name),
        Some(_without_underscores_or_lower_case) => None,
    };
    fields.iter().filter_map(|field| Key::of(field.ident?, &field.serde, rename)).collect()
}

/// Serde's snake case of a variant, in which every upper-case letter starts a word.
fn snake_case(variant: &str) -> String {
    let mut snake = String::new();
    for (at, c) in variant.char_indices() {
        if at > 0 && c.is_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
