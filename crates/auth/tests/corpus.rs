//! The check of the fuzz target, over its corpus and every small change to it.

#[path = "../../packet/fuzz/src/changes.rs"]
mod changes;
#[path = "../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    clippy::expect_used,
    reason = "the check is a crate of its own in `fuzz`"
)]
mod checks;

use std::fs;
use std::path::PathBuf;

use changes::each_small_change;

#[test]
fn the_check_holds_for_the_corpus_and_every_small_change_to_it() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/exchange");
    let mut seeds = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        each_small_change(&seed, checks::exchange);
        seeds += 1;
    }
    assert!(seeds > 0, "there is no corpus");
}
