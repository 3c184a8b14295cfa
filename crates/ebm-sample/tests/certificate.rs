//! Tables of the certificate, of fewer chains: every row holds.
#![allow(dead_code, reason = "the certificate prints more of it")]

#[path = "../examples/certificate/divergence.rs"]
mod divergence;
#[path = "../examples/certificate/invariance.rs"]
mod invariance;
#[path = "../examples/certificate/langevin.rs"]
mod langevin;
#[path = "../examples/certificate/microcanonical.rs"]
mod microcanonical;
#[path = "../examples/certificate/report.rs"]
mod report;
#[path = "../examples/certificate/resonance.rs"]
mod resonance;
#[path = "../examples/certificate/tuned.rs"]
mod tuned;

use ebm_ops::Noise;
use report::Section;

fn assert_all_hold(section: &Section) {
    assert!(section.failing().is_empty(), "{}", section.markdown());
}

#[test]
fn a_step_of_a_kernel_with_a_metropolis_test_leaves_exact_draws_exact() {
    // a wrong distribution is caught from a distance of about twice the band, 0.0085
    assert_all_hold(&invariance::section(400_000, &Noise::seeded(91)));
}

#[test]
fn unadjusted_and_underdamped_langevin_have_their_known_distributions() {
    assert_all_hold(&langevin::laws(5_000, &Noise::seeded(141)));
}

#[test]
fn microcanonical_dynamics_have_their_known_bias_which_shrinks_with_the_step() {
    assert_all_hold(&microcanonical::section(400, &Noise::seeded(145)));
}

#[test]
fn kernels_that_tune_themselves_sample_a_normal_law_of_condition_number_1000() {
    assert_all_hold(&tuned::section(2, &Noise::seeded(146)));
}

#[test]
fn leapfrog_mala_and_hmc_are_what_they_are_on_a_normal_law() {
    assert_all_hold(&langevin::identities(50_000, &Noise::seeded(142)));
}

#[test]
fn warmed_up_trajectories_of_any_greatest_length_mix_on_a_normal_law() {
    assert_all_hold(&resonance::section(1, &Noise::seeded(144)));
}

#[test]
fn chains_stay_where_there_are_numbers_and_count_where_there_are_none() {
    assert_all_hold(&divergence::section(&Noise::seeded(143)));
}
