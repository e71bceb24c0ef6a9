//! The stand-in's answers: the same to the same message, word by word in a stream.

/// The maximum length of the echo of a message.
const ECHO_LIMIT: usize = 60;

pub(super) struct Answer {
    pub(super) reasoning: String,
    pub(super) content: String,
}

impl Answer {
    pub(super) fn to(message: &str) -> Self {
        let echo = echo(message);
        Self {
            reasoning: format!("The user says “{echo}”. A friendly word back will do."),
            content: format!(
                "I heard you: “{echo}”. I am only a stand-in for Grok, at home inside your gateway, \
                 but every byte between us took the real road."
            ),
        }
    }
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

fn echo(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(ECHO_LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "…".to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_one_short_line() {
        assert_eq!(echo(" hello\n  you "), "hello you");
        assert_eq!(echo(""), "…");
        assert_eq!(echo(&"é".repeat(61)), format!("{}…", "é".repeat(ECHO_LIMIT)));
    }
}
