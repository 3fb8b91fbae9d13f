//! JSON values of every sort, above all of those that are easily spelt in two ways.

use proptest::prelude::*;
use serde::{Serialize, Serializer};

/// A value as a Python program would have it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Array(Vec<Json>),
    /// The keys are all different, in any order.
    Object(Vec<(String, Json)>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i128(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Array(elements) => serializer.collect_seq(elements),
            Self::Object(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl Json {
    /// The same value with the keys of each object in the opposite order.
    pub(crate) fn reversed(&self) -> Self {
        match self {
            Self::Array(elements) => Self::Array(elements.iter().map(Self::reversed).collect()),
            Self::Object(entries) => {
                Self::Object(entries.iter().rev().map(|(key, value)| (key.clone(), value.reversed())).collect())
            }
            other => other.clone(),
        }
    }
}

pub(crate) fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        integer().prop_map(Json::Int),
        float().prop_map(Json::Float),
        text().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::hash_map(text(), inner, 0..6)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

fn integer() -> impl Strategy<Value = i128> {
    prop_oneof![
        any::<i8>().prop_map(i128::from),
        any::<i64>().prop_map(i128::from),
        any::<u64>().prop_map(i128::from),
        any::<i128>(),
    ]
}

/// Finite floats, most of them near a place where their spelling changes.
pub(crate) fn float() -> impl Strategy<Value = f64> {
    let finite = |value: f64| if value.is_finite() { value } else { 0.5 };
    let near_power_of_ten = (-325_i32..310, -3_i64..4).prop_map(|(exponent, steps)| {
        let power: f64 = format!("1e{exponent}").parse().unwrap_or_default();
        f64::from_bits(power.to_bits().saturating_add_signed(steps))
    });
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_map(finite),
        near_power_of_ten.prop_map(finite),
        (any::<i32>(), 0..7).prop_map(|(digits, places)| f64::from(digits) / 10_f64.powi(places)),
        prop::sample::select(vec![0.0, -0.0, 1e-4, 1e15, 1e16, f64::MAX, f64::MIN_POSITIVE, 5e-324]),
    ]
}

/// Short texts of the characters that are escaped in some style or order, and their neighbours.
fn text() -> impl Strategy<Value = String> {
    let telling = "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f} !\"#/09A[\\]az{}~\u{7f}\u{80}é\u{7ff}\u{800}\u{2028}世\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10000}🚀\u{10ffff}";
    let telling = prop::sample::select(telling.chars().collect::<Vec<_>>());
    prop_oneof![
        "[a-z_]{0,8}",
        prop::collection::vec(prop_oneof![3 => telling, 1 => any::<char>()], 0..6)
            .prop_map(|chars| chars.into_iter().collect())
    ]
}
