//! The `config` of an entry: its directives, which override all headers.

use super::error::{Member, Wrong};
use crate::directives::locks::Locks;
use crate::directives::{Directive, Directives, Fault, RawValue, Warning};
use crate::json::{cursor, string};

/// Reads a value that a cursor has validated. Unknown keys and keys with the value `null` are
/// ignored. A locked key is treated like its header.
pub(super) fn read(json: &[u8], locks: &Locks) -> Result<Directives, Wrong> {
    let members = cursor::members(json).ok_or((Member::Config, "an object"))?;
    let mut config = Directives::default();
    // One bit per row of the table.
    let mut seen = 0_u32;
    for (key, value) in members {
        let found = Directive::of_entry(|name| string::reads(key, name));
        let Some((at, row, key)) = found.filter(|_| value != b"null") else { continue };
        let wrong = |fault| Wrong::from((Member::Setting(key.camel), fault));
        if row.locked(locks).is_some() {
            if locks.refuse() {
                return Err(wrong(Fault::Locked));
            }
            Warning::ignored(&mut config.warning, key.member);
            continue;
        }
        (row.set)(&mut config, RawValue::Json(value), locks)
            .map_err(|must_be| wrong(Fault::MustBe(must_be)))?;
        // If a value is given twice, in any spelling, neither is right.
        if seen & 1 << at != 0 {
            return Err(wrong(Fault::MustBe(super::GIVEN_ONCE.into())));
        }
        seen |= 1 << at;
    }
    Ok(config)
}
