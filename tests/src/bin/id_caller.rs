//! Asks for the IDs of keys of one class, many callers at once, and prints each key with the ID that all of them got.
//!
//! Each caller asks for every fourth key, in an order of its own, so each key is asked for by a quarter of the callers.
//! They begin when a line comes, once `ready` was printed.

use std::{collections::BTreeMap, io::BufRead as _, io::Write as _};

use redis_ext::{Error, IdClass, RedisBackend, UniqueId};

/// Every so many keys a caller asks for one.
const STRIDE: usize = 4;

fn main() -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, class, keys, callers] = &arguments[..] else {
        panic!("usage: id_caller <redis url> <class> <keys> <callers>");
    };
    let number = |text: &String| text.parse::<usize>().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let (keys, callers) = (number(keys), number(callers));
    actix::System::new().block_on(async {
        let ids = UniqueId::builder(RedisBackend::connect(url).await?, IdClass::new(class)?).start()?;
        println!("ready");
        std::io::stdin().lock().lines().next();
        let callers: Vec<_> = (0..callers)
            .map(|caller| {
                let ids = ids.clone();
                actix::spawn(async move {
                    let mut mine: Vec<_> = (caller % STRIDE..keys).step_by(STRIDE).collect();
                    fastrand::shuffle(&mut mine);
                    let mut got = Vec::with_capacity(mine.len());
                    for key in mine {
                        got.push((key, ids.get_or_create(&key.to_string()).await?.get()));
                    }
                    Ok::<_, Error>(got)
                })
            })
            .collect();
        let mut agreed = BTreeMap::new();
        for caller in callers {
            for (key, id) in caller.await.unwrap_or_else(|error| panic!("{error}"))? {
                let before = *agreed.entry(key).or_insert(id);
                assert_eq!(before, id, "two callers got two IDs for {key}");
            }
        }
        let mut out = std::io::stdout().lock();
        for (key, id) in agreed {
            writeln!(out, "{key} {id}").unwrap_or_else(|error| panic!("{error}"));
        }
        Ok(())
    })
}
