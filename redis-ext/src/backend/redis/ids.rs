//! Unique IDs, in the places where the Python package has them.

use std::{num::NonZeroU64, sync::Arc};

use async_trait::async_trait;
use redis::Value;

use super::{
    RedisBackend,
    keys::IdKeys,
    reply,
    scripts::{ASSIGN_IDS, FORGET_IDS, OFFER_ID, RESERVE_IDS, Request},
};
use crate::backend::{
    Assigned, BackendError, CounterFloor, CounterMove, IdBackend, IdClass, IdKey, IdOffer, IdRules, IdTtl, LARGEST_ID,
    Operation, Reserved, check_id_batch, check_reservation,
};

#[async_trait]
impl IdBackend for RedisBackend {
    async fn assign_ids(
        &self,
        class: &IdClass,
        keys: &[IdKey],
        rules: IdRules,
        floor: u64,
    ) -> Result<Assigned, BackendError> {
        let operation = Operation::AssignIds;
        check_id_batch(operation, keys.len())?;
        if keys.is_empty() {
            return Ok(Assigned::nothing(floor));
        }
        let places = IdKeys::of(class);
        let way_back = if rules.reverse { vec![places.keys(), places.expiries()] } else { Vec::new() };
        let mappings = keys.iter().map(|key| places.mapping(key));
        let all: Vec<_> = std::iter::once(places.counter()).chain(way_back).chain(mappings).collect();
        let mut request = Request::script(&ASSIGN_IDS, &all);
        request.arg(floor);
        add_life(&mut request, rules.ttl);
        request.arg(u8::from(rules.reverse));
        if rules.reverse {
            add_texts(&mut request, keys);
        }
        let texts: Vec<String> = reply::read(operation, self.link().send(operation, &request).await?)?;
        let mut numbers = texts.iter().map(|text| number(operation, text));
        let (Some(before), Some(after)) = (numbers.next(), numbers.next()) else {
            return Err(reply::unexpected(operation, "the reply is too short"));
        };
        let ids = numbers.collect::<Result<Vec<_>, _>>()?;
        if ids.len() != keys.len() {
            return Err(reply::unexpected(operation, format!("{} IDs for {} keys", ids.len(), keys.len())));
        }
        Ok(Assigned { ids, counter: CounterMove { before: before?, after: after? } })
    }

    async fn find_ids(&self, class: &IdClass, keys: &[IdKey]) -> Result<Vec<Option<u64>>, BackendError> {
        let operation = Operation::FindIds;
        let places = IdKeys::of(class);
        let mappings = keys.iter().map(|key| places.mapping(key)).collect();
        let found = self.each(operation, "GET", mappings).await?;
        found.into_iter().map(|text| id_in(operation, text)).collect()
    }

    async fn forget_ids(&self, class: &IdClass, keys: &[IdKey], rules: IdRules) -> Result<usize, BackendError> {
        let operation = Operation::ForgetIds;
        check_id_batch(operation, keys.len())?;
        if keys.is_empty() {
            return Ok(0);
        }
        let places = IdKeys::of(class);
        let mappings: Vec<_> = keys.iter().map(|key| places.mapping(key)).collect();
        if !rules.reverse {
            let forgotten = self.each(operation, "GETDEL", mappings).await;
            // The keys before the one that was refused are forgotten.
            let forgotten = forgotten.map_err(|error| if keys.len() > 1 { error.maybe_applied() } else { error })?;
            return Ok(forgotten.iter().flatten().count());
        }
        let all: Vec<_> = [places.keys(), places.expiries()].into_iter().chain(mappings).collect();
        let mut request = Request::script(&FORGET_IDS, &all);
        add_texts(&mut request, keys);
        reply::read(operation, self.link().send(operation, &request).await?)
    }

    async fn find_keys(&self, class: &IdClass, ids: &[u64]) -> Result<Vec<Option<IdKey>>, BackendError> {
        let operation = Operation::FindKeys;
        check_id_batch(operation, ids.len())?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places = IdKeys::of(class);
        let mut request = Request::command("HMGET");
        request.arg(places.keys()).arg(ids);
        let noted: Vec<Option<Vec<u8>>> = reply::read(operation, self.link().send(operation, &request).await?)?;
        let key_of = |text: Option<Vec<u8>>| IdKey::new(&String::from_utf8(text?).ok()?).ok();
        let noted: Vec<Option<IdKey>> = noted.into_iter().map(key_of).collect();
        let mappings = noted.iter().flatten().map(|key| places.mapping(key)).collect();
        let mut true_ids = self.each(operation, "GET", mappings).await?.into_iter();
        let mut is_true = |id: u64| true_ids.next().flatten().is_some_and(|text| text == id.to_string().as_bytes());
        Ok(ids.iter().zip(noted).map(|(id, key)| key.filter(|_| is_true(*id))).collect())
    }

    async fn reserve_ids(&self, class: &IdClass, count: NonZeroU64, floor: u64) -> Result<Reserved, BackendError> {
        let operation = Operation::ReserveIds;
        check_reservation(count)?;
        let mut request = Request::script(&RESERVE_IDS, &[IdKeys::of(class).counter()]);
        request.arg(floor).arg(count.get());
        let (before, last): (String, String) = reply::read(operation, self.link().send(operation, &request).await?)?;
        let (before, after) = (number(operation, &before)?, number(operation, &last)?);
        let ids = after.saturating_sub(count.get() - 1)..=after;
        Ok(Reserved { ids, counter: CounterMove { before, after } })
    }

    async fn offer_ids(&self, class: &IdClass, offers: &[IdOffer], ttl: IdTtl) -> Result<Vec<u64>, BackendError> {
        let operation = Operation::OfferIds;
        check_id_batch(operation, offers.len())?;
        if offers.is_empty() {
            return Ok(Vec::new());
        }
        let mut request = Request::new();
        for IdOffer { key, id } in offers {
            request.add_script(&OFFER_ID, &[IdKeys::of(class).mapping(key)]).arg(*id);
            add_life(&mut request, ttl);
        }
        let replies = self.link().send_all(operation, &request).await?;
        let id = |reply: Value| number(operation, &reply::read::<String>(operation, reply)?);
        replies.into_iter().map(id).collect()
    }

    fn counter_floor(&self, class: &IdClass) -> Arc<CounterFloor> {
        self.counter_floors().of(class)
    }
}

impl RedisBackend {
    /// Sends a command of one key for each of these keys.
    async fn each(
        &self,
        operation: Operation,
        command: &str,
        keys: Vec<String>,
    ) -> Result<Vec<Option<Vec<u8>>>, BackendError> {
        check_id_batch(operation, keys.len())?;
        let mut request = Request::new();
        for key in keys {
            request.add_command(command).arg(key);
        }
        if request.is_empty() {
            return Ok(Vec::new());
        }
        let replies = self.link().send_all(operation, &request).await?;
        replies.into_iter().map(|reply| reply::read(operation, reply)).collect()
    }
}

fn add_life(request: &mut Request, ttl: IdTtl) {
    request.arg(ttl.seconds().map_or(0, NonZeroU64::get)).arg(u8::from(ttl.is_sliding()));
}

fn add_texts(request: &mut Request, keys: &[IdKey]) {
    for key in keys {
        request.arg(key.as_str());
    }
}

/// A number in a script's reply.
fn number(operation: Operation, text: &str) -> Result<u64, BackendError> {
    text.parse().map_err(|error| reply::unexpected(operation, error))
}

/// The ID in a mapping that anyone may have written: digits alone, as the scripts take it.
fn id_in(operation: Operation, text: Option<Vec<u8>>) -> Result<Option<u64>, BackendError> {
    let Some(text) = text else { return Ok(None) };
    let id = str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
    match id.filter(|id: &u64| *id <= LARGEST_ID && id.to_string().as_bytes() == text) {
        Some(id) => Ok(Some(id)),
        None => {
            let text = String::from_utf8_lossy(&text[..text.len().min(64)]);
            Err(reply::corrupt(operation, format!("the mapping of a key holds {text:?}, which is no ID")))
        }
    }
}
