//! Enums are tagged in each of serde's ways.

use redis_ext::RedisTask;

#[path = "../support/mod.rs"]
mod support;

#[derive(RedisTask)]
enum External {
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct { x: u8 },
}

#[derive(RedisTask)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Internal {
    ResizeImage { max_width: u32 },
    #[serde(rename = "rm")]
    Remove { image_id: u32 },
}

#[derive(RedisTask)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    Tuple(u8, u8),
}

#[derive(RedisTask)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
}

fn main() {
    support::assert_wire(&External::Unit, r#""Unit""#);
    support::assert_wire(&External::Newtype(1), r#"{"Newtype":1}"#);
    support::assert_wire(&External::Tuple(1, 2), r#"{"Tuple":[1,2]}"#);
    support::assert_wire(&External::Struct { x: 1 }, r#"{"Struct":{"x":1}}"#);
    support::assert_wire(&Internal::ResizeImage { max_width: 80 }, r#"{"type":"resize_image","maxWidth":80}"#);
    support::assert_wire(&Internal::Remove { image_id: 7 }, r#"{"type":"rm","imageId":7}"#);
    support::assert_wire(&Adjacent::Unit, r#"{"t":"Unit"}"#);
    support::assert_wire(&Adjacent::Tuple(1, 2), r#"{"t":"Tuple","c":[1,2]}"#);
    support::assert_wire(&Untagged::Number(1), "1");
    support::assert_wire(&Untagged::Text("a".to_owned()), r#""a""#);
}
