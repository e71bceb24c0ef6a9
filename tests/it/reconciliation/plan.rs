//! The course of each exchange, determined by its number.

use super::Sum;

/// The course of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    Json,
    Stream,
    /// The provider's status is an error.
    ProviderError,
    /// Its status is 200, and its body is an error.
    HiddenError,
    /// The connection breaks off in the middle of a stream.
    Broken,
    /// The stream ends without its terminal marker.
    Unfinished,
    /// The client leaves in the middle of a stream.
    Cancelled,
    /// The client leaves before there is a response.
    GivenUp,
    /// The gateway refuses the request.
    Rejected,
    /// The provider is unreachable.
    Failed,
}

impl Course {
    /// The outcome as the gateway names it.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Json | Self::Stream | Self::ProviderError | Self::HiddenError => "complete",
            Self::Broken | Self::Unfinished => "broken",
            Self::Cancelled | Self::GivenUp => "cancelled",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Chat,
    Responses,
    Messages,
}

#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    pub course: Course,
    pub api: Api,
    /// Fresh and cached tokens in, visible and reasoning tokens out.
    pub fresh: u64,
    pub cached: u64,
    pub visible: u64,
    pub reasoning: u64,
}

/// The courses of twenty exchanges.
const COURSES: [Course; 20] = {
    use Course::{
        Broken, Cancelled, Failed, GivenUp, HiddenError, Json, ProviderError, Rejected, Stream,
        Unfinished,
    };
    [
        Json,
        Stream,
        Cancelled,
        Json,
        Stream,
        Broken,
        Rejected,
        Stream,
        ProviderError,
        Json,
        Unfinished,
        Stream,
        GivenUp,
        Stream,
        Json,
        HiddenError,
        Stream,
        Failed,
        Cancelled,
        Stream,
    ]
};

impl Exchange {
    pub fn number(n: u64) -> Self {
        let course = COURSES[(n % 20) as usize];
        // Messages report usage at the start, so this is the only API with partial usage.
        let api = match (course, n / 20 % 3) {
            (Course::Broken | Course::Unfinished | Course::Cancelled, _) | (_, 2) => Api::Messages,
            (_, 1) => Api::Responses,
            _ => Api::Chat,
        };
        Self {
            course,
            api,
            fresh: 1 + n * 7919 % 5003,
            cached: n * 31 % 257,
            visible: 1 + n * 17 % 401,
            reasoning: if api == Api::Messages { 0 } else { n % 97 },
        }
    }

    pub fn path(&self) -> &'static str {
        match self.api {
            _ if self.course == Course::Failed => "/v1/acct/gw/dead/chat/completions",
            _ if self.course == Course::Rejected => "/v1/acct/gw/nobody/chat/completions",
            Api::Chat => "/v1/acct/gw/grok/v1/chat/completions",
            Api::Responses => "/v1/acct/gw/grok/v1/responses",
            Api::Messages => "/v1/acct/gw/grok/v1/messages",
        }
    }

    /// The provider's charge: reported, or from its list prices.
    pub fn ticks(&self, output: u64) -> u64 {
        self.fresh * 12_500 + self.cached * 2_000 + output * 25_000
    }

    /// The usage that the client of this exchange receives, complete or partial.
    pub fn billed(&self) -> Sum {
        match self.course {
            Course::Json | Course::Stream => self.reported(self.visible + self.reasoning),
            Course::Broken | Course::Unfinished | Course::Cancelled => self.reported(1),
            _ => Sum::default(),
        }
    }

    /// The usage that the provider has sent when it has written `output` tokens.
    pub fn reported(&self, output: u64) -> Sum {
        let input = self.fresh + self.cached;
        Sum { exchanges: 1, input, output, ticks: self.ticks(output) }
    }
}
