use std::fs;

use super::*;
use crate::DatasetName;

/// A description in JSON, of a table that may take no memory, or any.
fn open(path: &Path, keys: &str, memory: u64, split: Split) -> Result<Data, String> {
    let spec: DataSpec = serde_json::from_str(&format!(r#"{{"dataset": "table"{keys}}}"#)).unwrap();
    let spec = DataSpec { split, memory: Some(memory), path: Some(path.into()), ..spec };
    Data::open(&spec, &Noise::seeded(7)).map_err(|error| error.to_string())
}

/// An array of doubles, `[n, dim]`.
fn array(path: &Path, values: &[f64], dim: usize) {
    let shape = format!("({}, {dim})", values.len() / dim);
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}     \n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// Rows of four numbers, the last a class from 0 to 2, some far from 0 and one column constant.
fn values(n: usize) -> Vec<f64> {
    let z = Noise::seeded(5).normals_f64(2 * n);
    (0..n).flat_map(|i| [1e6 + z[2 * i], 1e-200 * z[2 * i + 1], 0.1 + 0.2, ((7 * i) % 3) as f64]).collect()
}

/// All that is read of data.
fn all(data: &Data) -> (crate::Batch, Vec<usize>, Vec<String>, Transform) {
    let n = data.len().unwrap();
    let places: Vec<usize> = (0..n).rev().chain(0..n).collect();
    let numbers = (0..n).map(|index| data.number(index)).collect();
    let rows = data.read(&places, None).unwrap();
    (rows, numbers, data.classes().to_vec(), data.transform().unwrap().clone())
}

#[test]
fn rows_units_classes_and_notes_are_those_of_the_table_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (npy, csv) = (folder.path().join("x.npy"), folder.path().join("x.csv"));
    let mut table = values(3000);
    array(&npy, &table, 4);
    let gaps = folder.path().join("gaps.npy");
    (table[40], table[403]) = (f64::NAN, f64::NAN);
    array(&gaps, &table, 4);
    let text = |value: f64| if value.is_nan() { "NA".to_owned() } else { value.to_string() };
    let line = |row: &[f64]| {
        let fields: Vec<String> = row[..3].iter().map(|&value| text(value)).collect();
        let class = if row[3].is_nan() { "" } else { ["b", "a", "c"][row[3] as usize] };
        format!("{},{class}\n", fields.join(","))
    };
    let lines: String = table.chunks(4).map(line).collect();
    fs::write(&csv, format!("x,y,k,kind\n{lines}")).unwrap();
    let cache = format!(r#", "cache": {:?}"#, folder.path().join("cache"));
    let holdout = r#", "holdout": 0.3"#;
    let cases = [
        (&npy, "".to_owned()),
        (&npy, r#", "label": 4"#.to_owned()),
        (&npy, r#", "columns": "3,1", "label": "4", "standardize": false"#.to_owned()),
        (&gaps, r#", "label": 4, "missing": "drop""#.to_owned()),
        (&gaps, format!(r#", "label": 4, "missing": "drop"{holdout}"#)),
        (&npy, format!(r#", "transform": "quantile"{holdout}"#)),
        (&csv, r#", "label": "kind", "missing": "drop""#.to_owned()),
        (&csv, r#", "columns": ["k", "x"], "label": "kind", "missing": "drop""#.to_owned()),
        (&csv, format!(r#", "label": "kind", "missing": "drop"{holdout}"#)),
    ];
    for (path, keys) in &cases {
        for split in [Split::Train, Split::Test] {
            let memory = open(path, keys, 1000, split);
            // The second time from the cache.
            for _ in 0..2 {
                let large = open(path, &format!("{keys}{cache}"), 0, split);
                let (memory, large) = match (&memory, large) {
                    (Ok(memory), Ok(large)) => (memory, large),
                    (Err(memory), Err(large)) => {
                        assert_eq!((memory, split), (&large, Split::Test), "{keys}");
                        continue;
                    }
                    (memory, large) => panic!("{keys}: {:?}, {:?}", memory.as_ref().err(), large.err()),
                };
                assert!(memory.is_in_memory() && !large.is_in_memory(), "{keys}");
                assert_eq!(all(memory), all(&large), "{keys} {split:?}");
                let sorted = |data: &Data| {
                    let mut summary = data.summary();
                    summary.notes.sort();
                    summary
                };
                assert_eq!(sorted(memory), sorted(&large), "{keys} {split:?}");
            }
        }
    }
}

#[test]
fn errors_are_those_of_the_table_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    type Change<'a> = &'a dyn Fn(&mut Vec<f64>);
    let cases: [(Change, &str); 7] = [
        (&|table| table[9] = f64::NAN, ""),
        (&|table| (table[9], table[2]) = (f64::NAN, f64::INFINITY), ""),
        (&|table| (table[9], table[2]) = (f64::NAN, 1e39), r#", "missing": "drop""#),
        (&|table| table.fill(f64::NAN), r#", "missing": "drop""#),
        (&|table| table[7] = 0.5, r#", "label": 4"#),
        (&|table| (0..2000).for_each(|i| table[4 * i + 3] = i as f64), r#", "label": 4"#),
        (&|_| (), r#", "holdout": 1e-9"#),
    ];
    for (change, keys) in cases {
        let mut table = values(2000);
        change(&mut table);
        array(&path, &table, 4);
        let [memory, large] = [1000, 0].map(|memory| open(&path, keys, memory, Split::Train).err().unwrap());
        assert_eq!(memory, large);
    }
}

#[test]
fn a_test_file_has_the_units_and_classes_of_the_training_file() {
    let folder = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    array(&folder.path().join("train.npy"), &[0.0, 5.0, 2.0, 5.0, 4.0, 7.0], 2);
    array(&folder.path().join("test.npy"), &[6.0, 7.0, 2.0, 6.0], 2);
    let [memory, large] =
        [1000, 0].map(|memory| open(folder.path(), r#", "label": 2"#, memory, Split::Test).unwrap());
    assert_eq!(all(&memory), all(&large));
    assert_eq!(large.classes(), ["5", "7", "6"]);
    assert_eq!(large.read(&[0, 1], None).unwrap().labels, Some(vec![1, 2]));
    for (name, text) in [("train", "x,kind\n0,b\n2,c\n"), ("test", "kind,x\nc,4\na,3\n")] {
        fs::remove_file(folder.path().join(format!("{name}.npy"))).unwrap();
        fs::write(folder.path().join(format!("{name}.csv")), text).unwrap();
    }
    let keys = r#", "label": "kind""#;
    let memory = open(folder.path(), keys, 1000, Split::Test).unwrap();
    let large =
        open(folder.path(), &format!("{keys}, \"cache\": {:?}", cache.path()), 0, Split::Test).unwrap();
    assert_eq!(all(&memory), all(&large));
    assert_eq!(
        (large.classes(), large.read(&[0], None).unwrap().values),
        (&["b", "c", "a"].map(String::from)[..], vec![3.0])
    );
}

#[test]
fn the_numbers_of_a_text_are_read_again_where_it_has_changed_and_only_there() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("x.csv"), folder.path().join("cache"));
    let keys = format!(r#", "standardize": false, "cache": {cache:?}"#);
    let first = || {
        open(&path, &keys, 0, Split::Train)
            .and_then(|data| Ok(data.read(&[0], None).map_err(|e| e.to_string())?.values))
    };
    fs::write(&path, "x,y\n1,2\n3,4\n").unwrap();
    assert_eq!(first().unwrap(), [1.0, 2.0]);
    let kept = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&kept).unwrap();
    bytes[3] ^= 0xff;
    fs::write(&kept, &bytes).unwrap();
    assert!(first().unwrap_err().contains("delete the file"), "an altered file is read and refused");
    fs::write(&path, "x,y\n5,2\n3,4\n").unwrap();
    assert_eq!(first().unwrap(), [5.0, 2.0]);
    fs::write(&path, "x,y\n5,2\n3,four\n7,8\n9,9\n").unwrap();
    assert!(first().unwrap_err().contains("line 3, column 2 (y)"));
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
}

#[test]
fn rows_of_a_model_are_found_by_the_names_of_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("x.csv"), folder.path().join("cache"));
    fs::write(&path, "y,x\n1,2\n3,4\n").unwrap();
    let spec = DataSpec {
        cache: Some(cache),
        label: Some("kind".into()),
        ..DataSpec::new(DatasetName::Table, Some(path))
    };
    let layout = RowLayout { columns: vec!["x".into(), "y".into()], transform: Transform::identity(2) };
    let data = Data::open_as(&spec, &Noise::seeded(1), &layout).unwrap();
    let rows = data.read(&[1], None).unwrap();
    assert_eq!((rows.values, rows.labels, data.classes().len()), (vec![4.0, 3.0], None, 0));
}
