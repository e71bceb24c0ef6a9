//! Whether a response was right.

use super::exchange::{End, Exchange, Got};
use super::journal::{Begun, Call, Entries};
use super::question::Part;
use super::script::Deed;
use super::{TIMED_OUT, WAITED};

/// The kind of the response, or what is wrong with it.
pub type Verdict = Result<&'static str, &'static str>;

fn ensure(holds: bool, or: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(or) }
}

impl Entries {
    pub fn verdict(&self, exchange: usize, got: Option<&Got>, now: u64) -> Verdict {
        let begun = &self.exchanges[exchange];
        let own = self.calls.iter().find(|call| call.exchange == exchange);
        let Some(got) = got else { return Ok("left before the head") };
        let Some(call) = got.call else { return self.of_gateway(begun, got, own, now) };
        let call = self.calls.get(call).ok_or("a call that never was")?;
        let Call { script, .. } = call;
        ensure(got.status == script.status(), "another status than was written")?;
        ensure(script.body.starts_with(&got.body), "other bytes than were written")?;
        match got.end {
            End::Whole => {
                ensure(script.deed != Deed::Broken, "what has broken off ends well")?;
                ensure(got.body.len() == script.body.len(), "a part ends well")?;
            }
            End::Broken => ensure(script.deed == Deed::Broken, "what was whole breaks off")?,
            End::Left => {}
        }
        let part = begun.exchange.part;
        match got.cache {
            "HIT" | "STALE" => {
                ensure(part == Part::All, "an answer from a cache that nobody wants")?;
                self.of_cache(begun, got, call, own, now)
            }
            "MISS" | "BYPASS" | "none" => {
                let said = match part {
                    Part::None => "none",
                    Part::Bypass => "BYPASS",
                    Part::All => "MISS",
                };
                ensure(got.cache == said, "another status of the cache than is due")?;
                ensure(call.exchange == exchange, "an answer that another one has asked for")?;
                self.is_needed(begun, script.is_failure(), now)?;
                Ok(if part == Part::All { kind(got, script.deed) } else { said })
            }
            _ => Err("an unknown status of the cache"),
        }
    }

    /// The gateway says that there is no response.
    fn of_gateway(&self, begun: &Begun, got: &Got, own: Option<&Call>, now: u64) -> Verdict {
        let Some(Call { script, .. }) = own else { return self.of_waiting(begun, got) };
        match got.status {
            502 => ensure(script.deed == Deed::Reset, "a failure that was none")?,
            504 => ensure(script.is_slow && begun.exchange.hurries, "a timeout that was none")?,
            _ => return Err("an answer of the gateway's own"),
        }
        self.is_needed(begun, got.status == 502, now)?;
        Ok(match begun.exchange.part {
            Part::All if got.status == 502 => "failed",
            Part::All => TIMED_OUT,
            Part::Bypass => "BYPASS",
            Part::None => "none",
        })
    }

    /// The request made no call: it waited for another's until its own timeout.
    fn of_waiting(&self, begun: &Begun, got: &Got) -> Verdict {
        let Exchange { batch, question, part, hurries, .. } = &begun.exchange;
        let is_late = got.status == 504 && *hurries && *part == Part::All;
        ensure(is_late, "an error of nobody's call")?;
        let mut slow = self.calls.iter().filter(|call| call.script.is_slow);
        let has_waited = slow.any(|call| {
            let asker = &self.exchanges[call.exchange].exchange;
            asker.batch == *batch && asker.part == Part::All && asker.question.shares_with(question)
        });
        ensure(has_waited, "a wait for nobody")?;
        Ok(WAITED)
    }

    fn of_cache(
        &self,
        begun: &Begun,
        got: &Got,
        call: &Call,
        own: Option<&Call>,
        now: u64,
    ) -> Verdict {
        let Exchange { question, .. } = &begun.exchange;
        let asker = &self.exchanges[call.exchange].exchange;
        ensure(asker.question.shares_with(question), "the answer to another question")?;
        ensure(asker.part == Part::All, "an answer that was not to be kept")?;
        ensure(got.status == 200, "an error from the cache")?;
        let is_forgotten = self.purges.iter().any(|purge| {
            purge.what.covers(question)
                && purge.ended.is_some_and(|ended| ended < begun.began)
                && call.began < purge.began
        });
        ensure(!is_forgotten, "an answer that was purged")?;
        let is_kept = call.read.is_some_and(|read| read < begun.began);
        ensure(!is_kept || call.script.is_good(), "what was not good was kept")?;
        let age = now - call.at;
        let said = got.age.ok_or("no age")?;
        ensure(said.abs_diff(age) < 30, "another age")?;
        if got.cache == "HIT" {
            ensure(own.is_none(), "a hit that has made a call")?;
            ensure(age < begun.exchange.fresh_with(asker), "an answer behind its time")?;
            return Ok(if is_kept { "hit" } else { "shared" });
        }
        ensure(age >= begun.exchange.fresh_with(asker), "it is not old")?;
        ensure(age < begun.exchange.spare_with(asker), "an answer that is too old for anything")?;
        let mut failures = self.calls.iter().filter(|call| call.script.is_failure());
        let has_failed = failures.any(|call| {
            let asker = &self.exchanges[call.exchange].exchange;
            asker.batch == begun.exchange.batch && asker.question.shares_with(question)
        });
        ensure(has_failed, "an old answer though the provider is well")?;
        Ok("stale")
    }

    /// Whether the provider had to be called; `has_failed`: and its failure had to be passed on.
    fn is_needed(&self, begun: &Begun, has_failed: bool, now: u64) -> Result<(), &'static str> {
        let Exchange { question, part, .. } = &begun.exchange;
        if *part != Part::All || self.is_shaky {
            return Ok(());
        }
        let asker = |call: &Call| &self.exchanges[call.exchange];
        let answers = self.calls.iter().filter(|call| {
            let asker = &asker(call).exchange;
            let is_kept = call.script.is_good() && asker.part == Part::All;
            is_kept && asker.question.shares_with(question)
        });
        // The batch in which one was last stored.
        let Some(last) = answers.clone().map(|call| asker(call).exchange.batch).max() else {
            return Ok(());
        };
        let mut last = answers.filter(|call| asker(call).exchange.batch == last);
        let is_there = last.clone().any(|call| call.read.is_some_and(|read| read < begun.began));
        let is_good = last.all(|call| {
            let (age, asker) = (now - call.at, asker(call));
            let is_purged = self.purges.iter().any(|purge| {
                purge.what.covers(question) && purge.ended.is_none_or(|ended| ended > asker.began)
            });
            let may_be = match has_failed {
                true => begun.exchange.spare_with(&asker.exchange),
                false => begun.exchange.fresh_with(&asker.exchange),
            };
            age < may_be && !is_purged
        });
        ensure(!(is_there && is_good), "the cache had an answer")
    }
}

fn kind(got: &Got, deed: Deed) -> &'static str {
    match (got.end, deed) {
        (End::Left, _) => "left",
        (_, Deed::Whole) => "miss",
        (_, Deed::Broken) => "broken",
        (_, Deed::Cut) => "cut",
        (_, Deed::Error) => "error",
        (_, Deed::Refused(_)) => "refused",
        (_, Deed::Reset) => "failed",
    }
}
