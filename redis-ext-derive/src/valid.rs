//! What the options mean, and whether they go with each other and with the type.

use syn::{Error, Ident, LitInt, LitStr, Result, Type};

use crate::{
    ast::Input, attr::Attrs, bare, debounce::Debounce, duration::Millis, errors::Errors, queue, serde_attr::Side,
};

/// The options of a task, checked. What is `None` keeps its default.
pub(crate) struct Settings {
    pub(crate) queue: String,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) unique_for: Option<Millis>,
    pub(crate) wire: Option<Wire>,
    pub(crate) debounce: Option<Debounce>,
}

pub(crate) enum Backoff {
    Fixed(Millis),
    Exponential { base: Millis, cap: Millis },
}

pub(crate) enum Timeout {
    Never,
    After(Millis),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Envelope,
    Bare,
}

impl Settings {
    /// The meaning of `attrs` on `input`; of no use once something went to `errors`.
    pub(crate) fn new(attrs: &Attrs, input: &Input<'_>, errors: &mut Errors) -> Self {
        refuse_foreign_codecs(input, errors);
        refuse_borrowed_fields(input, errors);
        let settings = Self {
            queue: queue_name(attrs.queue.as_ref(), input.ident, errors),
            max_attempts: meaning(&attrs.max_attempts, max_attempts, errors),
            backoff: meaning(&attrs.backoff, backoff, errors),
            timeout: meaning(&attrs.timeout, timeout, errors),
            unique_for: meaning(&attrs.unique_for, positive_duration, errors),
            wire: meaning(&attrs.wire, wire, errors),
            debounce: Debounce::new(attrs, input, errors),
        };
        if settings.wire == Some(Wire::Bare) {
            bare::check(attrs, input, errors);
        }
        settings
    }
}

pub(crate) fn meaning<L, T>(given: &Option<L>, read: fn(&L) -> Result<T>, errors: &mut Errors) -> Option<T> {
    given.as_ref().and_then(|literal| errors.catch(read(literal)))
}

fn queue_name(given: Option<&LitStr>, ident: &Ident, errors: &mut Errors) -> String {
    let (name, span) = match given {
        Some(literal) => (literal.value(), literal.span()),
        None => (queue::default_for(ident), ident.span()),
    };
    if let Some(fault) = queue::fault_of(&name) {
        errors.push(Error::new(span, fault));
    }
    name
}

fn max_attempts(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse() {
        Ok(attempts @ 1..) if matches!(literal.suffix(), "" | "u32") => Ok(attempts),
        _ => {
            let message = format!("`max_attempts` is a whole number from 1 to {}", u32::MAX);
            Err(Error::new(literal.span(), message))
        }
    }
}

fn timeout(literal: &LitStr) -> Result<Timeout> {
    match literal.value().as_str() {
        "none" => Ok(Timeout::Never),
        text => match Millis::parse_positive(text) {
            Ok(after) => Ok(Timeout::After(after)),
            Err(problem) => Err(Error::new(literal.span(), format!("{problem} (or \"none\" for no limit)"))),
        },
    }
}

fn positive_duration(literal: &LitStr) -> Result<Millis> {
    Millis::parse_positive(&literal.value()).map_err(|problem| Error::new(literal.span(), problem))
}

fn backoff(literal: &LitStr) -> Result<Backoff> {
    let fault = |message: String| Error::new(literal.span(), message);
    let duration = |text| Millis::parse_positive(text).map_err(fault);

    let text = literal.value();
    let call = text.strip_suffix(')').and_then(|text| text.split_once('('));
    let (policy, arguments) = call.unwrap_or((&text, ""));
    let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
    match (policy.trim(), arguments.as_slice()) {
        ("fixed", [delay]) if call.is_some() => Ok(Backoff::Fixed(duration(delay)?)),
        ("exponential", [base, cap]) => {
            let (base, cap) = (duration(base)?, duration(cap)?);
            if base > cap {
                return Err(fault(format!("the first wait is longer than the longest: {text}")));
            }
            Ok(Backoff::Exponential { base, cap })
        }
        _ => Err(fault(format!(
            "`{text}` is not a backoff; write \"fixed(10s)\" or \"exponential(1s, 1h)\", \
             which is the first wait and the longest"
        ))),
    }
}

fn wire(literal: &LitStr) -> Result<Wire> {
    match literal.value().as_str() {
        "envelope" => Ok(Wire::Envelope),
        "bare" => Ok(Wire::Bare),
        other => {
            let message = format!("`{other}` is not a wire format; write \"envelope\" or \"bare\"");
            Err(Error::new(literal.span(), message))
        }
    }
}

/// Attributes that tell serde that it is at work on a type other than this one.
fn refuse_foreign_codecs(input: &Input<'_>, errors: &mut Errors) {
    if let Some(remote) = input.serde.find("remote") {
        let message = "a task is serialized as itself, so it cannot be a definition of a `remote` type";
        errors.push(Error::new_spanned(remote, message));
    }
    for (_, field) in input.fields() {
        if let Some(getter) = field.serde.find("getter") {
            let message = "a `getter` reads the fields of a `remote` type; a task's own fields need none";
            errors.push(Error::new_spanned(getter, message));
        }
    }
}

/// A reference in a field, even a `'static` one, would have to point into the payload that was decoded.
fn refuse_borrowed_fields(input: &Input<'_>, errors: &mut Errors) {
    let is_told_already = input.generics.lifetimes().next().is_some();
    let is_decoded_from_another_type = input.serde.has("from") || input.serde.has("try_from");
    if is_told_already || is_decoded_from_another_type {
        return;
    }
    for (variant, field) in input.fields() {
        if field.is_coded(variant, Side::Deserialize) && matches!(field.ty, Type::Reference(_)) {
            let message = "a reference cannot be decoded, as a task outlives the payload it is read from; \
                           own the data instead";
            errors.push(Error::new_spanned(field.ty, message));
        }
    }
}
