//! Seeds in the hundreds; `halo-sim` plays them by the ten thousand.

use halo_sim::{Plan, run, run_traced};

fn play(seeds: std::ops::Range<u64>, nodes: (usize, usize)) {
    for seed in seeds {
        let report = run(&Plan::from_seed(seed, nodes), None);
        let (least, most) = nodes;
        let replay = format!("halo-sim --seed {seed} --nodes {least}..{most} --trace");
        assert_eq!(report.violation, None, "replay: {replay}");
    }
}

#[test]
fn no_seed_breaks_a_rule_with_two_nodes() {
    play(0..300, (2, 2));
}

#[test]
fn no_seed_breaks_a_rule_with_two_to_seven_nodes() {
    play(1000..1500, (2, 7));
}

#[test]
fn seeds_that_once_broke_a_rule_stay_mended() {
    for seed in [3297, 6615, 40949] {
        play(seed..seed + 1, (2, 7));
    }
}

#[test]
fn a_seed_plays_the_same_run_each_time() {
    for seed in 0..20 {
        let plan = Plan::from_seed(seed, (2, 7));
        assert_eq!(run_traced(&plan, None), run_traced(&plan, None));
    }
}
