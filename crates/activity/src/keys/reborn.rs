//! What the keyed services of a restored group begin with.

use super::ceremony::Origin;
use super::{GENESIS_KEYS, KeyRecord, Ordered, Setup, State};

impl Ordered {
    /// The state with which a group begins that was restored from the state of a former one. For
    /// every key that was not retired it makes a new one of the same name, scheme and policy; the
    /// shares of the former ones are with the former sites, and so are the keys. What a former key
    /// has signed for a slot the new one does not contradict, as far as the state knows. The audit
    /// list goes on. Proposals, sessions, beacons and certificates were the former group's.
    ///
    /// # Panics
    /// If the setup has not one key for each site.
    #[must_use]
    pub fn reborn(setup: Setup, former: &Self) -> Self {
        let mut born = Self::new(setup, &[]);
        // Never reused: who wrote a number down shall not find another key under it.
        born.next_key = former.next_key;
        born.next_ceremony = former.next_ceremony;
        born.sessions.succeed(&former.sessions);
        for (name, scheme) in GENESIS_KEYS {
            if former.key_named(name).is_none() {
                let _unshareable = born.create(Origin::Genesis, (*name).to_owned(), *scheme);
            }
        }
        let in_use = former
            .keys()
            .filter(|record| record.state != State::Retired);
        // Of two of one name, of which one was to replace the other, there is one.
        let named = in_use.filter(|record| record.replaces.is_none() || !has_twin(former, record));
        for record in named {
            let made = born.create(Origin::Genesis, record.name.clone(), record.scheme);
            // Too few sites for shared keys have none; there are no more keys than there were.
            let Ok((key, _)) = made else { continue };
            let policy = former.sessions.policy(record);
            born.sessions.set_policy(key, policy);
            born.sessions.hand_over(record.id, key);
        }
        let keys = &born.keys;
        born.sessions
            .registers
            .retain(|key| keys.contains_key(&key));
        born
    }
}

/// Whether the key that this one replaces is in use still.
fn has_twin(former: &Ordered, record: &KeyRecord) -> bool {
    let replaced = record.replaces.and_then(|key| former.key(key));
    replaced.is_some_and(|own| own.state != State::Retired)
}

#[cfg(test)]
mod tests {
    use maftia_codec::Wire as _;
    use maftia_crypto::SigningKey;
    use maftia_types::{ClientId, CoinUse, Digest, Epoch, FaultModel, Powers, Resilience};

    use super::*;
    use crate::keys::coin::genesis_keys;
    use crate::keys::{Act, Operation, Scheme};
    use crate::replication::Context;

    fn setup(group: u8) -> Setup {
        Setup {
            group: Digest([group; 32]),
            epoch: Epoch(0),
            resilience: Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap(),
            sites: (0..4)
                .map(|seed| SigningKey::from_seed([group + seed; 32]).public())
                .collect(),
            clients: vec![Powers::ALL],
            approvals: 1,
        }
    }

    fn create(keys: &mut Ordered, name: &str, scheme: Scheme) {
        let context = Context {
            position: 1,
            commit_time_ms: 5,
            client: ClientId { key: 0, session: 0 },
        };
        let act = Act::Create {
            name: name.to_owned(),
            scheme,
            policy: None,
        };
        let operation = Operation::Change(act).to_bytes();
        keys.apply(&context, &operation, &mut Vec::new());
    }

    #[test]
    fn every_key_in_use_is_made_anew_under_a_number_that_never_was() {
        let mut former = Ordered::new(setup(1), &genesis_keys(CoinUse::Auto));
        create(&mut former, "vault", Scheme::Seal);
        let born = Ordered::reborn(setup(9), &former);
        let names: Vec<&str> = born.keys().map(|own| own.name.as_str()).collect();
        assert_eq!(names, ["group", "beacon", "signing", "coin", "vault"]);
        let last = former.keys().last().unwrap().id;
        assert!(
            born.keys()
                .all(|own| own.id > last && own.current.is_none())
        );
        assert_eq!(born.setup().group, Digest([9; 32]));
        assert_eq!(born.ceremonies().count(), 5);
        let again = Ordered::from_bytes(born.to_bytes()).unwrap();
        assert_eq!(again, born, "it has one form");
    }
}
