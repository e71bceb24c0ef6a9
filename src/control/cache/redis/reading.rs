//! Reads entries.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use redis::Value;

use super::both::both;
use super::chunks::{CHUNK, Chunks};
use super::deadline::Deadline;
use super::generations;
use super::names::Name;
use super::room::Room;
use super::shared::{LONG, Shared, end_of};
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::key::CachePlace;
use crate::control::cache::store::{Found, Generation};
use crate::control::redis::{Failure, LinkError};
use crate::util::budget::FRAME_OVERHEAD;

/// How many chunks are read at once. Redis does nothing else meanwhile.
const CHUNKS_AT_ONCE: usize = 4;
/// How much longer a lookup may take for each chunk. A link of 1 Gbit/s takes 4.2 ms.
const PER_CHUNK: Duration = Duration::from_millis(5);

impl Shared {
    /// An entry for which there is no room counts as missing.
    pub(super) async fn get(&self, place: &CachePlace, mut room: Room) -> Result<Found, Failure> {
        let entry = self.names.entry(place.gateway, place.key);
        let deadline = Deadline::within(self.timeout);
        let (generations, value) = self.look(place, Some(&entry), deadline).await?;
        let seal = Some(generations::seal(&generations.everything));
        let mut found = Found { entry: None, generation: generations.of_flight(), seal };
        let Some(value) = value else { return Ok(found) };
        let chunks = Chunks::parse(&value);
        if !room.has(chunks.as_ref().map_or(value.len(), |chunks| chunks.bytes)) {
            return Ok(found);
        }
        let blob = match chunks {
            Some(chunks) => {
                // A client that has a part of the response is better served late than cut off.
                let deadline = room.is_spare().then_some(deadline);
                self.chunks(&entry, &chunks, deadline).await?
            }
            None => Some(Bytes::from(value)),
        };
        let Some(blob) = blob else { return Ok(found) };
        let now = SystemTime::now();
        let entry = decode(blob, *place, generations.of_entry())
            .await
            .filter(|entry| end_of(entry).is_none_or(|end| now < end))
            .filter(|entry| room.has(entry.parts().frames.len() * FRAME_OVERHEAD));
        found.entry = entry.map(|entry| entry.counted(room.held()));
        Ok(found)
    }

    /// The generation of a place, without its entry.
    pub(super) async fn generation(&self, place: &CachePlace) -> Result<Generation, Failure> {
        let (generations, _) = self.look(place, None, Deadline::within(self.timeout)).await?;
        Ok(generations.of_flight())
    }

    /// The length of the stored entry in bytes; `None` if there is none.
    pub(super) async fn weight(&self, place: &CachePlace) -> Result<Option<usize>, Failure> {
        let name = self.names.entry(place.gateway, place.key);
        let (mut begin, mut length) = (redis::cmd("GETRANGE"), redis::cmd("STRLEN"));
        begin.arg(&name).arg(0).arg(127);
        length.arg(&name);
        let question = async {
            let link = &self.client.link;
            let (begin, length) = both(link.send(&begin), link.send(&length)).await;
            let Value::Int(length) = length? else { return Err(LinkError::malformed()) };
            Ok((generations::value(begin?)?, usize::try_from(length).unwrap_or(usize::MAX)))
        };
        let (begin, length) = self.client.ask(&mut false, question).await?;
        let chunks = begin.as_deref().and_then(Chunks::parse);
        Ok(chunks.map(|chunks| chunks.bytes).or_else(|| (length > 0).then_some(length)))
    }

    /// All chunks, or `None`. `deadline`: for all of them, extended for each chunk.
    async fn chunks(
        &self,
        entry: &Name,
        chunks: &Chunks,
        deadline: Option<Deadline>,
    ) -> Result<Option<Bytes>, Failure> {
        let names: Vec<_> = chunks.names(entry).collect();
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let deadline = deadline.map(|deadline| deadline.later(PER_CHUNK * count));
        let mut blob = Vec::with_capacity(chunks.bytes.min(CHUNK));
        for names in names.chunks(CHUNKS_AT_ONCE) {
            let mut command = redis::cmd("MGET");
            command.arg(names);
            let question =
                async { generations::values(self.client.link.send(&command).await?, names.len()) };
            let left = deadline.map_or(Duration::MAX, Deadline::left).min(self.timeout);
            for chunk in self.client.ask_within(left, &mut false, question).await? {
                let Some(chunk) = chunk else { return Ok(None) };
                blob.extend_from_slice(&chunk);
                if blob.len() > chunks.bytes {
                    return Ok(None);
                }
            }
        }
        Ok((blob.len() == chunks.bytes).then(|| blob.into()))
    }
}

async fn decode(blob: Bytes, place: CachePlace, generation: Generation) -> Option<CacheEntry> {
    let is_long = blob.len() > LONG;
    let decode = move || CacheEntry::from_bytes(&blob, &place, generation);
    match is_long {
        true => tokio::task::spawn_blocking(decode).await.ok().flatten(),
        false => decode(),
    }
}
