//! The reference rater: a second rater, scalar and record by record, written from the price language alone and sharing no
//! code with the engine. Generated books and usage go through both, and both must agree to the last digit.
//!
//! `RATEMILL_CASES=100000` compares more cases than the 2,000 of every test, `RATEMILL_SEED` others. A difference is shrunk,
//! and the files of the smallest case that still differs are kept below the target folder, as a user would write them.

mod bill;
mod bounds;
mod calendar;
mod compare;
mod conditions;
mod credits;
mod dice;
mod discounts;
mod exact;
mod examples;
mod features;
mod fixed;
mod fx;
mod generate;
mod generate_around;
mod generate_money;
mod generate_prices;
mod intervals;
mod levels;
mod measure;
mod model;
mod money_allowances;
mod pool;
mod pools;
mod portion;
mod prefix;
mod price;
mod promises;
mod records;
mod split;
mod stages;
mod taxes;
mod tiers;
mod totals;
mod versions;
mod words;
mod write;
mod write_around;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::harness::announce;
use words::{Case, Rated, Settings};

/// Cases of one run of the engine.
const TOGETHER: usize = 100;
/// Runs of the engine that shrinking one difference may cost.
const SHRINKING: usize = 24;
/// Differences that are shown.
const SHOWN: usize = 3;

type Tree = Box<dyn ValueTree<Value = Vec<u32>>>;

/// A number of the environment, or this one.
fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// What was compared, so that a generator that makes nothing does not pass.
#[derive(Default)]
struct Counts {
    cases: usize,
    lines: usize,
    taxes: usize,
    suspense: usize,
    by_model: BTreeMap<String, usize>,
}

impl Counts {
    fn add(&mut self, rated: &Rated) {
        self.cases += 1;
        self.lines += rated.lines.len();
        self.taxes += rated.taxes.len();
        self.suspense += rated.suspense.len();
        for line in &rated.lines {
            *self.by_model.entry(format!("{} {}", line["line_kind"], line["model"])).or_default() += 1;
        }
    }
}

/// The smallest case found that still differs, and how.
fn shrunk(settings: &Settings, mut tree: Tree) -> (Case, String) {
    let differs = |rolls: &[u32]| {
        let case = generate::case(settings, rolls);
        let reference = bill::rate(&case);
        let difference = match compare::engine(std::slice::from_ref(&case)) {
            Ok(engine) => compare::difference(&case, &reference, &engine[0]),
            Err(said) => said,
        };
        (!difference.is_empty()).then_some((case, difference))
    };
    let mut smallest = differs(&tree.current()).unwrap_or_else(|| {
        (generate::case(settings, &tree.current()), "it differs only together with other cases".to_owned())
    });
    let mut going = tree.simplify();
    for _ in 0..SHRINKING {
        if !going {
            break;
        }
        match differs(&tree.current()) {
            Some(found) => {
                smallest = found;
                going = tree.simplify();
            }
            None => going = tree.complicate(),
        }
    }
    smallest
}

/// Of cases that the engine refuses together, the first that it refuses alone.
fn refused(settings: &Settings, cases: &[Case], trees: Vec<Tree>, counts: &mut Counts) -> Option<String> {
    for (case, tree) in cases.iter().zip(trees) {
        counts.cases += 1;
        if compare::engine(std::slice::from_ref(case)).is_err() {
            let (smallest, said) = shrunk(settings, tree);
            return Some(format!("case {}, kept in {}\n{said}", counts.cases, keep(&smallest, counts)));
        }
    }
    None
}

fn keep(case: &Case, counts: &Counts) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("differs-{}{}", features::alone(), counts.cases));
    compare::keep(&folder, case);
    folder.display().to_string()
}

/// Compares one run of cases; the differences.
fn compare_together(settings: &Settings, trees: Vec<Tree>, counts: &mut Counts, shown: usize) -> Vec<String> {
    let cases: Vec<Case> = trees.iter().map(|tree| generate::case(settings, &tree.current())).collect();
    let engine = match compare::engine(&cases) {
        Ok(engine) => engine,
        Err(said) => return vec![refused(settings, &cases, trees, counts).unwrap_or(said)],
    };
    let mut found = Vec::new();
    for ((case, tree), engine) in cases.iter().zip(trees).zip(engine) {
        let reference = bill::rate(case);
        counts.add(&reference);
        if compare::difference(case, &reference, &engine).is_empty() {
            continue;
        }
        if found.len() >= shown {
            found.push(String::new());
            continue;
        }
        let (smallest, difference) = shrunk(settings, tree);
        found.push(format!("case {}, kept in {}\n{difference}", counts.cases, keep(&smallest, counts)));
    }
    found
}

#[test]
fn the_engine_and_the_reference_rater_agree_to_the_last_digit() {
    let (wanted, seed) = (usize::try_from(asked("RATEMILL_CASES", 2000)).unwrap(), asked("RATEMILL_SEED", 1));
    let mut runner = runner(seed);
    let strategy = vec(any::<u32>(), 40..900).boxed();
    let (mut counts, mut found) = (Counts::default(), Vec::new());
    let since = Instant::now();
    let mut run = seed;
    while counts.cases < wanted && found.len() < SHOWN {
        let settings = generate::settings(run);
        run += 1;
        let together = TOGETHER.min(wanted - counts.cases);
        let trees = (0..together).map(|_| strategy.new_tree(&mut runner).unwrap()).collect();
        found.extend(compare_together(&settings, trees, &mut counts, SHOWN - found.len()));
    }
    let Counts { cases, lines, taxes, suspense, by_model } = &counts;
    announce(&format!(
        "{cases} generated cases in {} s (seed {seed}): {lines} lines, {taxes} taxes, {suspense} records in suspense\n{by_model:#?}",
        since.elapsed().as_secs()
    ));
    assert!(found.is_empty(), "{} of {cases} cases differ:\n{}", found.len(), found.join("\n"));
    let rare = by_model.iter().filter(|(_, lines)| **lines * 200 < *cases);
    assert_eq!(rare.map(|(model, _)| model).collect::<Vec<_>>(), [] as [&String; 0], "hardly generated");
    assert!(by_model.len() >= 8 && *taxes > *cases / 4, "the generator makes next to nothing");
}
