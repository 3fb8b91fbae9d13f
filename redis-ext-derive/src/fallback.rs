//! What a faulty derive expands to: its diagnostics, and an implementation that nobody runs, so that the rest of
//! the program is not told as well that the type is no task.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, parse_quote};

pub(crate) fn expand(node: &DeriveInput, is_debounced: bool, error: &Error) -> TokenStream {
    let ident = &node.ident;
    let diagnostics = error.to_compile_error();
    let mut generics = node.generics.clone();
    if !generics.params.is_empty() {
        let (_, arguments, _) = node.generics.split_for_impl();
        let bound = parse_quote!(#ident #arguments: ::core::marker::Send + 'static);
        generics.make_where_clause().predicates.push(bound);
    }
    let (params, arguments, where_clause) = generics.split_for_impl();
    let debounced = is_debounced.then(|| {
        quote! {
            #[automatically_derived]
            impl #params __redis_ext::Debounced for #ident #arguments #where_clause {
                const DEBOUNCE: __redis_ext::Debounce = __redis_ext::Debounce::after(::core::time::Duration::ZERO);

                fn debounce_key(
                    &self,
                    _: &mut ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<bool, __redis_ext::CodecError> {
                    ::core::unreachable!()
                }
            }
        }
    });
    quote! {
        #diagnostics

        #debounced

        #[automatically_derived]
        impl #params __redis_ext::RedisTask for #ident #arguments #where_clause {
            const QUEUE: __redis_ext::QueueName = __redis_ext::QueueName::from_static("faulty");
            const OPTIONS: __redis_ext::TaskOptions = __redis_ext::TaskOptions::new();

            fn encode(
                &self,
                _: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), __redis_ext::CodecError> {
                ::core::unreachable!()
            }

            fn decode(_: &[u8]) -> ::core::result::Result<#ident #arguments, __redis_ext::CodecError> {
                ::core::unreachable!()
            }
        }
    }
}
