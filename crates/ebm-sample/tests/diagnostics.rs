//! Diagnostics against the numbers of R's posterior and of Stan, where the reference files are at hand.
#![allow(dead_code, reason = "the certificate prints more of it")]

#[path = "../examples/certificate/diagnostics.rs"]
mod diagnostics;
#[path = "../examples/posteriors/mod.rs"]
mod posteriors;
#[path = "../examples/certificate/report.rs"]
mod report;

use diagnostics::Compared;
use posteriors::Reference;

fn assert_all_hold(compared: &[Compared], n: usize) {
    assert_eq!(compared.len(), n);
    let odd: Vec<&Compared> = compared.iter().filter(|one| !one.holds()).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

#[test]
fn on_the_blocker_chains_every_number_is_that_of_posterior() {
    let Some(reference) = Reference::find() else { return };
    assert_all_hold(&diagnostics::blocker(&reference), 11 * 17);
}

#[test]
fn on_the_bernoulli_chains_the_numbers_are_those_of_stan() {
    let Some(reference) = Reference::find() else { return };
    assert_all_hold(&diagnostics::bernoulli(&reference), 2 * 6);
}
