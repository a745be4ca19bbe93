//! Binary agreement: all correct sites decide the same bit, one that a correct site proposed.
//!
//! # Guarantees
//! - *Agreement*: no two correct sites decide differently.
//! - *Validity* (unanimity): the decision is a correct site's proposal; if all propose v, it is v.
//! - *Termination*: with probability 1 every correct site decides, and halts, if every one proposes;
//!   after 4 rounds in expectation at most with a strong common coin, under any scheduler.
//! - *Integrity*: one decision.
//!
//! # Model
//! n ≥ 3f + 2c + 1; asynchronous, the scheduler may see the coin as soon as a correct site has
//! released it; authenticated links that deliver in the end. No signatures but the coin's.
//!
//! # Intuition
//! In each round a crusader agreement makes everybody hold the same value w or none (⊥). Then a coin
//! is tossed: who holds none takes the coin's. The crusader agreement is *binding*: before the first
//! correct site is through, and so before the coin can be known, w is fixed. So the coin equals w in
//! every other round, and then all agree. Without binding a scheduler that sees the coin lets w be
//! the opposite, for ever (erratum E12, row A1).
//!
//! # Messages, of a round
//! | message | asserts |
//! |---|---|
//! | `Echo1(v)` | v is my input, or f + 1 sites say so |
//! | `Echo2(v)` | v is the first value that q sites vouch for towards me |
//! | `Echo3(w)` | q sites say `Echo2(w)`; with ⊥: both values are vouched for |
//! | `Echo4(x)` | my crusader agreement gave x (only over a local coin) |
//! | `Share` | my crusader agreement is through; my share of the coin |
//! | `Decide(v)` | v is decided, as I have seen or f + 1 say; not of a round |
//!
//! # Rules
//! [`Crusader`], \[ABY22 §4\] with q for n − f (correction 23):
//! - G1 upon input v: `Echo1(v)`. Upon f + 1 `Echo1(w)`: `Echo1(w)`. Upon q `Echo1(w)`: w is
//!   *approved*.
//! - G2 upon the first approved w: `Echo2(w)`.
//! - G3 upon q `Echo2(w)`, w approved: `Echo3(w)`; upon both approved: `Echo3(⊥)`; whichever first.
//! - G4 upon q `Echo3(w)`, w approved: give w. Upon both approved and q `Echo3` of any kind: give ⊥.
//!
//! [`Graded`], over a local coin:
//! - G5 upon having x of G4: `Echo4(x)`. `Echo4(w)` counts once f + 1 `Echo3(w)` are here, `Echo4(⊥)`
//!   once both are approved. Upon q that count: all w: give w, certain; some w: give w; else ⊥.
//!
//! [`Agreement`]:
//! - A1 upon having x of round k, never before: release the coin of k; c is its value.
//! - A2 common coin: x = w: v := w, and decide w if w = c. x = ⊥: v := c.
//! - A3 local coin: x certain w: v := w, decide w. x = w: v := w. x = ⊥: v := c.
//! - A4 round k + 1 with input v; also after having decided.
//! - A5 upon deciding, or f + 1 `Decide(w)`: decide w, `Decide(w)` once.
//! - A6 upon q `Decide(w)`: halt. Nothing but `Decide` is needed by anybody then: q − f − c ≥ f + 1
//!   correct sites that never stop have said it, so that all say it.
//!
//! Why each is enough. Two quorums of `Echo2` share a correct site, which says it once: one w at
//! most gets `Echo3(w)` from correct sites. Binding: when the first correct site is through, q sites
//! have said `Echo3`, f + 1 at least of them not intruded. If one of those said w, no other value
//! can. If all said ⊥, no value gets q any more. A3 without G5 would disagree: who holds w may see
//! it confirmed by its own coin while another takes the opposite of its own.
//!
//! # Bounds
//! Each round keeps one `Echo2`, `Echo3`, `Echo4` and share, and two `Echo1`, of each site. Rounds
//! beyond [`Coin::ROUNDS_MAX`](crate::coin::Coin::ROUNDS_MAX) do not exist. What an intruder can fill
//! ahead of time is its own places in those rounds. A round costs up to a kilobyte then, so an
//! agreement 64 KB over a shared coin, and a megabyte over local ones.
//!
//! # Deviations
//! Correction 23. G5 is this project's form of the graded agreement that \[ABY22 §5\] uses over weak
//! coins. `Decide` is \[Bracha87\]'s way to halt.
//!
//! # Complexity
//! Steps of a round: 4 (3 and the coin), one more if inputs differ; 4 and no coin message over a
//! local coin, whose unanimous groups decide in the first round for certain. n² messages a step of a
//! few bytes. Rounds that were measured: docs/performance.md.
//!
//! # Duties of the caller
//! Every correct site proposes.
//!
//! # Sources
//! \[ABY22\]; \[Bracha87\]; \[Ben83\].

mod agreement;
mod crusader;
mod graded;
mod message;

pub use agreement::{Agreement, AgreementError};
pub use crusader::{Crusade, Crusader};
pub use graded::Graded;
pub use message::{CrusaderMessage, GradedMessage, Message};
