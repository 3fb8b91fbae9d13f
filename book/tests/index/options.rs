//! The index of options has every one of them, with the default that the library's constants and builders have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    fs,
    time::Duration,
};

use redis_ext::{
    Backoff, HandlerOptions, IdClass, IdTtl, RedisBackend, RedisBackendBuilder, Task, TaskOptions, UniqueId,
    backend::{
        CANCELLATION_RETENTION, DEFAULT_MAX_ENTRY_BYTES, LARGEST_ID, LONGEST_ID_TTL, MAX_BATCH, MAX_DEBOUNCE_KEY_BYTES,
        MAX_ID_CLASS_BYTES, MAX_ID_KEY_BYTES, MAX_QUARANTINED, MAX_RESERVATION, MAX_SET_NAME_BYTES, Page, PayloadRule,
        Recovery, Retention,
    },
    debounce::{CandleSticks, MAX_DELAY, SchedulerOptions},
    fast_set::{FastSetBuilder, WhenStale},
    task::MAX_QUEUE_NAME_BYTES,
    unique_id::UniqueIdBuilder,
    worker::{LeaseOptions, RestartBudget, WorkerOptions},
};
use redis_ext_memory::MemoryBackend;
use syn::{FnArg, ImplItem, Item, ReceiverKind, ReturnType, Type, Visibility};

use super::source::{SourceFile, files_of, page};

type Names = BTreeSet<String>;

/// What adds handlers and debouncers to a builder, or turns a page, and is no option.
const NO_OPTIONS: [&str; 7] = ["handler", "handler_fn", "handler_blocking", "task", "to_queue", "to_recipient", "next"];

/// Sections of options whose type is not called `…Builder` or `…Options`.
const FURTHER: [&str; 7] =
    ["EnqueueWith", "RestartBudget", "Recovery", "Retention", "Page", "Debounce", "CandleSticks"];

/// What is set through the builders of supervisors and schedulers.
const BEHIND_BUILDERS: [&str; 3] = ["WorkerOptions", "SchedulerOptions", "LeaseOptions"];

/// Constants that are neither defaults nor limits of what can be set.
const OF_THE_FORMAT: [&str; 2] = ["TaskId::TEXT_BYTES", "ENVELOPE_VERSION"];

/// A value as the page shows it.
trait Shown: Debug {
    fn shown(&self) -> String;
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Shown for $number {
            fn shown(&self) -> String {
                let digits = self.to_string();
                let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
                groups.join(",")
            }
        }
    )*};
}
numbers!(u32 u64 usize);

impl Shown for Duration {
    fn shown(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap();
        let units = [(24 * 3_600_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
        let (unit, name) = units.into_iter().find(|(unit, _)| millis.is_multiple_of(*unit)).unwrap();
        format!("{} {name}", (millis / unit).shown())
    }
}

impl Shown for Backoff {
    fn shown(&self) -> String {
        match self {
            Self::Exponential { base, cap } => format!("exponential, {} to {}", base.shown(), cap.shown()),
            other => panic!("the page has no words for {other:?}"),
        }
    }
}

impl Shown for IdTtl {
    fn shown(&self) -> String {
        let seconds = Duration::from_secs(self.seconds().unwrap().get());
        format!("{}, {}", seconds.shown(), if self.is_sliding() { "sliding" } else { "fixed" })
    }
}

/// A constant's value as the page shows it, and as `Debug` does.
type Value = (String, String);

fn constants() -> BTreeMap<&'static str, Value> {
    fn value(name: &str, value: &impl Shown) -> Value {
        let shown = match format!("{value:?}").parse::<usize>() {
            Ok(bytes) if name.ends_with("BYTES") => match bytes {
                mib if mib.is_multiple_of(1 << 20) => format!("{} MiB", mib >> 20),
                kib if kib.is_multiple_of(1 << 10) => format!("{} KiB", kib >> 10),
                bytes => format!("{bytes} bytes"),
            },
            _ => value.shown(),
        };
        (shown, format!("{value:?}"))
    }
    macro_rules! values {
        ($($name:ident $(::<$of:ty>)? $(:: $constant:ident)?),* $(,)?) => {
            BTreeMap::from([$({
                let name = concat!(stringify!($name) $(, "::", stringify!($constant))?);
                (name, value(name, &$name $(::<$of>)? $(::$constant)?))
            }),*])
        };
    }
    values![
        Backoff::DEFAULT,
        CANCELLATION_RETENTION,
        CandleSticks::DEFAULT_DELAY,
        DEFAULT_MAX_ENTRY_BYTES,
        FastSetBuilder::<String>::DEFAULT_HEARTBEAT,
        FastSetBuilder::<String>::DEFAULT_TIMEOUT,
        HandlerOptions::DEFAULT_PREFETCH,
        HandlerOptions::DEFAULT_WEIGHT,
        HandlerOptions::PREFETCH_AHEAD,
        IdTtl::DEFAULT,
        LARGEST_ID,
        LONGEST_ID_TTL,
        MAX_BATCH,
        MAX_DEBOUNCE_KEY_BYTES,
        MAX_DELAY,
        MAX_ID_CLASS_BYTES,
        MAX_ID_KEY_BYTES,
        MAX_QUARANTINED,
        MAX_QUEUE_NAME_BYTES,
        MAX_RESERVATION,
        MAX_SET_NAME_BYTES,
        Page::DEFAULT_LIMIT,
        PayloadRule::DEFAULT_MAX_BYTES,
        Recovery::DEFAULT_POISON_AFTER,
        RedisBackendBuilder::DEFAULT_CONNECT_TIMEOUT,
        RedisBackendBuilder::DEFAULT_MAX_ENTRY_BYTES,
        RedisBackendBuilder::DEFAULT_RECONNECT_WAIT,
        RedisBackendBuilder::DEFAULT_RESPONSE_TIMEOUT,
        RestartBudget::BACKOFF,
        RestartBudget::DEFAULT_RESTARTS,
        RestartBudget::DEFAULT_WINDOW,
        Retention::DEFAULT_AGE,
        Retention::DEFAULT_BYTES,
        Retention::DEFAULT_COUNT,
        SchedulerOptions::DEFAULT_CONCURRENCY,
        SchedulerOptions::DEFAULT_REPOLL,
        SchedulerOptions::DEFAULT_RETRY_AFTER,
        SchedulerOptions::HELD_RECHECK,
        Task::<Ping>::EFFECT_PATIENCE,
        Task::<Ping>::EFFECT_TTL,
        TaskOptions::DEFAULT_MAX_ATTEMPTS,
        TaskOptions::DEFAULT_TIMEOUT,
        UniqueIdBuilder::<()>::DEFAULT_PATIENCE,
        LeaseOptions::DEFAULT_GRACE,
        LeaseOptions::DEFAULT_HEARTBEAT,
        LeaseOptions::DEFAULT_LEASE,
        LeaseOptions::LONGEST_LEASE,
        LeaseOptions::SHORTEST_HEARTBEAT,
    ]
}

#[derive(redis_ext::RedisTask)]
struct Ping;

/// What a section's options are when nobody has set them.
fn unset(section: &str) -> Option<String> {
    Some(match section {
        "TaskOptions" => format!("{:#?}", TaskOptions::new()),
        "HandlerOptions" => format!("{:#?}", HandlerOptions::new(1)),
        "WorkerSupervisorBuilder" => {
            let unset = WorkerOptions::default();
            format!("{unset:#?}\n{:#?}", unset.hold)
        }
        "DebounceSchedulerBuilder" => {
            let unset = SchedulerOptions::default();
            format!("{unset:#?}\n{:#?}", unset.hold)
        }
        "RestartBudget" => format!("{:#?}", RestartBudget::default()),
        "Recovery" => format!("{:#?}", Recovery::default()),
        "Retention" => format!("{:#?}", Retention::default()),
        "Page" => format!("{:#?}", Page::default()),
        "RedisBackendBuilder" => format!("{:#?}", RedisBackend::builder("redis://127.0.0.1/")),
        "MemoryBackendBuilder" => format!("{:#?}", MemoryBackend::builder()),
        "FastSetBuilder" => format!("Unset {{\n    when_stale: {:?},\n}}", WhenStale::default()),
        "UniqueIdBuilder" => {
            format!("{:#?}", UniqueId::builder(MemoryBackend::new(), IdClass::from_static("user")))
        }
        _ => return None,
    })
}

/// The fields of a struct as `{:#?}` prints it, those of one line; what is `Some` is taken out of it.
fn fields(printed: &str) -> BTreeMap<String, String> {
    let mut lines = printed.lines().peekable();
    let mut fields = BTreeMap::new();
    while let Some(line) = lines.next() {
        let Some((name, value)) = line.strip_prefix("    ").and_then(|field| field.split_once(": ")) else { continue };
        let value = match value {
            "Some(" => lines.peek().map_or("", |within| within.trim().trim_end_matches(',')),
            value if value.ends_with('{') || value.ends_with('(') => continue,
            value => value.trim_end_matches(','),
        };
        if !name.starts_with(' ') {
            fields.insert(name.to_owned(), value.to_owned());
        }
    }
    fields
}

/// What the source has: the options of each type, and the constants.
#[derive(Default)]
struct Source {
    options: BTreeMap<String, Names>,
    constants: Names,
}

impl Source {
    fn read() -> Self {
        let mut source = Self::default();
        for SourceFile { text, .. } in ["redis-ext", "redis-ext-memory"].into_iter().flat_map(files_of) {
            syn::parse_file(&text).unwrap().items.into_iter().for_each(|item| source.note(item));
        }
        source
    }

    fn note(&mut self, item: Item) {
        let is_public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
        match item {
            Item::Const(constant) if is_public(&constant.vis) => {
                self.note_constant(constant.ident.to_string(), &constant.ty);
            }
            Item::Struct(item) if is_public(&item.vis) => {
                let fields = item.fields.iter().filter(|field| is_public(&field.vis));
                let names = fields.filter_map(|field| Some(field.ident.as_ref()?.to_string()));
                self.options.entry(item.ident.to_string()).or_default().extend(names);
            }
            Item::Impl(block) if block.trait_.is_none() => {
                let Some(of) = last_of(&block.self_ty) else { return };
                for item in block.items {
                    match item {
                        ImplItem::Const(constant) if is_public(&constant.vis) => {
                            self.note_constant(format!("{of}::{}", constant.ident), &constant.ty);
                        }
                        ImplItem::Fn(function) if is_public(&function.vis) => {
                            let takes_self = matches!(
                                function.sig.inputs.first(),
                                Some(FnArg::Receiver(receiver)) if matches!(receiver.kind, ReceiverKind::Value)
                            );
                            let gives_self = matches!(
                                &function.sig.output,
                                ReturnType::Type(_, ty) if last_of(ty).is_some_and(|ty| ty == "Self")
                            );
                            if takes_self && gives_self {
                                self.options.entry(of.clone()).or_default().insert(function.sig.ident.to_string());
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn note_constant(&mut self, name: String, ty: &Type) {
        let is_default = name.ends_with("::DEFAULT");
        let ty = last_of(ty).unwrap_or_default();
        if is_default || ["u32", "u64", "usize", "Duration", "Backoff"].contains(&&*ty) {
            self.constants.insert(name);
        }
    }
}

fn last_of(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    Some(path.path.segments.last()?.ident.to_string())
}

/// The sections of the page, each with its table's rows.
fn sections() -> BTreeMap<String, Vec<Vec<String>>> {
    let page = page("options.md");
    let mut sections = BTreeMap::new();
    for section in page.split("\n## ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let cells = rows.map(|row| row.split(" | ").map(|cell| cell.trim_matches('`').to_owned()).collect());
        sections.insert(title.to_owned(), cells.skip(1).collect());
    }
    sections
}

#[test]
fn every_option_has_a_row() {
    let sections = sections();
    let first_cells = |rows: &[Vec<String>]| rows.iter().map(|row| row[0].clone()).collect::<Names>();
    for (of, mut options) in Source::read().options {
        let has_section = (of.ends_with("Builder") || of.ends_with("Options")) && !BEHIND_BUILDERS.contains(&&*of);
        if has_section || FURTHER.contains(&&*of) {
            options.retain(|option| !NO_OPTIONS.contains(&&**option));
            let rows = sections.get(&of).unwrap_or_else(|| panic!("{of} has no section"));
            assert_eq!(first_cells(rows), options, "{of}; left: the page, right: the source");
        }
    }

    // The derive tells its options in an error, which a test of its own records.
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/../redis-ext-derive/tests/ui/fail/option_unknown.stderr");
    let recorded = fs::read_to_string(recorded).unwrap();
    let told = recorded.split("the options are ").nth(1).unwrap().lines().next().unwrap();
    let told: Names = told.split(", ").map(|option| option.trim_matches('`').to_owned()).collect();
    assert_eq!(first_cells(&sections["`#[redis_task(…)]`"]), told);
}

#[test]
fn every_constant_has_a_row_with_its_value() {
    let constants = constants();
    let known: Names = constants.keys().map(ToString::to_string).collect();
    let mut in_source = Source::read().constants;
    in_source.retain(|constant| !OF_THE_FORMAT.contains(&&**constant));
    assert_eq!(known, in_source, "left: the constants that this test knows, right: those of the source");

    let mut on_page = Names::new();
    for (section, rows) in sections() {
        let unset = unset(&section).map(|printed| fields(&printed)).unwrap_or_default();
        for row in rows.iter().filter(|row| row.len() == 4) {
            let [option, default, constant, _] = row.as_slice() else { unreachable!("it has four cells") };
            // A constant of a module is one by its last name.
            let name = constant.rsplit_once("::").filter(|(of, _)| of.starts_with(char::is_lowercase));
            let name = name.map_or(constant.as_str(), |(_, name)| name);
            match (constants.get(name), unset.get(option)) {
                (Some((shown, debugged)), actual) => {
                    assert_eq!(default, shown, "{section}, {option}: {constant}");
                    assert!(actual.is_none_or(|actual| actual == debugged), "{section}, {option}: {actual:?} is set");
                    on_page.insert(name.to_owned());
                }
                (None, Some(actual)) if option != "concurrency" => assert_eq!(default, actual, "{section}, {option}"),
                (None, _) => assert_eq!(constant, "–", "{section}, {option}: there is no such constant"),
            }
        }
    }
    assert_eq!(on_page, known, "left: the page, right: the source");
}
