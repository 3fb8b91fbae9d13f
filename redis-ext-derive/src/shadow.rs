//! The type that serde's derives are put on: the user's type again, under another name.
//!
//! With `#[serde(remote = "Email")]` serde generates functions that read and write an `Email`, and no
//! implementation of its traits. So the user's own `Serialize` and `Deserialize`, derived or not, never collide
//! with a task's payload format.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Generics, Lifetime, parse_quote};

use crate::ast::{Body, Field, Fields, Input, Variant};

/// `__Shadow` and what goes with it, of which `__Ser` and `__De` are for use.
pub(crate) fn expand(input: &Input<'_>, generics: &Generics) -> TokenStream {
    let definition = definition(input, generics);
    let refusal = refusal(input, generics);
    let wrappers = wrappers(input, generics);
    quote!(#definition #refusal #wrappers)
}

/// The shadow itself; `generics` carry all the bounds, so that serde is to infer none.
fn definition(input: &Input<'_>, generics: &Generics) -> TokenStream {
    let Input { ident, reprs, serde, body, .. } = input;
    let (params, _, where_clause) = generics.split_for_impl();
    let remote = ident.to_string();
    let definition = match body {
        Body::Struct(fields @ Fields::Named(_)) => quote!(struct __Shadow #params #where_clause #fields),
        Body::Struct(fields) => quote!(struct __Shadow #params #fields #where_clause;),
        Body::Enum(variants) => quote!(enum __Shadow #params #where_clause { #(#variants,)* }),
    };
    quote! {
        #[derive(__serde::Serialize, __serde::Deserialize)]
        #[serde(remote = #remote, crate = "__serde", bound = "")]
        #serde
        #(#reprs)*
        #definition
    }
}

/// Functions in the place of those that serde generates, for when it refuses an attribute and generates none:
/// the user is to read serde's diagnostic, and not that the shadow lacks them. Serde's own take precedence.
fn refusal(input: &Input<'_>, generics: &Generics) -> TokenStream {
    let ident = input.ident;
    let (params, arguments, where_clause) = generics.split_for_impl();
    quote! {
        trait __Refused<T>: ::core::marker::Sized {
            fn serialize<S: __serde::Serializer>(_: &T, _: S) -> ::core::result::Result<S::Ok, S::Error> {
                ::core::unreachable!()
            }

            fn deserialize<'de, D: __serde::Deserializer<'de>>(_: D) -> ::core::result::Result<T, D::Error> {
                ::core::unreachable!()
            }
        }

        impl #params __Refused<#ident #arguments> for __Shadow #arguments #where_clause {}
    }
}

/// What makes serde's traits of the shadow's functions: one newtype to write through, and one to read through.
fn wrappers(input: &Input<'_>, generics: &Generics) -> TokenStream {
    let ident = input.ident;
    let (params, arguments, where_clause) = generics.split_for_impl();
    let turbofish = arguments.as_turbofish();
    let (ser, de) = (with_lifetime(generics, "'__ser"), with_lifetime(generics, "'de"));
    let (ser_params, ser_arguments, _) = ser.split_for_impl();
    let (de_params, _, _) = de.split_for_impl();
    quote! {
        struct __Ser #ser_params (&'__ser #ident #arguments) #where_clause;

        impl #ser_params __serde::Serialize for __Ser #ser_arguments #where_clause {
            fn serialize<__S: __serde::Serializer>(
                &self,
                serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                __Shadow #turbofish ::serialize(self.0, serializer)
            }
        }

        struct __De #params (#ident #arguments) #where_clause;

        impl #de_params __serde::Deserialize<'de> for __De #arguments #where_clause {
            fn deserialize<__D: __serde::Deserializer<'de>>(
                deserializer: __D,
            ) -> ::core::result::Result<__De #arguments, __D::Error> {
                __Shadow #turbofish ::deserialize(deserializer).map(__De)
            }
        }
    }
}

/// `generics` with one more lifetime, which stands first as lifetimes must.
fn with_lifetime(generics: &Generics, lifetime: &str) -> Generics {
    let lifetime = Lifetime::new(lifetime, Span::call_site());
    let mut generics = generics.clone();
    generics.params.insert(0, parse_quote!(#lifetime));
    generics
}

impl ToTokens for Variant<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { ident, serde, fields } = self;
        tokens.extend(quote!(#serde #ident #fields));
    }
}

impl ToTokens for Fields<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Named(fields) => tokens.extend(quote!({ #(#fields,)* })),
            Self::Unnamed(fields) => tokens.extend(quote!((#(#fields,)*))),
            Self::Unit => {}
        }
    }
}

impl ToTokens for Field<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { ident, ty, serde } = self;
        let name = ident.map(|ident| quote!(#ident:));
        tokens.extend(quote!(#serde #name #ty));
    }
}
