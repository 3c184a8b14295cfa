//! The part that a job array of Slurm and the ranks of MPI say a process is to draw.

use anyhow::{Result, anyhow, ensure};

use super::range::Part;
use crate::terminal::usage::usage;

/// The rank and the number of ranks: those of Open MPI, and those of MPICH, of Intel's MPI and of `srun` with PMI.
const RANKS: [[&str; 2]; 2] = [["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"], ["PMI_RANK", "PMI_SIZE"]];

/// The part of this process: its place in a job array of Slurm, its rank of MPI, or, in an array of jobs with ranks,
/// both.
///
/// # Errors
/// A wrong use of the program if there is neither, or what there is does not say a part.
pub fn of_environment() -> Result<Part> {
    part(&variable).map_err(usage)
}

#[expect(clippy::disallowed_methods, reason = "schedulers tell a process its place by variables")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn part(variable: &dyn Fn(&str) -> Option<String>) -> Result<Part> {
    let number = |name: &str| {
        let Some(text) = variable(name) else { return Ok(None) };
        let found = text.trim().parse::<usize>();
        found.map(Some).map_err(|_| anyhow!("{name} = {text}, expected a whole number"))
    };
    let array = match number("SLURM_ARRAY_TASK_ID")? {
        Some(id) => {
            let of = number("SLURM_ARRAY_TASK_COUNT")?;
            let of =
                of.ok_or_else(|| anyhow!("SLURM_ARRAY_TASK_ID is set, SLURM_ARRAY_TASK_COUNT is not"))?;
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let place =
                id.checked_sub(first).filter(|from| from.is_multiple_of(step)).map(|from| from / step);
            // With gaps some tasks would have places all the same.
            let last = number("SLURM_ARRAY_TASK_MAX")?;
            let in_a_row = last.is_none_or(|last| {
                last.checked_sub(first).is_some_and(|from| (from / step).checked_add(1) == Some(of))
            });
            let place = place.filter(|&place| in_a_row && place < of).ok_or_else(|| {
                anyhow!(
                    "task {id} of an array of {of} from {first} by {step}: expected numbers in a row, as in \
                     --array=1-8; or give --part I/N"
                )
            })?;
            Some([place, of])
        }
        None => None,
    };
    let mut ranks = None;
    for [rank, of] in RANKS {
        ranks = ranks.or(number(rank)?.zip(number(of)?).map(|(rank, of)| [rank, of]));
    }
    ensure!(
        array.is_some() || ranks.is_some(),
        "--part auto: this is no task of a job array (SLURM_ARRAY_TASK_ID) and no rank of MPI (OMPI_COMM_WORLD_RANK, \
         PMI_RANK); give --part I/N"
    );
    let ([place, n_places], [rank, n_ranks]) = (array.unwrap_or([0, 1]), ranks.unwrap_or([0, 1]));
    ensure!(rank < n_ranks, "rank {rank} of {n_ranks} ranks of MPI");
    let too_many = || anyhow!("{n_places} tasks of {n_ranks} ranks: too many");
    let of = n_places.checked_mul(n_ranks).ok_or_else(too_many)?;
    Part::new(place * n_ranks + rank + 1, of).map_err(|error| anyhow!(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<String, String> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        part(&value).map(|part| part.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn arrays_ranks_and_both_say_a_part() {
        let array = |id, first, step| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_COUNT", "8"),
                ("SLURM_ARRAY_TASK_MIN", first),
                ("SLURM_ARRAY_TASK_STEP", step),
            ]
        };
        let mpi = [("OMPI_COMM_WORLD_RANK", "1"), ("OMPI_COMM_WORLD_SIZE", "4")];
        assert_eq!(found(&array("0", "0", "1")), Ok("1/8".into()));
        assert_eq!(found(&array("8", "1", "1")), Ok("8/8".into()));
        assert_eq!(found(&array("25", "10", "5")), Ok("4/8".into()));
        assert_eq!(found(&mpi), Ok("2/4".into()));
        assert_eq!(found(&[("PMI_RANK", "0"), ("PMI_SIZE", "2")]), Ok("1/2".into()));
        assert_eq!(found(&[&array("3", "1", "1")[..], &mpi].concat()), Ok("10/32".into()));
    }

    #[test]
    fn the_tasks_of_an_array_have_each_part_once_wherever_their_numbers_begin() {
        for (first, step) in [(0usize, 1usize), (1, 1), (7, 1), (0, 4), (1, 5), (10, 3)] {
            for of in [1usize, 2, 8, 11] {
                let last = first + (of - 1) * step;
                let numbers = [of, first, last, step].map(|number| number.to_string());
                let names = ["COUNT", "MIN", "MAX", "STEP"].map(|name| format!("SLURM_ARRAY_TASK_{name}"));
                let parts = (0..of).map(|place| {
                    let id = (first + place * step).to_string();
                    let mut variables = vec![("SLURM_ARRAY_TASK_ID", id.as_str())];
                    variables
                        .extend(names.iter().map(String::as_str).zip(numbers.iter().map(String::as_str)));
                    found(&variables).unwrap()
                });
                let expected: Vec<String> = (1..=of).map(|part| format!("{part}/{of}")).collect();
                assert_eq!(parts.collect::<Vec<_>>(), expected, "from {first} by {step}");
            }
        }
        // --array=1,3,7: the numbers of two of the tasks are places.
        for id in ["1", "3", "7"] {
            let list = [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_COUNT", "3"),
                ("SLURM_ARRAY_TASK_MIN", "1"),
                ("SLURM_ARRAY_TASK_MAX", "7"),
                ("SLURM_ARRAY_TASK_STEP", "1"),
            ];
            assert!(found(&list).unwrap_err().contains("in a row"), "{id}");
        }
        let damaged = [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_MAX", "0"),
        ];
        assert!(found(&damaged).is_err());
    }

    #[test]
    fn what_says_no_part_is_refused_by_its_name() {
        assert!(found(&[]).unwrap_err().contains("--part I/N"));
        assert!(found(&[("SLURM_ARRAY_TASK_ID", "1")]).unwrap_err().contains("SLURM_ARRAY_TASK_COUNT"));
        let list =
            [("SLURM_ARRAY_TASK_ID", "9"), ("SLURM_ARRAY_TASK_COUNT", "3"), ("SLURM_ARRAY_TASK_MIN", "1")];
        assert!(found(&list).unwrap_err().contains("in a row"));
        let text = [("SLURM_ARRAY_TASK_ID", "one"), ("SLURM_ARRAY_TASK_COUNT", "3")];
        assert_eq!(found(&text).unwrap_err(), "SLURM_ARRAY_TASK_ID = one, expected a whole number");
    }
}
