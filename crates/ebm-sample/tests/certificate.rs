//! Tables of the certificate, of fewer chains: every row holds.
#![allow(dead_code, reason = "the certificate prints more of it")]

#[path = "../examples/certificate/divergence.rs"]
mod divergence;
#[path = "../examples/certificate/invariance.rs"]
mod invariance;
#[path = "../examples/certificate/kept.rs"]
mod kept;
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
use report::{Row, Section, Verdict};

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

#[test]
fn a_row_is_kept_until_the_program_is_another_or_its_file_is_cut_off() {
    let folder = std::env::temp_dir().join(format!("ebm-kept-{}", std::process::id()));
    let found = |verdict| Row { cells: vec!["a posterior".into(), "1.0".into()], verdict };
    let row = |name: &str, verdict| {
        let mut was_found = false;
        let kept = kept::Kept::open(folder.clone()).unwrap();
        let row = kept.row(name, || {
            was_found = true;
            found(verdict)
        });
        assert_eq!((&row.cells, row.verdict), (&found(verdict).cells, verdict));
        was_found
    };
    for verdict in [Verdict::Holds, Verdict::KnownHard, Verdict::Fails] {
        let name = format!("{verdict:?}");
        assert!(row(&name, verdict), "there was none");
        assert!(!row(&name, verdict), "{name} is there");
        let path = folder.join(format!("{name}.tsv"));
        let text = std::fs::read_to_string(&path).unwrap();
        for other in [text.replacen("build ", "build 0", 1), text[..text.len() - 1].into(), String::new()] {
            std::fs::write(&path, other).unwrap();
            assert!(row(&name, verdict), "{name} of another build, or a part of it, was taken");
            assert!(!row(&name, verdict));
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}
