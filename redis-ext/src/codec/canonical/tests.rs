//! Every form that a type can have for serde. The texts that the Python package writes are compared in the integration
//! tests.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::value::RawValue;

use super::*;

fn ascii<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_vec(value, Style::Ascii).unwrap()).unwrap()
}

fn utf8<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_vec(value, Style::Utf8).unwrap()).unwrap()
}

fn respelt(json: &str, style: Style) -> String {
    String::from_utf8(respell(json.as_bytes(), style).unwrap()).unwrap()
}

fn refusal<T: Serialize + ?Sized>(value: &T) -> String {
    to_vec(value, Style::Ascii).unwrap_err().to_string()
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Newtype(u8);

#[derive(Serialize)]
struct Pair(i8, Option<char>);

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(f32),
    Line(i64, i64),
    Rectangle { width: u64, height: u64 },
}

#[derive(Serialize)]
#[serde(tag = "kind", content = "of")]
enum Tagged {
    Boxed(Shape),
}

#[derive(Serialize)]
struct Everything<'a> {
    units: ((), Unit, Option<()>, Option<Option<u8>>),
    numbers: (u64, i64, u8, f64, f32),
    text: &'a str,
    bytes: Bytes,
    pair: Pair,
    newtype: Newtype,
    shapes: Vec<Shape>,
    tagged: Tagged,
    map: BTreeMap<i32, Newtype>,
    #[serde(flatten)]
    flat: BTreeMap<&'a str, bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<u8>,
}

struct Bytes;

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&[1, 255])
    }
}

#[test]
fn a_type_has_the_same_form_as_in_serde_json() {
    let everything = Everything {
        units: ((), Unit, None, Some(None)),
        numbers: (u64::MAX, i64::MIN, 0, -0.0, 0.1),
        text: "a\"b\\c\n\u{7f}é🚀",
        bytes: Bytes,
        pair: Pair(-1, Some('é')),
        newtype: Newtype(7),
        shapes: vec![
            Shape::Point,
            Shape::Circle(1.5),
            Shape::Line(-1, 1),
            Shape::Rectangle { width: 2, height: u64::MAX },
        ],
        tagged: Tagged::Boxed(Shape::Rectangle { width: 1, height: 2 }),
        map: BTreeMap::from([(-1, Newtype(1)), (10, Newtype(2)), (9, Newtype(3))]),
        flat: BTreeMap::from([("zoo", true), ("aardvark", false)]),
        absent: None,
    };
    let json = serde_json::to_string(&everything).unwrap();
    assert_eq!(ascii(&everything), respelt(&json, Style::Ascii));
    assert_eq!(utf8(&everything), respelt(&json, Style::Utf8));
    assert_eq!(utf8(&[&everything]), respelt(&format!("[{json}]"), Style::Utf8));
}

#[test]
fn keys_are_sorted_by_code_point_before_they_are_escaped() {
    // UTF-16 has U+1F680 before U+FFFD, and the escape of `"` begins with a character behind `A`.
    let map = BTreeMap::from([("\u{fffd}", 1), ("🚀", 2), ("\"", 3), ("A", 4), ("\x7f", 5), ("", 6)]);
    assert_eq!(ascii(&map), r#"{"": 6, "\"": 3, "A": 4, "\u007f": 5, "\ufffd": 1, "\ud83d\ude80": 2}"#);
    assert_eq!(utf8(&map), "{\"\": 6, \"\\\"\": 3, \"A\": 4, \"\x7f\": 5, \"\u{fffd}\": 1, \"🚀\": 2}");
}

#[test]
fn the_outermost_container_decides_whether_utf8_sorts() {
    #[derive(Serialize)]
    struct Unsorted {
        b: u8,
        a: u8,
    }
    let unsorted = || Unsorted { b: 1, a: 2 };
    assert_eq!(utf8(&unsorted()), r#"{"a": 2, "b": 1}"#);
    assert_eq!(utf8(&[[unsorted()]]), r#"[[{"b": 1, "a": 2}]]"#);
    assert_eq!(ascii(&[[unsorted()]]), r#"[[{"a": 2, "b": 1}]]"#);
    assert_eq!(utf8(&HashMap::from([("k", (unsorted(), 1))])), r#"{"k": [{"a": 2, "b": 1}, 1]}"#);
}

#[test]
fn integers_are_exact_at_any_size() {
    assert_eq!(ascii(&(i128::MIN, u128::MAX)), format!("[{}, {}]", i128::MIN, u128::MAX));
    let huge = "9".repeat(400);
    assert_eq!(respelt(&format!("[{huge},-{huge},-0]"), Style::Utf8), format!("[{huge}, -{huge}, 0]"));
}

#[test]
fn floats_are_spelt_as_in_python() {
    for (value, spelling) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1e-4, "0.0001"),
        (9.999_999_999_999_999e-5, "9.999999999999999e-05"),
        (1e15, "1000000000000000.0"),
        (9_999_999_999_999_998.0, "9999999999999998.0"),
        (1e16, "1e+16"),
        (-1.5e-7, "-1.5e-07"),
        (0.05, "0.05"),
        (-120.0, "-120.0"),
        (12.034, "12.034"),
        (4_000_000_000_000_001.0 / 4.0, "1000000000000000.2"),
        (4_000_000_000_000_003.0 / 4.0, "1000000000000000.8"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
    ] {
        assert_eq!(ascii(&value), spelling);
    }
}

#[test]
fn a_single_float_is_the_double_with_the_same_shortest_digits() {
    for (value, spelling) in [
        (0.1_f32, "0.1"),
        (1e-4, "0.0001"),
        (1e16, "1e+16"),
        (1e-5, "1e-05"),
        (16_777_216.0, "16777216.0"),
        (f32::MAX, "3.4028235e+38"),
        (-0.0, "-0.0"),
    ] {
        assert_eq!(ascii(&value), spelling);
    }
}

#[test]
fn numbers_that_json_does_not_have_are_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(refusal(&[value]).contains("only finite numbers"));
    }
    assert!(refusal(&f32::NAN).contains("only finite numbers"));
    for json in ["NaN", "[Infinity]", "1e999", "01", "+1", "1.", "{\"a\":1,}", "[1] 2", "\"\\ud800\"", "\"\t\"", ""] {
        assert!(respell(json.as_bytes(), Style::Ascii).is_err(), "{json}");
    }
    assert!(respell(b"\"\xff\"", Style::Utf8).is_err());
}

#[test]
fn keys_can_be_what_serde_json_takes() {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Unit {
        Only,
    }
    assert_eq!(ascii(&BTreeMap::from([(2, 0), (10, 0)])), r#"{"10": 0, "2": 0}"#);
    assert_eq!(ascii(&BTreeMap::from([(true, 0), (false, 0)])), r#"{"false": 0, "true": 0}"#);
    assert_eq!(ascii(&BTreeMap::from([(u128::MAX, 0)])), format!(r#"{{"{}": 0}}"#, u128::MAX));
    assert_eq!(ascii(&BTreeMap::from([('é', 0)])), r#"{"\u00e9": 0}"#);
    assert_eq!(ascii(&BTreeMap::from([(Unit::Only, 0)])), r#"{"Only": 0}"#);
    assert_eq!(ascii(&BTreeMap::from([(Some("a"), 0)])), r#"{"a": 0}"#);
    assert_eq!(ascii(&Entry(1e16)), r#"{"1e+16": 0}"#);

    assert!(refusal(&BTreeMap::from([(None::<u8>, 0)])).contains("key is none"));
    assert!(refusal(&BTreeMap::from([((), 0)])).contains("key is a unit"));
    assert!(refusal(&BTreeMap::from([((1, 2), 0)])).contains("key is a tuple"));
    assert!(refusal(&BTreeMap::from([(Ok::<u8, u8>(1), 0)])).contains("key is a variant with content"));
    assert!(refusal(&Entry(f64::NAN)).contains("only finite numbers"));
}

/// A map with one entry, whose key may be of any type.
struct Entry<K>(K);

impl<K: Serialize> Serialize for Entry<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0, 0)])
    }
}

#[test]
fn of_a_key_given_twice_the_last_value_counts_at_the_first_place() {
    let json = r#"[{"b": 1, "": 2, "a": 3, "b": {"y": 4, "x": 5}, "": 6}]"#;
    assert_eq!(respelt(json, Style::Utf8), r#"[{"b": {"y": 4, "x": 5}, "": 6, "a": 3}]"#);
    assert_eq!(respelt(json, Style::Ascii), r#"[{"": 6, "a": 3, "b": {"x": 5, "y": 4}}]"#);
}

#[test]
fn json_within_a_value_is_respelt() {
    let raw: Box<RawValue> = serde_json::from_str(r#"{"b":1E5,"a":["\u00e9"]}"#).unwrap();
    assert_eq!(ascii(&raw), r#"{"a": ["\u00e9"], "b": 100000.0}"#);
    assert_eq!(utf8(&(1, raw)), r#"[1, {"b": 100000.0, "a": ["é"]}]"#);
}

#[test]
fn numbers_with_serde_jsons_arbitrary_precision_are_numbers() {
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::Number")]
    struct Number {
        #[serde(rename = "$serde_json::private::Number")]
        digits: &'static str,
    }
    let numbers = ["18446744073709551616", "1.50", "-0", "1E400"].map(|digits| Number { digits });
    assert_eq!(ascii(&numbers[..3]), "[18446744073709551616, 1.5, 0]");
    assert!(refusal(&numbers[3]).contains("only finite numbers"));
}

#[test]
fn json_may_nest_without_end() {
    let nested = format!("{}{}", r#"[{"": "#.repeat(100_000), "1}]".to_owned() + &"}]".repeat(99_999));
    assert_eq!(respelt(&nested, Style::Ascii), nested);
}

#[test]
fn white_space_may_stand_everywhere() {
    let json = " \n{ \"b\" :\t[ 1 , \"]}\\\"\\\\\" ,{ } , [ ]\r] ,\"a\":null } ";
    assert_eq!(respelt(json, Style::Utf8), r#"{"a": null, "b": [1, "]}\"\\", {}, []]}"#);
}

#[test]
fn a_type_that_refuses_says_why() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    assert_eq!(refusal(&Refuses), "not today");
}
