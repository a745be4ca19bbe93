//! Exhaustive checks of small models (`protocols.md` §8, "Model-checking targets").
//!
//! Random campaigns meet the cases that are likely; a proof on paper may use a rule that the code
//! does not have. Between the two stand instances so small that *all* their states can be visited:
//! - `tests/it/amnesia.rs`: a site that has lost its log never signs a second block for a round
//!   (§2.11 with corrections 10 and 11). The thresholds are those of
//!   [`Resilience`](maftia_types::Resilience); the network, the intruder and who loses what when are
//!   choices of the checker.
//! - `tests/it/modes.rs`: any two sites know the same modes and decide slots alike (§2.7 with
//!   corrections 3 and 4), by the production `Control` and `Committer` on every view of every DAG
//!   that a menu of attacks can build.
//!
//! Each has negative controls: a weaker threshold or a planted mistake, for which the checker must
//! find a counterexample. The checker is `stateright`, used for safety only.
