//! The type under the derive, with what serde's attributes say of each of its parts.

use syn::{Attribute, Data, DeriveInput, Error, Generics, Ident, Result, Type};

use crate::{
    attr,
    errors::Errors,
    serde_attr::{SerdeAttrs, Side},
};

/// A struct or an enum that is to be a task.
pub(crate) struct Input<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    /// The `#[repr(…)]`s, as serde must know of `packed`.
    pub(crate) reprs: Vec<&'a Attribute>,
    pub(crate) serde: SerdeAttrs,
    pub(crate) body: Body<'a>,
}

pub(crate) enum Body<'a> {
    Struct(Fields<'a>),
    Enum(Vec<Variant<'a>>),
}

pub(crate) struct Variant<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) serde: SerdeAttrs,
    pub(crate) fields: Fields<'a>,
}

pub(crate) enum Fields<'a> {
    Named(Vec<Field<'a>>),
    Unnamed(Vec<Field<'a>>),
    Unit,
}

pub(crate) struct Field<'a> {
    pub(crate) ident: Option<&'a Ident>,
    pub(crate) ty: &'a Type,
    pub(crate) serde: SerdeAttrs,
}

impl<'a> Input<'a> {
    /// Fails where `node` is of a kind that cannot be a task at all; lesser faults go to `errors`.
    pub(crate) fn from_syn(node: &'a DeriveInput, errors: &mut Errors) -> Result<Self> {
        for lifetime in node.generics.lifetimes() {
            let message = "a task outlives the code that enqueues it, so it cannot borrow; own the data instead";
            errors.push(Error::new_spanned(&lifetime.lifetime, message));
        }
        let body = match &node.data {
            Data::Struct(data) => Body::Struct(Fields::from_syn(&data.fields, errors)),
            Data::Enum(data) => Body::Enum(data.variants.iter().map(|node| Variant::from_syn(node, errors)).collect()),
            Data::Union(data) => {
                let message =
                    "a union cannot be a task, as nothing tells which of its fields to serialize; use an enum";
                return Err(Error::new_spanned(data.union_token, message));
            }
        };
        Ok(Self {
            ident: &node.ident,
            generics: &node.generics,
            reprs: node.attrs.iter().filter(|attr| attr.path().is_ident("repr")).collect(),
            serde: SerdeAttrs::from_syn(&node.attrs),
            body,
        })
    }

    /// Every field, with the variant it belongs to.
    pub(crate) fn fields(&self) -> Vec<(Option<&Variant<'a>>, &Field<'a>)> {
        match &self.body {
            Body::Struct(fields) => fields.iter().map(|field| (None, field)).collect(),
            Body::Enum(variants) => variants
                .iter()
                .flat_map(|variant| variant.fields.iter().map(move |field| (Some(variant), field)))
                .collect(),
        }
    }
}

impl<'a> Variant<'a> {
    fn from_syn(node: &'a syn::Variant, errors: &mut Errors) -> Self {
        attr::refuse(&node.attrs, errors);
        Self {
            ident: &node.ident,
            serde: SerdeAttrs::from_syn(&node.attrs),
            fields: Fields::from_syn(&node.fields, errors),
        }
    }
}

impl<'a> Fields<'a> {
    fn from_syn(node: &'a syn::Fields, errors: &mut Errors) -> Self {
        let fields = node.iter().map(|node| Field::from_syn(node, errors)).collect();
        match node {
            syn::Fields::Named(_) => Self::Named(fields),
            syn::Fields::Unnamed(_) => Self::Unnamed(fields),
            syn::Fields::Unit => Self::Unit,
        }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Field<'a>> {
        match self {
            Self::Named(fields) | Self::Unnamed(fields) => fields.iter(),
            Self::Unit => [].iter(),
        }
    }
}

impl<'a> Field<'a> {
    fn from_syn(node: &'a syn::Field, errors: &mut Errors) -> Self {
        attr::refuse(&node.attrs, errors);
        Self { ident: node.ident.as_ref(), ty: ungrouped(&node.ty), serde: SerdeAttrs::from_syn(&node.attrs) }
    }

    /// Whether serde writes, or reads, the field through the implementation of its type.
    pub(crate) fn is_coded(&self, variant: Option<&Variant<'_>>, side: Side) -> bool {
        std::iter::once(&self.serde)
            .chain(variant.map(|variant| &variant.serde))
            .all(|serde| !serde.skips(side) && !serde.has_own_codec(side))
    }
}

/// The type itself, where a macro passed it on in an invisible group.
fn ungrouped(mut ty: &Type) -> &Type {
    while let Type::Group(group) = ty {
        ty = &group.elem;
    }
    ty
}
