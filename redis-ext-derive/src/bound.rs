//! When a generic type is a task: the type parameters and the where clause of everything the derive generates.
//!
//! The predicates are those that serde's own derive would infer. They are inferred here, and serde is told to add
//! none, so that the shadow and the implementation of `RedisTask` agree by construction.

use quote::ToTokens as _;
use syn::{Generics, Ident, Meta, Path, Type, TypePath, WherePredicate, parse_quote};

use crate::{
    ast::{Body, Field, Input, Variant},
    errors::Errors,
    serde_attr::{SerdeAttrs, Side},
    tokens,
};

/// The generics of `input` without defaults, and with every predicate the generated code needs.
pub(crate) fn generics(input: &Input<'_>, errors: &mut Errors) -> Generics {
    let mut generics = without_defaults(input.generics);
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    let mut predicates = Vec::new();
    for side in Side::BOTH {
        predicates.extend(written(input, side, errors));
        if input.serde.bound(side).is_none() {
            predicates.extend(inferred(input, &params, side));
        }
    }
    if !params.is_empty() {
        let ident = input.ident;
        let (_, arguments, _) = input.generics.split_for_impl();
        if matches!(input.serde.find("default"), Some(Meta::Path(_))) {
            predicates.push(parse_quote!(#ident #arguments: ::core::default::Default));
        }
        predicates.push(parse_quote!(#ident #arguments: ::core::marker::Send + 'static));
    }
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

fn without_defaults(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for param in generics.type_params_mut() {
        param.default = None;
    }
    for param in generics.const_params_mut() {
        param.default = None;
    }
    generics
}

/// The predicates of the user's `#[serde(bound = "…")]`s.
fn written(input: &Input<'_>, side: Side, errors: &mut Errors) -> Vec<WherePredicate> {
    parts(input)
        .filter_map(|serde| serde.bound(side))
        .filter_map(|predicates| errors.catch(predicates))
        .flatten()
        .map(for_every_de)
        .collect()
}

/// The attributes of the type, of each variant and of each field.
fn parts<'a>(input: &'a Input<'_>) -> impl Iterator<Item = &'a SerdeAttrs> {
    let variants = match &input.body {
        Body::Struct(_) => &[],
        Body::Enum(variants) => variants.as_slice(),
    };
    let fields = input.fields().into_iter().map(|(_, field)| &field.serde);
    std::iter::once(&input.serde).chain(variants.iter().map(|variant| &variant.serde)).chain(fields)
}

/// Serde's `'de` stands for the lifetime of one payload, and a task is read from any.
fn for_every_de(predicate: WherePredicate) -> WherePredicate {
    let (tokens, is_mentioned) = tokens::rename_lifetime(predicate.to_token_stream(), "de", "__de");
    let mut predicate = parse_quote!(#tokens);
    if let (WherePredicate::Type(predicate), true) = (&mut predicate, is_mentioned) {
        let lifetimes = predicate.lifetimes.get_or_insert_with(|| parse_quote!(for<>));
        lifetimes.lifetimes.push(parse_quote!('__de));
    }
    predicate
}

/// What the fields ask of the type parameters, by serde's rules.
fn inferred(input: &Input<'_>, params: &[Ident], side: Side) -> Vec<WherePredicate> {
    let fields = input.fields();
    let types_of = |wanted: &dyn Fn(Option<&Variant<'_>>, &Field<'_>) -> bool| -> Vec<&Type> {
        fields.iter().filter(|(variant, field)| wanted(*variant, field)).map(|(_, field)| field.ty).collect()
    };
    let coded = types_of(&|variant, field| field.is_coded(variant, side) && !is_bound(variant, field, side));
    match side {
        Side::Serialize => on_params(&coded, params, &parse_quote!(__serde::Serialize)),
        Side::Deserialize => {
            let mut predicates = on_params(&coded, params, &parse_quote!(__serde::de::DeserializeOwned));
            let defaulted = types_of(&|_, field| is_defaulted(input, field));
            predicates.extend(on_params(&defaulted, params, &parse_quote!(::core::default::Default)));
            predicates
        }
    }
}

/// Whether the user wrote down what the field asks for.
fn is_bound(variant: Option<&Variant<'_>>, field: &Field<'_>, side: Side) -> bool {
    field.serde.bound(side).is_some() || variant.is_some_and(|variant| variant.serde.bound(side).is_some())
}

/// Whether a missing field becomes its type's default.
fn is_defaulted(input: &Input<'_>, field: &Field<'_>) -> bool {
    match field.serde.find("default") {
        Some(default) => matches!(default, Meta::Path(_)),
        None => field.serde.skips(Side::Deserialize) && !input.serde.has("default"),
    }
}

/// `bound` on each type parameter that one of `types` holds, and on each of `types` that is a parameter's
/// associated type.
fn on_params(types: &[&Type], params: &[Ident], bound: &Path) -> Vec<WherePredicate> {
    let held = params.iter().filter(|param| types.iter().any(|ty| holds(ty, param)));
    let associated = types.iter().filter(|ty| is_associated(ty, params));
    held.map(|param| parse_quote!(#param: #bound)).chain(associated.map(|ty| parse_quote!(#ty: #bound))).collect()
}

fn holds(ty: &Type, param: &Ident) -> bool {
    // `PhantomData<T>` is serialized whether `T` can be or not.
    let is_marker =
        matches!(ty, Type::Path(ty) if ty.path.segments.last().is_some_and(|last| last.ident == "PhantomData"));
    !is_marker && tokens::mentions_type(ty, param)
}

/// Whether `ty` is of the form `T::Id`.
fn is_associated(ty: &Type, params: &[Ident]) -> bool {
    match ty {
        Type::Path(TypePath { qself: None, path, .. }) => {
            path.segments.len() > 1 && params.contains(&path.segments[0].ident)
        }
        _ => false,
    }
}
