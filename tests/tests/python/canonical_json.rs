//! Canonical JSON is, byte for byte, what the Python package writes.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use redis_ext::codec::canonical::{Style, respell, to_vec};
use redis_ext_tests::Python;
use serde::Deserialize;

use crate::json::{Json, float, json};

const STYLES: [Style; 2] = [Style::Ascii, Style::Utf8];

fn canonical(value: &Json, style: Style) -> String {
    String::from_utf8(to_vec(value, style).unwrap()).unwrap()
}

/// Members that the real package wrote.
#[derive(Deserialize)]
struct Recording {
    vectors: Vec<Vector>,
}

/// One value, as JSON in some spelling and as the two classes wrote it.
#[derive(Deserialize)]
struct Vector {
    json: String,
    fastset: String,
    debounce: String,
}

#[test]
fn recorded_members_are_spelt_the_same() {
    let recording: Recording = serde_json::from_str(include_str!("../../fixtures/python-0.8/vectors.json")).unwrap();
    assert!(recording.vectors.len() > 30);
    for Vector { json, fastset, debounce } in recording.vectors {
        for (style, expected) in [(Style::Ascii, fastset), (Style::Utf8, debounce)] {
            for spelling in [&json, &expected] {
                let respelt = respell(spelling.as_bytes(), style).unwrap();
                assert_eq!(String::from_utf8(respelt).unwrap(), expected, "{spelling} as {style:?}");
            }
        }
    }
}

fn generated<S: Strategy>(strategy: &S, count: usize) -> impl Iterator<Item = S::Value> {
    let mut runner = TestRunner::new(ProptestConfig::default());
    (0..count).map(move |_| strategy.new_tree(&mut runner).unwrap().current())
}

#[test]
fn python_spells_any_value_the_same() {
    let mut values: Vec<_> = generated(&json(), 4_000).collect();
    // Thousands of floats, a few of which would differ if one of the two did not find the shortest digits.
    values.push(Json::Array(generated(&float(), 20_000).map(Json::Float).collect()));
    let input: Vec<_> = values.iter().map(|value| serde_json::to_string(value).unwrap() + "\n").collect();
    let output = Python::script("spell").stdin(input.concat()).run();

    let spellings: Vec<_> = output.split_terminator('\n').collect();
    assert_eq!(spellings.len(), 2 * values.len());
    for (value, spellings) in values.iter().zip(spellings.chunks(2)) {
        for (style, expected) in STYLES.into_iter().zip(spellings) {
            assert_eq!(canonical(value, style), *expected, "as {style:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_spelling_of_a_value_comes_to_the_same(value in json()) {
        for style in STYLES {
            let expected = canonical(&value, style);
            for spelling in [serde_json::to_string(&value)?, serde_json::to_string_pretty(&value)?, expected.clone()] {
                let respelt = respell(spelling.as_bytes(), style)?;
                prop_assert_eq!(String::from_utf8(respelt)?, &*expected);
            }
        }
    }

    #[test]
    fn the_order_of_keys_shows_only_where_python_shows_it(value in json()) {
        prop_assert_eq!(canonical(&value, Style::Ascii), canonical(&value.reversed(), Style::Ascii));
        if !matches!(value, Json::Array(_)) {
            prop_assert_eq!(canonical(&value, Style::Utf8), canonical(&value.reversed(), Style::Utf8));
        }
    }

    #[test]
    fn the_same_value_is_read_back(value in json()) {
        for style in STYLES {
            let json = canonical(&value, style);
            let read: serde_json::Value = serde_json::from_str(&json)?;
            let plain: serde_json::Value = serde_json::from_str(&serde_json::to_string(&value)?)?;
            prop_assert_eq!(read, plain);
        }
    }

    #[test]
    fn one_style_can_be_had_from_the_other(value in json()) {
        let from_utf8 = respell(canonical(&value, Style::Utf8).as_bytes(), Style::Ascii)?;
        prop_assert_eq!(String::from_utf8(from_utf8)?, canonical(&value, Style::Ascii));
        prop_assert!(canonical(&value, Style::Ascii).bytes().all(|byte| matches!(byte, b' '..=b'~')));
    }
}
