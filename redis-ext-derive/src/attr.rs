//! `#[redis_task(…)]` as written: each option at most once, with a value of its kind. What the values mean, and
//! whether they go together, is decided in `valid`.

use syn::{
    Attribute, Error, Ident, LitInt, LitStr, Path, Result, Token,
    ext::IdentExt as _,
    parse::{Parse, ParseStream},
};

use crate::{errors::Errors, suggest};

/// Every option, by an example of its use.
const EXAMPLES: [(&str, &str); 12] = [
    ("queue", r#"queue = "emails""#),
    ("max_attempts", "max_attempts = 5"),
    ("backoff", r#"backoff = "exponential(1s, 1h)""#),
    ("timeout", r#"timeout = "30s""#),
    ("unique_for", r#"unique_for = "10m""#),
    ("wire", r#"wire = "bare""#),
    ("debounce", r#"debounce = "2s""#),
    ("max_wait", r#"max_wait = "30s""#),
    ("max_count", "max_count = 100"),
    ("key", r#"key = "user_id""#),
    ("payload", r#"payload = "last""#),
    ("crate", r#"crate = "path::to::redis_ext""#),
];

/// The options given, as their tokens.
#[derive(Default)]
pub(crate) struct Attrs {
    pub(crate) queue: Option<LitStr>,
    pub(crate) max_attempts: Option<LitInt>,
    pub(crate) backoff: Option<LitStr>,
    pub(crate) timeout: Option<LitStr>,
    pub(crate) unique_for: Option<LitStr>,
    pub(crate) wire: Option<LitStr>,
    pub(crate) debounce: Option<LitStr>,
    pub(crate) max_wait: Option<LitStr>,
    pub(crate) max_count: Option<LitInt>,
    pub(crate) key: Option<LitStr>,
    pub(crate) payload: Option<LitStr>,
    pub(crate) krate: Option<CratePath>,
}

/// Where the user has `redis_ext`: a path, in quotes or not.
pub(crate) struct CratePath(pub(crate) Path);

impl Attrs {
    pub(crate) fn from_syn(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for attr in ours(attrs) {
            let options = |input: ParseStream<'_>| {
                found.read(input, errors);
                Ok(())
            };
            let outcome = attr.meta.require_list().and_then(|list| list.parse_args_with(options));
            errors.catch(outcome);
        }
        found
    }

    /// Reads options to the end of `input`; a faulty one does not keep the next from being read.
    fn read(&mut self, input: ParseStream<'_>, errors: &mut Errors) {
        while !input.is_empty() {
            if errors.catch(self.read_one(input)).is_none() {
                skip_to_comma(input);
            }
            // What `read_one` and `skip_to_comma` leave is a comma or the end.
            let _: Option<Token![,]> = input.parse().ok();
        }
    }

    fn read_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        let at_name = input.span();
        let name = input
            .call(Ident::parse_any)
            .map_err(|_| Error::new(at_name, format!("expected the name of an option; {}", known_options())))?;
        match name.to_string().as_str() {
            "queue" => set(&mut self.queue, &name, input),
            "max_attempts" => set(&mut self.max_attempts, &name, input),
            "backoff" => set(&mut self.backoff, &name, input),
            "timeout" => set(&mut self.timeout, &name, input),
            "unique_for" => set(&mut self.unique_for, &name, input),
            "wire" => set(&mut self.wire, &name, input),
            "debounce" => set(&mut self.debounce, &name, input),
            "max_wait" => set(&mut self.max_wait, &name, input),
            "max_count" => set(&mut self.max_count, &name, input),
            "key" => set(&mut self.key, &name, input),
            "payload" => set(&mut self.payload, &name, input),
            "crate" => set(&mut self.krate, &name, input),
            _ => Err(unknown(&name)),
        }
    }
}

/// `#[redis_task(…)]` where it means nothing: on a field or a variant.
pub(crate) fn refuse(attrs: &[Attribute], errors: &mut Errors) {
    for attr in ours(attrs) {
        let message = "`#[redis_task(…)]` belongs on the type; fields and variants take `#[serde(…)]`";
        errors.push(Error::new_spanned(attr, message));
    }
}

fn ours(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("redis_task"))
}

/// Reads `= value` into the slot of the option `name`.
fn set<T: Parse>(slot: &mut Option<T>, name: &Ident, input: ParseStream<'_>) -> Result<()> {
    let advice = format!("write `{}`", example(name));
    let missing = || Error::new_spanned(name, format!("`{name}` needs a value; {advice}"));
    if at_end(input) {
        return Err(missing());
    }
    let equals = input.parse::<Option<Token![=]>>()?;
    if equals.is_none() {
        return Err(input.error(format!("expected an equals sign; {advice}")));
    }
    if at_end(input) {
        return Err(missing());
    }
    let no_value = Error::new(input.span(), format!("`{name}` does not take this; {advice}"));
    let value = input.parse().map_err(|_| no_value)?;
    if !at_end(input) {
        return Err(input.error("expected a comma between two options"));
    }
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new_spanned(name, format!("`{name}` is given twice"))),
    }
}

fn example(name: &Ident) -> &'static str {
    EXAMPLES.iter().find(|(known, _)| name == known).map_or("", |(_, example)| example)
}

fn unknown(name: &Ident) -> Error {
    let known = EXAMPLES.map(|(known, _)| known);
    let advice = match suggest::nearest(&name.to_string(), known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => known_options(),
    };
    Error::new_spanned(name, format!("there is no option `{name}`; {advice}"))
}

fn known_options() -> String {
    format!("the options are `{}`", EXAMPLES.map(|(known, _)| known).join("`, `"))
}

/// Whether an option ends here.
fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !at_end(input) {
        // Any token tree parses, and the stream is not at its end.
        let _: Result<proc_macro2::TokenTree> = input.parse();
    }
}

impl Parse for CratePath {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            input.parse::<LitStr>()?.parse_with(Path::parse_mod_style).map(Self)
        } else {
            input.call(Path::parse_mod_style).map(Self)
        }
    }
}
