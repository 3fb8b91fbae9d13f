//! What the user allows on the type and its parts, for the pieces of it that stand in the generated code as well.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Fields, Meta};

/// The arguments of every `#[allow(…)]` and `#[expect(…)]`, and the lint that `#[deprecated]` sets off.
pub(crate) fn allowed(node: &DeriveInput) -> Vec<TokenStream> {
    let mut attrs: Vec<&Attribute> = node.attrs.iter().collect();
    match &node.data {
        Data::Struct(data) => attrs.extend(on_fields(&data.fields)),
        Data::Enum(data) => {
            attrs.extend(data.variants.iter().flat_map(|variant| &variant.attrs));
            attrs.extend(data.variants.iter().flat_map(|variant| on_fields(&variant.fields)));
        }
        Data::Union(_) => {} // It is refused, so none of it is generated.
    }
    attrs.into_iter().filter_map(allowed_by).collect()
}

fn on_fields(fields: &Fields) -> impl Iterator<Item = &Attribute> {
    fields.iter().flat_map(|field| &field.attrs)
}

fn allowed_by(attr: &Attribute) -> Option<TokenStream> {
    let path = attr.path();
    match &attr.meta {
        _ if path.is_ident("deprecated") => Some(quote!(deprecated)),
        Meta::List(list) if path.is_ident("allow") || path.is_ident("expect") => Some(list.tokens.clone()),
        _ => None,
    }
}
