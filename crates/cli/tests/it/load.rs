//! Writers that note what was acknowledged to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::harness::Group;

/// What a key holds if it is there.
pub(crate) fn value_of(key: &str) -> Vec<u8> {
    format!("value of {key} ")
        .repeat(1 + key.len() % 7)
        .into_bytes()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(30)));
    config.build().new_agent()
}

/// Puts keys of its own until it is told to stop or the agent is gone.
#[derive(Debug)]
pub(crate) struct Load {
    acknowledged: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Load {
    pub(crate) fn start(group: &Group, writers: usize) -> Self {
        let acknowledged = Arc::<Mutex<Vec<String>>>::default();
        let stop = Arc::<AtomicBool>::default();
        let start = |_| {
            let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
            let http = group.http.clone();
            std::thread::spawn(move || {
                let agent = agent();
                while !stop.load(Ordering::Relaxed) {
                    let key = format!("k/{:06}", NEXT.fetch_add(1, Ordering::Relaxed));
                    let sent = agent
                        .put(format!("{http}/v1/kv/{key}"))
                        .send(value_of(&key).as_slice());
                    match sent {
                        Ok(answer) if answer.status() == 200 => {
                            acknowledged.lock().unwrap().push(key);
                        }
                        // Rejected or unknown: nothing was promised.
                        Ok(answer) => assert!(answer.status().as_u16() > 428, "{answer:?}"),
                        Err(_) => {}
                    }
                }
            })
        };
        let writers = (0..writers).map(start).collect();
        Self {
            acknowledged,
            stop,
            writers,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Ends the writers; returns the keys whose writes were acknowledged.
    pub(crate) fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.join().unwrap();
        }
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

/// Everything in the store.
pub(crate) fn read_all(group: &Group) -> BTreeMap<String, Vec<u8>> {
    let agent = agent();
    let mut found = BTreeMap::new();
    let mut after = String::new();
    loop {
        let url = format!("{}/v1/kv?limit=1000{after}", group.http);
        let mut answer = agent.get(&url).call().unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let page: Value =
            serde_json::from_slice(&answer.body_mut().read_to_vec().unwrap()).unwrap();
        let entries = page["entries"]
            .as_array()
            .unwrap_or_else(|| panic!("{page:#}"));
        let decode = |it: &Value| BASE64_STANDARD.decode(it.as_str().unwrap()).unwrap();
        let Some(last) = entries.last() else {
            return found;
        };
        let last = String::from_utf8(decode(&last["key"])).unwrap();
        assert!(!found.contains_key(&last), "a page is given twice: {last}");
        after = format!("&after={}", last.replace('/', "%2F"));
        for entry in entries {
            let key = String::from_utf8(decode(&entry["key"])).unwrap();
            found.insert(key, decode(&entry["value"]));
        }
    }
}

/// Every acknowledged key is there with its value, and no key has another value than was sent.
pub(crate) fn assert_kept(group: &Group, acknowledged: &[String]) {
    let found = read_all(group);
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|key| !found.contains_key(*key))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {}: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    for (key, value) in &found {
        assert_eq!(*value, value_of(key), "{key}");
    }
}
