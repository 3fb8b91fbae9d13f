//! Looking for names in, and putting names into, pieces of a type that need no parsing.

use proc_macro2::{Group, Ident, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// `tokens` with every `Self` replaced by the type it stands for, so that pieces of that type can be used in others.
pub(crate) fn replace_self(tokens: TokenStream, ident: &Ident, arguments: &impl ToTokens) -> TokenStream {
    replace(tokens, &mut |_, name, next| {
        // `Batch<T>::ID` reads as a comparison, `<Batch<T>>::ID` does not.
        match name == "Self" {
            true if next.is_some_and(is_joint_colon) => Some(quote!(<#ident #arguments>)),
            true => Some(quote!(#ident #arguments)),
            false => None,
        }
    })
}

/// `tokens` with the lifetime `from` called `to`, both without their quotes, and whether it stands in there at all.
pub(crate) fn rename_lifetime(tokens: TokenStream, from: &str, to: &str) -> (TokenStream, bool) {
    let mut is_mentioned = false;
    let renamed = replace(tokens, &mut |previous, name, _| {
        let follows_quote = matches!(previous, Some(TokenTree::Punct(punct)) if punct.as_char() == '\'');
        (follows_quote && name == from).then(|| {
            is_mentioned = true;
            Ident::new(to, name.span()).into_token_stream()
        })
    });
    (renamed, is_mentioned)
}

/// What to put in the place of a name, given the tokens next to it; `None` leaves it.
type Replacement<'a> = dyn FnMut(Option<&TokenTree>, &Ident, Option<&TokenTree>) -> Option<TokenStream> + 'a;

fn replace(tokens: TokenStream, replacement: &mut Replacement<'_>) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut replaced = TokenStream::new();
    for (at, token) in tokens.iter().enumerate() {
        let previous = at.checked_sub(1).map(|at| &tokens[at]);
        let instead = match token {
            TokenTree::Ident(name) => replacement(previous, name, tokens.get(at + 1)),
            TokenTree::Group(group) => {
                let mut outer = Group::new(group.delimiter(), replace(group.stream(), replacement));
                outer.set_span(group.span());
                Some(outer.into_token_stream())
            }
            _ => None,
        };
        replaced.extend(instead.unwrap_or_else(|| token.clone().into()));
    }
    replaced
}

/// Whether the type `name` stands in `tokens`, other than as a part of a path.
pub(crate) fn mentions_type(tokens: &impl ToTokens, name: &Ident) -> bool {
    let flat = flatten(tokens.to_token_stream());
    flat.iter().enumerate().any(|(at, token)| {
        let follows_path = at >= 2 && is_joint_colon(&flat[at - 2]);
        let starts_path = flat.get(at + 1).is_some_and(is_joint_colon);
        matches!(token, TokenTree::Ident(ident) if ident == name) && !follows_path && !starts_path
    })
}

/// Whether `token` is the first half of a `::`.
fn is_joint_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint)
}

/// The tokens in and between the groups of `tokens`, one after the other.
fn flatten(tokens: TokenStream) -> Vec<TokenTree> {
    let each = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => flatten(group.stream()),
        single => vec![single],
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn self_becomes_the_type_it_stands_for() {
        let replaced = |tokens| {
            let text = replace_self(tokens, &parse_quote!(Tree), &quote!(<T>)).to_string();
            text.replace(' ', "")
        };
        assert_eq!(replaced(quote!(Vec<(Self, u8)>)), "Vec<(Tree<T>,u8)>");
        assert_eq!(replaced(quote!(Self::Id)), "<Tree<T>>::Id");
        assert_eq!(replaced(quote!([u8; { Self::LEN }])), "[u8;{<Tree<T>>::LEN}]");
        assert_eq!(replaced(quote!(Self: Copy)), "Tree<T>:Copy");
        assert_eq!(replaced(quote!(self)), "self");
    }

    #[test]
    fn a_type_is_mentioned_by_its_whole_name_only() {
        let param = parse_quote!(T);
        for tokens in [quote!(T), quote!(Vec<(u8, [T; 3])>), quote!(fn(x: T)), quote!(<T as Trait>::Id)] {
            assert!(mentions_type(&tokens, &param), "{tokens}");
        }
        for tokens in [quote!(Other), quote!(Vec<T::Id>), quote!(module::T)] {
            assert!(!mentions_type(&tokens, &param), "{tokens}");
        }
    }

    #[test]
    fn a_lifetime_is_told_from_a_type_of_its_name() {
        let (renamed, is_mentioned) = rename_lifetime(quote!(de: Deserialize<'de>), "de", "__de");
        assert_eq!(renamed.to_string(), quote!(de: Deserialize<'__de>).to_string());
        assert!(is_mentioned);
        assert!(!rename_lifetime(quote!(de: Deserialize<'a>), "de", "__de").1);
    }
}
