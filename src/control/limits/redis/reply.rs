//! Reads the answers of the scripts.

use std::time::Duration;

use redis::Value;

use super::super::{Decision, Standing};
use crate::control::redis::LinkError;

/// The numbers in the answer for each claim.
const NUMBERS: usize = 5;

/// The decision about so many claims.
pub(super) fn decision(value: &Value, claims: usize) -> Result<Decision, LinkError> {
    let Value::Array(values) = value else {
        return Err(LinkError::malformed());
    };
    let (Some((head, rest)), true) =
        (values.split_first_chunk::<2>(), values.len() == 2 + NUMBERS * claims)
    else {
        return Err(LinkError::malformed());
    };
    let standings = rest.chunks_exact(NUMBERS).map(|numbers| {
        let [used, left, is_exceeded, resets, retry] = numbers else {
            return Err(LinkError::malformed());
        };
        Ok(Standing {
            used: number(used)?,
            remaining: number(left)?,
            is_exceeded: flag(is_exceeded)?,
            resets_after: Duration::from_millis(number(resets)?),
            retry_after: Duration::from_millis(number(retry)?),
        })
    });
    Ok(Decision {
        is_granted: flag(&head[0])?,
        at: number(&head[1])?,
        standings: standings.collect::<Result<_, _>>()?,
    })
}

/// The standing of a counter.
pub(super) fn standing(value: &Value) -> Result<Standing, LinkError> {
    let Value::Array(values) = value else {
        return Err(LinkError::malformed());
    };
    let [used, left, resets] = &values[..] else {
        return Err(LinkError::malformed());
    };
    Ok(Standing {
        used: number(used)?,
        remaining: number(left)?,
        resets_after: Duration::from_millis(number(resets)?),
        ..Standing::default()
    })
}

fn number(value: &Value) -> Result<u64, LinkError> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|_| LinkError::malformed()),
        _ => Err(LinkError::malformed()),
    }
}

fn flag(value: &Value) -> Result<bool, LinkError> {
    match value {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(LinkError::malformed()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            Just(Value::Okay),
            any::<i64>().prop_map(Value::Int),
            (0..3_i64).prop_map(Value::Int),
            any::<f64>().prop_map(Value::Double),
            any::<bool>().prop_map(Value::Boolean),
            any::<Vec<u8>>().prop_map(Value::BulkString),
            ".*".prop_map(Value::SimpleString),
        ];
        leaf.prop_recursive(2, 64, 20, |inner| {
            prop::collection::vec(inner, 0..20).prop_map(Value::Array)
        })
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_may_answer_panics(value in values(), claims in 0..4_usize) {
            if let Ok(decision) = decision(&value, claims) {
                prop_assert_eq!(decision.standings.len(), claims);
            }
            let _ = standing(&value);
        }

        #[test]
        fn one_number_of_another_type_makes_an_answer_malformed(at in 0..12_usize) {
            let mut values = vec![Value::Int(1); 12];
            prop_assert!(decision(&Value::Array(values.clone()), 2).is_ok());
            values[at] = Value::SimpleString("1".to_owned());
            prop_assert!(decision(&Value::Array(values.clone()), 2).is_err());
            values[at] = Value::Int(-1);
            prop_assert!(decision(&Value::Array(values.clone()), 2).is_err());
            values.truncate(at);
            prop_assert!(decision(&Value::Array(values), 2).is_err());
        }
    }
}
