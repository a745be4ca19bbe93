use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Client};
use crate::failure::{Exit, Failure};
use crate::output;

/// The agent's word that the store is full.
const NO_SPACE: &str = "no-space";
/// The agent's word that it has forgotten, or never knew, the id of a request.
const ID_UNKNOWN: &str = "id-unknown";

/// Why a request did not succeed, as the agent says it or as we know it.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    /// The agent's status, if it answered.
    pub(crate) status: Option<u16>,
    id: String,
    message: String,
    next: Option<String>,
    /// Under this id the same request may be sent again and happens at most once.
    pub(crate) request_id: Option<String>,
    /// The command's JSON object is printed already and says it.
    told: bool,
    /// What a transaction did whose comparison failed.
    outcomes: Option<Value>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorText,
}

#[derive(Deserialize)]
struct ErrorText {
    #[serde(default)]
    id: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    next: Option<String>,
}

impl Problem {
    pub(crate) fn failed(id: &str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            status: None,
            id: id.into(),
            message: message.into(),
            next: None,
            request_id: None,
            told: false,
            outcomes: None,
        }
    }

    /// Typed wrongly.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::failed("usage", message)
        }
    }

    /// No agent could be reached.
    pub(super) fn no_agent(why: &str) -> Self {
        Self::failed("no-agent", why)
    }

    /// It may or may not have happened.
    pub(super) fn unknown(why: &str, request_id: Option<String>) -> Self {
        let message = format!("it is not known whether this happened: {why}");
        let next = match &request_id {
            Some(id) => format!("type the same again with --request-id {id}: it happens once"),
            None => "read what is there (`maftia kv get`) before you try again".into(),
        };
        Self {
            exit: Exit::Unknown,
            request_id,
            ..Self::failed("unknown-outcome", message).next(next)
        }
    }

    pub(super) fn answered(answer: &Answer) -> Self {
        let status = Some(answer.status);
        let parsed: Result<ErrorBody, _> = serde_json::from_slice(&answer.body);
        let fallback = match answer.status {
            401 | 403 => Some("name the agent's token with --token-file".to_owned()),
            _ => None,
        };
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let outcomes = body.filter(|body| body.get("outcomes").is_some());
        match parsed {
            Ok(ErrorBody { error }) if !error.message.is_empty() => Self {
                status,
                next: error.next.filter(|next| !next.is_empty()).or(fallback),
                outcomes,
                ..Self::failed(&error.id, error.message)
            },
            _ => Self {
                status,
                next: fallback,
                ..Self::failed("http", format!("HTTP status {}", answer.status))
            },
        }
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Names the agent where the text speaks of its absence.
    pub(super) fn at(mut self, client: &Client) -> Self {
        if self.id == "no-agent" {
            self.message = format!("no agent answers at {}: {}", client.endpoint, self.message);
            self.next = Some("maftia demo, or maftia agent run".into());
        }
        self
    }

    /// For programs.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether sending the same again soon can help.
    pub(super) fn is_transient(&self) -> bool {
        self.id != NO_SPACE
    }

    /// Whether the agent knows nothing of the id under which a request was repeated.
    pub(super) fn is_id_unknown(&self) -> bool {
        self.id == ID_UNKNOWN
    }

    /// What a transaction did whose comparison failed.
    pub(crate) fn outcomes(&self) -> Option<Value> {
        self.outcomes.clone()
    }

    /// Says that the output tells of it already.
    pub(crate) fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// Ends a command: with `json`, its one object is the error.
    ///
    /// # Errors
    /// The same, for the one place that prints errors.
    pub(crate) fn end(self, json: bool) -> Result<(), Failure> {
        if json && !self.told {
            output::json(&self.to_json())?;
        }
        Err(self.into())
    }

    /// As the agent writes errors, with the id for another attempt.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({ "id": self.id, "message": self.message, "next": self.next });
        if let (Some(id), Some(fields)) = (&self.request_id, error.as_object_mut()) {
            fields.insert("request_id".into(), id.clone().into());
        }
        json!({ "error": error })
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let text = if problem.id.is_empty() {
            problem.message
        } else {
            format!("{} [{}]", problem.message, problem.id)
        };
        let failure = Self::new(problem.exit, text);
        match problem.next {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}
