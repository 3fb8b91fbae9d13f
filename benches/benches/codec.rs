//! What it costs to write and read payloads, on one core.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redis_ext::{
    TaskId, Timestamp,
    codec::{
        self,
        canonical::{self, Style},
    },
    task::Envelope,
};
use serde::Serialize;

/// A payload as services have them, with its fields in no order.
#[derive(Serialize)]
struct Order {
    user: u64,
    to: &'static str,
    subject: &'static str,
    amount: f64,
    items: Vec<Item>,
    note: Option<&'static str>,
    labels: BTreeMap<&'static str, bool>,
}

#[derive(Serialize)]
struct Item {
    sku: &'static str,
    count: u32,
}

fn order() -> Order {
    Order {
        user: 123_456_789,
        to: "zoe@example.org",
        subject: "Your order — thank you",
        amount: 1234.5,
        items: vec![Item { sku: "A-1", count: 2 }, Item { sku: "B-2", count: 1 }],
        note: None,
        labels: BTreeMap::from([("gift", true), ("express", false)]),
    }
}

fn canonical_json(criterion: &mut Criterion) {
    let order = order();
    let mut plain = Vec::new();
    codec::encode(&order, &mut plain).expect("an order has a form");
    let mut group = criterion.benchmark_group("canonical JSON");
    group.throughput(Throughput::Bytes(plain.len() as u64));
    group.bench_function("for comparison: as it comes", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::new();
            codec::encode(black_box(&order), &mut out).map(|()| out)
        });
    });
    for style in [Style::Ascii, Style::Utf8] {
        group.bench_function(format!("to_vec, {style:?}"), |bencher| {
            bencher.iter(|| canonical::to_vec(black_box(&order), style));
        });
        group.bench_function(format!("respell, {style:?}"), |bencher| {
            bencher.iter(|| canonical::respell(black_box(&plain), style));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("canonical JSON of a single value");
    group.bench_function("integer", |bencher| {
        bencher.iter(|| canonical::to_vec(&black_box(123_456_789_u64), Style::Ascii));
    });
    group.bench_function("float", |bencher| {
        bencher.iter(|| canonical::to_vec(&black_box(1_234.567_89), Style::Ascii));
    });
    group.finish();
}

fn envelope(criterion: &mut Criterion) {
    let mut payload = Vec::new();
    codec::encode(&order(), &mut payload).expect("an order has a form");
    let envelope = Envelope::new(TaskId::random(), Timestamp::from_millis(1_764_000_000_000), &payload);
    let entry = envelope.to_entry();
    let mut group = criterion.benchmark_group("envelope");
    group.throughput(Throughput::Bytes(entry.len() as u64));
    group.bench_function("to_entry", |bencher| bencher.iter(|| black_box(&envelope).to_entry()));
    group.bench_function("parse", |bencher| bencher.iter(|| Envelope::parse(black_box(&entry))));
    group.bench_function("parse a bare payload", |bencher| bencher.iter(|| Envelope::parse(black_box(&payload))));
    group.finish();
}

criterion_group!(benches, canonical_json, envelope);
criterion_main!(benches);
