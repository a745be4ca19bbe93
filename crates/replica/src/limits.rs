use maftia_ordering::PAYLOAD_BYTES_MAX;

/// Bounds that are part of the replicated state machine: equal at all sites of an epoch, because
/// what they drop is dropped as a function of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// W_fifo: a request this far above the next expected number is dropped.
    pub window: u64,
    /// B_fifo: most bytes of requests of one client key that wait for a gap to close.
    pub hold_bytes: usize,
    /// V_ttl in commits: a vouch that has not become a request by then is dropped.
    pub vouch_commits: u64,
    /// Most open vouches for batches of one author for one client key.
    pub vouches_per_author: u32,
    /// Most bytes of bodies that one author gave for one client key and that wait for vouches; a
    /// body beyond it is dropped. Above what a correct author queues for a key at once, and no key
    /// can use up another's.
    pub body_bytes_per_author: usize,
    /// How many client keys the group has; requests in the name of others are ignored.
    pub client_keys: u32,
    /// Most sessions of one client key; the one idle longest makes room.
    pub sessions_per_key: usize,
    /// A session that executed nothing for this long, in commit time, expires.
    pub session_ms: u64,
    /// Most replies kept per session for clients that ask again.
    pub replies: usize,
    /// Most bytes of replies kept per client key, all but longer results: what one process of a
    /// client can have under way stays, with twice the window of each of sixteen sessions.
    pub reply_bytes: usize,
    /// Most bytes of results longer than [`RESULT_INLINE_BYTES_MAX`] kept per client key. Counted
    /// apart, so that a client that reads much does not forget what became of its writes.
    pub result_bytes: usize,
}

impl Limits {
    /// Most bytes of requests, replies and results in the ordered state for one client key.
    pub const fn bytes_per_key(&self) -> usize {
        self.hold_bytes + self.reply_bytes + self.result_bytes
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: 1024,
            hold_bytes: 4 * 1024 * 1024,
            vouch_commits: 4096,
            vouches_per_author: 16 * 1024,
            body_bytes_per_author: 4 * 1024 * 1024,
            client_keys: u32::MAX,
            sessions_per_key: 256,
            session_ms: 3_600_000,
            replies: 1024,
            reply_bytes: 8 * 1024 * 1024,
            result_bytes: 4 * 1024 * 1024,
        }
    }
}

/// The longest request body: a transaction with a largest value and its keys fits, and a request
/// always fits into a block.
pub const REQUEST_BYTES_MAX: usize = 5 * 256 * 1024;
const _: () = assert!(REQUEST_BYTES_MAX + 64 <= PAYLOAD_BYTES_MAX);

/// The longest contribution of a site to the keyed services: the largest group's dealing, with
/// acknowledgements, fits.
pub const CONTRIBUTION_BYTES_MAX: usize = 128 * 1024;

/// Contributions that may wait for room in own blocks. The site half asks again for what is lost.
pub(crate) const CONTRIBUTIONS_WAITING_MAX: usize = 256;

/// The longest message between the site halves of two sites.
pub const PAIR_BYTES_MAX: usize = 64 * 1024;

/// The longest result of a request.
pub const RESULT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Results up to this length are sent in full by every site; longer ones by one, as a digest by
/// the others.
pub const RESULT_INLINE_BYTES_MAX: usize = 256;

/// Most bytes one client key may have queued for this site's own blocks: one client cannot fill
/// the queue of all.
pub const QUEUED_BYTES_PER_KEY: usize = 3 * 1024 * 1024;
