//! The code that `#[derive(RedisTask)]` adds to a program.
//!
//! All of it stands in a `const _`, so that its names are nobody else's, and names what it uses through
//! `__redis_ext`, so that nothing the user has in scope changes its meaning.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{DeriveInput, Generics, Path, Result, parse_quote};

use crate::{
    ast::Input,
    attr::Attrs,
    bound,
    errors::Errors,
    fallback, lints, shadow, tokens,
    valid::{Backoff, Settings, Timeout, Wire},
};

pub(crate) fn derive(node: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let attrs = Attrs::from_syn(&node.attrs, &mut errors);
    let task = task(node, &attrs, &mut errors);
    let is_debounced = attrs.debounce.is_some();
    let items = errors.into_result(task).unwrap_or_else(|error| fallback::expand(node, is_debounced, &error));
    let krate = attrs.krate.map_or_else(|| parse_quote!(::redis_ext), |krate| krate.0);
    enclose(node, &krate, items)
}

fn task(node: &DeriveInput, attrs: &Attrs, errors: &mut Errors) -> Result<TokenStream> {
    let input = Input::from_syn(node, errors)?;
    let settings = Settings::new(attrs, &input, errors);
    let generics = bound::generics(&input, errors);
    Ok(expand(&input, &settings, &generics))
}

fn enclose(node: &DeriveInput, krate: &Path, items: TokenStream) -> TokenStream {
    let lints = lints::allowed(node);
    let items = tokens::replace_self(items, &node.ident, &node.generics.split_for_impl().1);
    quote! {
        #(#[allow(#lints)])*
        const _: () = {
            use #krate as __redis_ext;
            use __redis_ext::__private::serde as __serde;
            #items
        };
    }
}

fn expand(input: &Input<'_>, settings: &Settings, generics: &Generics) -> TokenStream {
    let ident = input.ident;
    let shadow = shadow::expand(input, generics);
    let Settings { queue, .. } = settings;
    let (params, arguments, where_clause) = generics.split_for_impl();
    let debounced = settings.debounce.as_ref().map(|debounce| {
        let key = debounce.key();
        quote! {
            #[automatically_derived]
            impl #params __redis_ext::Debounced for #ident #arguments #where_clause {
                const DEBOUNCE: __redis_ext::Debounce = #debounce;

                fn debounce_key(
                    &self,
                    out: &mut ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<bool, __redis_ext::CodecError> {
                    #key
                }
            }
        }
    });
    quote! {
        #shadow

        #debounced

        #[automatically_derived]
        impl #params __redis_ext::RedisTask for #ident #arguments #where_clause {
            const QUEUE: __redis_ext::QueueName = __redis_ext::QueueName::from_static(#queue);
            const OPTIONS: __redis_ext::TaskOptions = #settings;

            fn encode(
                &self,
                out: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), __redis_ext::CodecError> {
                __redis_ext::__private::encode(&__Ser(self), out)
            }

            fn decode(payload: &[u8]) -> ::core::result::Result<#ident #arguments, __redis_ext::CodecError> {
                __redis_ext::__private::decode::<__De #arguments>(payload).map(|task| task.0)
            }
        }
    }
}

/// Prints as the constructor of `TaskOptions`; what was not given keeps its default there.
impl ToTokens for Settings {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let max_attempts = self.max_attempts.map(|attempts| quote!(.max_attempts(#attempts)));
        let backoff = self.backoff.as_ref().map(|backoff| quote!(.backoff(#backoff)));
        let timeout = self.timeout.as_ref().map(|timeout| quote!(.timeout(#timeout)));
        let unique_for = self.unique_for.map(|period| quote!(.unique_for(::core::option::Option::Some(#period))));
        let wire = self.wire.map(|wire| quote!(.wire(#wire)));
        tokens.extend(quote! {
            __redis_ext::TaskOptions::new() #max_attempts #backoff #timeout #unique_for #wire
        });
    }
}

impl ToTokens for Backoff {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            Self::Fixed(delay) => quote!(__redis_ext::Backoff::fixed(#delay)),
            Self::Exponential { base, cap } => quote!(__redis_ext::Backoff::exponential(#base, #cap)),
        });
    }
}

impl ToTokens for Timeout {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            Self::Never => quote!(::core::option::Option::None),
            Self::After(limit) => quote!(::core::option::Option::Some(#limit)),
        });
    }
}

impl ToTokens for Wire {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            Self::Envelope => quote!(__redis_ext::Wire::Envelope),
            Self::Bare => quote!(__redis_ext::Wire::Bare),
        });
    }
}
