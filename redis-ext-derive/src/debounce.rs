//! How the task is debounced: what the options mean, and whether they make sense together.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Error, Ident, LitInt, LitStr, Result};

use crate::{
    ast::{Body, Fields, Input},
    attr::Attrs,
    duration::Millis,
    errors::Errors,
    suggest,
    valid::meaning,
};

/// The options of debouncing, checked; it prints as the constructor of `Debounce`.
pub(crate) struct Debounce {
    policy: Policy,
    max_wait: Option<Millis>,
    max_count: Option<u32>,
    key: Vec<Ident>,
    payload: Option<Payload>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    After(Millis),
    Trailing(Millis),
    Leading(Millis),
    Window { period: Millis, delay: Option<Millis> },
}

enum Payload {
    First,
    Last,
    Accumulate(usize),
}

impl Debounce {
    /// The meaning of `attrs`; nothing where the type is not debounced, or something went to `errors`.
    pub(crate) fn new(attrs: &Attrs, input: &Input<'_>, errors: &mut Errors) -> Option<Self> {
        let Some(literal) = &attrs.debounce else {
            refuse_without_debounce(attrs, errors);
            return None;
        };
        let max_wait = meaning(&attrs.max_wait, max_wait, errors);
        let max_count = meaning(&attrs.max_count, max_count, errors);
        let key = attrs.key.as_ref().map(|key| key_fields(key, input, errors)).unwrap_or_default();
        let payload = meaning(&attrs.payload, payload, errors);
        if let (Some(payload), None) = (&attrs.payload, &attrs.key) {
            let message =
                "without a `key`, triggers of one firing have equal payloads: add `key = \"…\"`, or drop `payload`";
            errors.push(Error::new(payload.span(), message));
        }
        let bounds = [attrs.max_wait.as_ref().map(LitStr::span), attrs.max_count.as_ref().map(LitInt::span)];
        let bounds: Vec<Span> = bounds.into_iter().flatten().collect();
        let policy = errors.catch(policy(literal, !bounds.is_empty()))?;
        check_bounds(policy, max_wait, attrs, &bounds, errors);
        Some(Self { policy, max_wait, max_count, key, payload })
    }

    /// The body of `debounce_key`.
    pub(crate) fn key(&self) -> TokenStream {
        if self.key.is_empty() {
            return quote!(::core::result::Result::Ok(false));
        }
        let fields = self.key.iter().map(|field| {
            let name = syn::ext::IdentExt::unraw(field).to_string();
            quote!(.field(#name, &self.#field)?)
        });
        quote! {
            __redis_ext::__private::KeyWriter::new(out) #(#fields)* .end();
            ::core::result::Result::Ok(true)
        }
    }
}

/// Options that mean nothing for a type that is not debounced.
fn refuse_without_debounce(attrs: &Attrs, errors: &mut Errors) {
    let given = [
        ("max_wait", attrs.max_wait.as_ref().map(LitStr::span)),
        ("max_count", attrs.max_count.as_ref().map(LitInt::span)),
        ("key", attrs.key.as_ref().map(LitStr::span)),
        ("payload", attrs.payload.as_ref().map(LitStr::span)),
    ];
    for (name, span) in given {
        if let Some(span) = span {
            let message = format!("`{name}` says how the type is debounced: add `debounce = \"2s\"`, or drop it");
            errors.push(Error::new(span, message));
        }
    }
}

fn check_bounds(policy: Policy, max_wait: Option<Millis>, attrs: &Attrs, bounds: &[Span], errors: &mut Errors) {
    match policy {
        Policy::Trailing(delay) => {
            if let (Some(max_wait), Some(literal)) = (max_wait, &attrs.max_wait)
                && max_wait < delay
            {
                let message = "the longest wait is shorter than the delay, so nothing would ever be debounced";
                errors.push(Error::new(literal.span(), message));
            }
        }
        Policy::After(_) | Policy::Leading(_) | Policy::Window { .. } => {
            for span in bounds {
                let message = "`max_wait` and `max_count` bound a timer that triggers reset, \
                               which only \"trailing(…)\" does";
                errors.push(Error::new(*span, message));
            }
        }
    }
}

fn policy(literal: &LitStr, is_bounded: bool) -> Result<Policy> {
    let fault = |message: String| Error::new(literal.span(), message);
    let duration = |text| time(text).map_err(fault);

    let text = literal.value();
    let Some((name, arguments)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        if text.contains(['(', ')']) || text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(fault(unknown_policy(&text)));
        }
        let delay = duration(&text)?;
        return Ok(if is_bounded { Policy::Trailing(delay) } else { Policy::After(delay) });
    };
    let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
    match (name.trim(), arguments.as_slice()) {
        ("trailing", [delay]) => Ok(Policy::Trailing(duration(delay)?)),
        ("leading", [interval]) => Ok(Policy::Leading(duration(interval)?)),
        ("window", [period, delay @ ..]) if delay.len() <= 1 => {
            let period_given = duration(period)?;
            if !period_given.is_whole_seconds() {
                return Err(fault(format!("a window is a whole number of seconds, and `{period}` is not")));
            }
            let delay = delay.first().map(|delay| duration(delay)).transpose()?;
            Ok(Policy::Window { period: period_given, delay })
        }
        _ => Err(fault(unknown_policy(&text))),
    }
}

fn max_wait(literal: &LitStr) -> Result<Millis> {
    time(&literal.value()).map_err(|problem| Error::new(literal.span(), problem))
}

/// A duration that a debouncer takes: `redis_ext::debounce::MAX_DELAY` at most.
fn time(text: &str) -> std::result::Result<Millis, String> {
    match Millis::parse_positive(text)? {
        time if time > Millis::CENTURY => {
            Err(format!("`{text}` is too long: what is debounced waits a century at most"))
        }
        time => Ok(time),
    }
}

fn unknown_policy(text: &str) -> String {
    format!(
        "`{text}` is not a way to debounce; write \"2s\", \"trailing(2s)\", \"leading(2s)\" or \"window(1m, 5s)\", \
         which is the window and the delay after it"
    )
}

fn max_count(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse() {
        Ok(count @ 1..) if matches!(literal.suffix(), "" | "u32") => Ok(count),
        _ => Err(Error::new(literal.span(), format!("`max_count` is a whole number from 1 to {}", u32::MAX))),
    }
}

fn payload(literal: &LitStr) -> Result<Payload> {
    let text = literal.value();
    let limit = || text.strip_prefix("accumulate(")?.strip_suffix(')')?.trim().parse().ok();
    match (text.as_str(), limit()) {
        ("first", _) => Ok(Payload::First),
        ("last", _) => Ok(Payload::Last),
        (_, Some(limit @ 1..)) => Ok(Payload::Accumulate(limit)),
        _ => {
            let message = format!(
                "`{text}` does not say which payload counts; write \"first\", \"last\" or \"accumulate(100)\", \
                 which is the most payloads of one firing"
            );
            Err(Error::new(literal.span(), message))
        }
    }
}

/// The fields that a key names.
fn key_fields(literal: &LitStr, input: &Input<'_>, errors: &mut Errors) -> Vec<Ident> {
    let fault = |message: String| Error::new(literal.span(), message);
    let Body::Struct(Fields::Named(fields)) = &input.body else {
        errors.push(fault("`key` names fields, so it needs a struct with named fields".into()));
        return Vec::new();
    };
    let known: Vec<&Ident> = fields.iter().filter_map(|field| field.ident).collect();
    let mut chosen: Vec<Ident> = Vec::new();
    for name in literal.value().split(',').map(str::trim) {
        match known.iter().find(|ident| **ident == name) {
            Some(ident) if chosen.contains(ident) => errors.push(fault(format!("the field `{name}` is named twice"))),
            Some(ident) => chosen.push((*ident).clone()),
            None => {
                let names: Vec<String> = known.iter().map(ToString::to_string).collect();
                let advice = match suggest::nearest(name, names.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the fields are `{}`", names.join("`, `")),
                };
                errors.push(fault(format!("there is no field `{name}`; {advice}")));
            }
        }
    }
    chosen
}

impl ToTokens for Debounce {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let policy = match self.policy {
            Policy::After(delay) => quote!(after(#delay)),
            Policy::Trailing(delay) => quote!(trailing(#delay)),
            Policy::Leading(interval) => quote!(leading(#interval)),
            Policy::Window { period, delay } => {
                let delay = delay.map_or_else(|| quote!(::core::time::Duration::ZERO), ToTokens::into_token_stream);
                quote!(windows(#period, #delay))
            }
        };
        let max_wait = self.max_wait.map(|wait| quote!(.max_wait(#wait)));
        let max_count = self.max_count.map(|count| quote!(.max_count(#count)));
        let payload = self.payload.as_ref().map(|payload| {
            let rule = match payload {
                Payload::First => quote!(First),
                Payload::Last => quote!(Last),
                Payload::Accumulate(limit) => quote!(accumulate(#limit)),
            };
            quote!(.payloads(__redis_ext::backend::PayloadRule::#rule))
        });
        tokens.extend(quote!(__redis_ext::Debounce::#policy #max_wait #max_count #payload));
    }
}
