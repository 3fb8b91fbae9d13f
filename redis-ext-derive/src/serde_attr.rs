//! What `#[serde(…)]` says of a type, a variant or a field, as far as the derive must know it.
//!
//! Serde itself reads and checks its attributes on the shadow type; here they are looked up and passed on.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, ExprLit, Lit, LitStr, Meta, MetaNameValue, Result, Token, WherePredicate, punctuated::Punctuated,
};

type List<T> = Punctuated<T, Token![,]>;

/// One of the two directions that serde lets an attribute differ in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Serialize,
    Deserialize,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Serialize, Self::Deserialize];

    fn name(self) -> &'static str {
        match self {
            Self::Serialize => "serialize",
            Self::Deserialize => "deserialize",
        }
    }
}

/// The `#[serde(…)]` attributes of one type, variant or field.
pub(crate) struct SerdeAttrs {
    entries: Vec<Meta>,
    /// Attributes that do not have the form of serde's, for serde to complain about.
    malformed: Vec<Attribute>,
}

impl SerdeAttrs {
    pub(crate) fn from_syn(attrs: &[Attribute]) -> Self {
        let mut found = Self { entries: Vec::new(), malformed: Vec::new() };
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            match attr.parse_args_with(List::<Meta>::parse_terminated) {
                Ok(entries) => found.entries.extend(entries),
                Err(_) => found.malformed.push(attr.clone()),
            }
        }
        found
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Meta> {
        self.entries.iter().find(|entry| entry.path().is_ident(name))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether the part is left out on `side`.
    pub(crate) fn skips(&self, side: Side) -> bool {
        let one_sided = match side {
            Side::Serialize => "skip_serializing",
            Side::Deserialize => "skip_deserializing",
        };
        self.has("skip") || self.has(one_sided)
    }

    /// Whether a function of the user's, rather than the type's own implementation, does the work on `side`.
    pub(crate) fn has_own_codec(&self, side: Side) -> bool {
        let one_sided = match side {
            Side::Serialize => "serialize_with",
            Side::Deserialize => "deserialize_with",
        };
        self.has("with") || self.has(one_sided)
    }

    /// The text of `name = "text"`, or of `name(serialize = "text")` for that side.
    pub(crate) fn text(&self, name: &str, side: Side) -> Option<LitStr> {
        match self.find(name)? {
            Meta::NameValue(entry) => text_of(&entry.value).cloned(),
            Meta::List(list) => {
                let sides = list.parse_args_with(List::<MetaNameValue>::parse_terminated).ok()?;
                let entry = sides.iter().find(|entry| entry.path.is_ident(side.name()))?;
                text_of(&entry.value).cloned()
            }
            Meta::Path(_) => None,
        }
    }

    /// The predicates of `bound = "…"` on `side`.
    pub(crate) fn bound(&self, side: Side) -> Option<Result<List<WherePredicate>>> {
        let text = self.text("bound", side)?;
        Some(text.parse_with(List::parse_terminated))
    }
}

impl ToTokens for SerdeAttrs {
    /// All but what the derive says itself: which serde to use, and under which bounds.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let ours = |entry: &&Meta| entry.path().is_ident("crate") || entry.path().is_ident("bound");
        let entries = self.entries.iter().filter(|entry| !ours(entry));
        let malformed = &self.malformed;
        tokens.extend(quote!(#(#[serde(#entries)])* #(#malformed)*));
    }
}

fn text_of(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}
