use super::super::api::{Action, Base64, Entry, Listing, Outcome, PAGE_ENTRIES_MAX};
use super::{Kv, Listed, Part};
use crate::http::{Client, Effect, Problem};

/// The store behind the agent. An import puts the same bytes under the same keys however often a
/// request is sent, so it may be sent again without an id.
impl Kv for Client {
    fn put_many(&self, puts: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Problem> {
        if let [(key, value)] = &puts[..] {
            self.put(key, value, Effect::WritesAlike, None)?;
            return Ok(());
        }
        let action = |(key, value)| Action::Put {
            key: Base64(key),
            value: Base64(value),
        };
        let actions: Vec<Action> = puts.into_iter().map(action).collect();
        self.together(&actions, Effect::WritesAlike)?;
        Ok(())
    }

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Problem> {
        if let [key] = keys {
            return match self.get(key) {
                Ok(answer) => Ok(vec![Some(answer.body)]),
                Err(problem) if problem.status == Some(404) => Ok(vec![None]),
                Err(problem) => Err(problem),
            };
        }
        let action = |key: &Vec<u8>| Action::Get {
            key: Base64(key.clone()),
        };
        let actions: Vec<Action> = keys.iter().map(action).collect();
        let value = |outcome| match outcome {
            Outcome::Get(entry) => entry.map(|entry| entry.value.0),
            // Each outcome is of the kind of its action.
            Outcome::Put(_) | Outcome::Delete(_) | Outcome::Range { .. } => None,
        };
        let outcomes = self.together(&actions, Effect::Reads)?;
        Ok(outcomes.into_iter().map(value).collect())
    }

    fn delete_many(&self, keys: &[Vec<u8>]) -> Result<(), Problem> {
        let action = |key: &Vec<u8>| Action::Delete {
            key: Base64(key.clone()),
        };
        let actions: Vec<Action> = keys.iter().map(action).collect();
        self.together(&actions, Effect::WritesAlike)?;
        Ok(())
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, part: Part) -> Result<Listed, Problem> {
        let page = Client::list(
            self,
            &Listing {
                prefix,
                after,
                limit: PAGE_ENTRIES_MAX,
                keys_only: part == Part::Keys,
            },
        )?;
        let pair = |entry: Entry| (entry.key.0, entry.value.0);
        Ok(Listed {
            entries: page.entries.into_iter().map(pair).collect(),
            more: page.more,
        })
    }
}
