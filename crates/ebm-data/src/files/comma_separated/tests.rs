use ebm_ops::Noise;

use super::*;

/// What a table was read as.
#[derive(Debug)]
struct Found {
    names: Vec<String>,
    rows: Vec<Vec<f64>>,
    notes: String,
}

/// Reads all columns that are not left out.
fn found_with(text: &str, form: TextForm, missing: Missing) -> Result<Found, String> {
    let read = || -> Result<Found, DataError> {
        let table = TextTable::open(text.as_bytes(), form, Path::new("file.csv"))?;
        let columns: Vec<usize> =
            (0..table.dim()).filter(|column| !table.left_out().contains(column)).collect();
        let names = columns.iter().filter_map(|&column| table.names().get(column).cloned()).collect();
        let notes = table.notes().join("; ");
        let rows = table.read(&columns, missing)?;
        Ok(Found { names, rows: rows.values.chunks(columns.len()).map(<[f64]>::to_vec).collect(), notes })
    };
    read().map_err(|error| error.to_string())
}

fn found(text: &str) -> Found {
    found_with(text, TextForm::default(), Missing::Refuse).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn refused(text: &str) -> String {
    found_with(text, TextForm::default(), Missing::Refuse).unwrap_err()
}

#[test]
fn a_first_row_with_words_over_numbers_is_a_header() {
    for text in [
        "1,-2.5\n3e2,4\n",
        "x,y\n1,-2.5\n3e2,4",
        "\u{feff}\"x\", y\r\n 1 ,-2.5\r\n\r\n\"3e2\",4\r\n",
        "x,y\r1,-2.5\r3e2,4\r",
        "# x,y\n1,-2.5\n3e2,4\n",
        "sep=;\nx;y\n1;-2.5\n3e2;4\n",
        "x\ty\n1\t-2.5\n3e2\t4\n",
        "x y\n 1  -2.5\n 3e2 4 \n",
        "x|y\n1|-2.5\n3e2|4\n",
    ] {
        let found = found(text);
        assert_eq!(found.rows, [[1.0, -2.5], [3e2, 4.0]], "{text:?}");
        assert!(found.names.is_empty() || found.names == ["x", "y"], "{text:?}: {:?}", found.names);
        assert_eq!(found.names.is_empty(), found.notes.contains("no header"), "{text:?}: {}", found.notes);
    }
    assert!(refused("x,y\n").contains("holds no rows of numbers"));
    assert!(refused("").contains("holds no rows of numbers"));
    assert_eq!(found("year,2019,2020\n1,2.5,3\n4,5,6\n").names, ["year", "2019", "2020"]);
    assert_eq!(found("x,1\n3,4\n5,6\n").names, ["x", "1"]);
}

#[test]
fn a_header_of_numbers_is_known_by_its_count_and_said() {
    let frame = "0,1\n199.97,200.02\n200.04,200.03\n";
    let as_header = found(frame);
    assert_eq!((as_header.names.as_slice(), as_header.rows.len()), (&["0".to_owned(), "1".into()][..], 2));
    assert!(
        as_header.notes.contains("line 1, 0, 1, was taken for a header; `--header no`"),
        "{}",
        as_header.notes
    );
    let form = |header| TextForm { header: Some(header), ..TextForm::default() };
    let as_row = found_with(frame, form(false), Missing::Refuse).unwrap();
    assert_eq!((as_row.names.len(), as_row.rows.len()), (0, 3));
    let indexed = found(",0,1,2\n0,1.5,2.5,3.5\n1,4.5,5.5,6.5\n");
    assert_eq!(
        (indexed.names.as_slice(), indexed.rows.len()),
        (["0", "1", "2"].map(String::from).as_slice(), 2)
    );
    let counts = found("0,1\n1,1\n0,0\n0,1\n");
    assert_eq!((counts.rows.len(), counts.notes.contains("--header yes")), (4, true), "counts recur");
    assert_eq!(found("0,1,2\n7,9,8\n9,9,7\n").rows.len(), 2);
    // Two numbers that are not counted from 0 are a header only where none below is whole.
    let years = |last: &str| format!("2019,2020\n{}{last}\n", "199.97,200.02\n".repeat(10));
    assert_eq!(found(&years("200.04,200.03")).names, ["2019", "2020"]);
    assert_eq!(found(&years("200,200.03")).rows.len(), 12);
    assert_eq!(found("1,2\n1.5,2.5\n0.5,1.5\n").rows.len(), 3);
    assert_eq!(found("9223372036854775807,1\n1.5,2.5\n").rows.len(), 2);
    assert_eq!(found("3.5,4.5\n1.5,2.5\n").rows.len(), 2);
    assert_eq!(found("\"1\",\"2\"\n1.5,2.5\n3.5,4.5\n").names, ["1", "2"]);
    let forced = found_with("1,2\n3,4\n", form(true), Missing::Refuse).unwrap();
    assert_eq!((forced.names, forced.rows.len()), (vec!["1".to_owned(), "2".into()], 1));
}

#[test]
fn columns_without_names_are_left_out_or_named_and_names_are_made_distinct() {
    for text in [
        ",x,y\n0,1.5,2\n1,3,4\n",
        "Unnamed: 0,x,y\n0,1.5,2\n1,3,4\n",
        "\"\",\"x\",\"y\"\n\"a\",1.5,2\n\"b\",3,4\n",
        ",x,y\n2026-01-01,1.5,2\n2026-01-02,3,4\n",
        "\"x\",\"y\"\n\"1\",1.5,2\n\"2\",3,4\n",
    ] {
        let found = found(text);
        assert_eq!(
            (found.names.as_slice(), &found.rows),
            (["x", "y"].map(String::from).as_slice(), &vec![vec![1.5, 2.0], vec![3.0, 4.0]])
        );
        assert!(
            found.notes.contains("column 1, an index without a name, was left out"),
            "{text:?}: {}",
            found.notes
        );
    }
    // Fractions are no names of rows: a comment of another program is not to cost a column.
    let comment = found("% speeds\n0.5,1.5\n1.5,3\n");
    assert_eq!((comment.names, comment.rows.len()), (vec!["column1".into(), "% speeds".into()], 2));
    assert!(comment.notes.contains("column 1 has no name and is called column1"), "{}", comment.notes);
    let trailing = found("x,y,\n1,2,\n3,4,\n");
    assert_eq!((trailing.names.len(), trailing.rows.len()), (2, 2));
    assert!(trailing.notes.contains("column 3 has neither a name nor values"), "{}", trailing.notes);
    let trailing = found("x,y\n1,2,\n3,4,\n");
    assert_eq!(
        (trailing.names.as_slice(), trailing.rows[1][1]),
        (["x", "y"].map(String::from).as_slice(), 4.0)
    );
    let unnamed = found("x,,y\n1,2.5,3\n4,2.5,6\n");
    assert_eq!(unnamed.names, ["x", "column2", "y"]);
    let twice = found("x,x,x.1,y\n1,2,3,4\n");
    assert_eq!(twice.names, ["x", "x.2", "x.1", "y"]);
    assert!(twice.notes.contains("column 2, another x, is called x.2"), "{}", twice.notes);
}

#[test]
fn what_a_spreadsheet_writes_is_neither_a_comment_nor_half_read() {
    // A reader that gives one byte at a time, as one that has looked for a signature does.
    struct Slow<'a>(&'a [u8]);
    impl std::io::Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }
    let marked = Slow(b"\xef\xbb\xbf1.5,2.5\n3,4\n");
    let rows = read(marked, TextForm::default(), Path::new("file.csv")).unwrap();
    assert_eq!(rows.values, [1.5, 2.5, 3.0, 4.0]);
    assert!(refused("rate,pressure\n#N/A,90\n1,80\n").contains("line 2, column 1"));
    assert_eq!(found("# a comment\nx,y\n1,2\n").rows, [[1.0, 2.0]]);
    for text in ["a,b\n\"1\" 000,2\n3,4\n", "a,b\n\"5\"%,2\n3,4\n", "a,b\n\"7\"00,2\n3,4\n"] {
        assert!(refused(text).contains("line 2, column 1"), "{text:?}");
    }
    assert!(refused("<0.1,2.3\n0.5,2.2\n0.7,2.1\n").contains("<0.1"));
    assert_eq!(found("x,2019\n0.5,2.2\n0.7,2.1\n").rows.len(), 2);
    // A terminal would obey control characters in a name.
    assert_eq!(found("\u{1b}[31mred,a\u{7}b\n1,2\n3,4\n").names, ["[31mred", "a b"]);
}

#[test]
fn the_decimal_comma_is_found_where_it_can_be_nothing_else() {
    for text in ["x;y\n1,0344;-0,1970\n1,0063;1,7570\n", "x\ty\n1,0344\t-0,1970\n1,0063\t1,7570\n"] {
        let found = found(text);
        assert_eq!(found.rows, [[1.0344, -0.197], [1.0063, 1.757]], "{text:?}");
        assert!(found.notes.contains("the decimal separator is a comma"), "{}", found.notes);
    }
    assert_eq!(found("x;y\n1.5;2\n3;4\n").rows, [[1.5, 2.0], [3.0, 4.0]]);
    let groups = "x;y\n1,234;5\n6,789;7\n";
    assert!(refused(groups).contains("--decimal ,"), "a comma that may separate thousands");
    let form = TextForm { decimal: Some(','), ..TextForm::default() };
    assert_eq!(found_with(groups, form, Missing::Refuse).unwrap().rows[0], [1.234, 5.0]);
    assert_eq!(found_with("1,5\n2,5\n", form, Missing::Refuse).unwrap().rows, [[1.5], [2.5]]);
    assert_eq!(found("1,5\n2,5\n").rows, [[1.0, 5.0], [2.0, 5.0]]);
    let quoted = "\"1,5\",\"2,5\"\n\"3,5\",\"4,5\"\n";
    let rows = [[1.5, 2.5], [3.5, 4.5]];
    assert_eq!(found(quoted).rows, rows);
    assert_eq!(found_with(quoted, form, Missing::Refuse).unwrap().rows, rows);
    assert_eq!(found_with(&quoted.replace("\",\"", "\";\""), form, Missing::Refuse).unwrap().rows, rows);
    assert_eq!(found("x,y\n\"1,5\",2\n\"3,5\",4\n").rows, [[1.5, 2.0], [3.5, 4.0]]);
    // The hint can be followed.
    let groups = "x,y\n\"1,234\",\"5,678\"\n\"2,345\",\"6,789\"\n";
    assert!(refused(groups).contains("--decimal ,"), "{}", refused(groups));
    assert_eq!(found_with(groups, form, Missing::Refuse).unwrap().rows[1], [2.345, 6.789]);
    let form = TextForm { delimiter: Some(','), ..form };
    assert_eq!(found_with(quoted, form, Missing::Refuse).unwrap().rows, [[1.5, 2.5], [3.5, 4.5]]);
}

#[test]
fn commas_inside_the_numbers_of_one_column_separate_no_fields() {
    let with_header = found("weight\n1,5\n22,75\n3\n");
    assert_eq!(
        (with_header.rows, with_header.names),
        (vec![vec![1.5], vec![22.75], vec![3.0]], vec!["weight".into()])
    );
    assert!(with_header.notes.contains("the decimal separator is a comma"), "{}", with_header.notes);
    assert_eq!(found("1,5\n2,05\n").rows, [[1.5], [2.05]]);
    // Rows that R has numbered, months that are padded, and two columns without names.
    assert_eq!(found("x\n1,5\n2,25\n").rows, [[5.0], [25.0]]);
    assert_eq!(found("01,05\n02,07\n").rows, [[1.0, 5.0], [2.0, 7.0]]);
    assert_eq!(found("1,5\n2,25\n").rows, [[1.0, 5.0], [2.0, 25.0]]);
    for groups in ["x\n1,234\n5,678\n", "x;y\n1,234;5,678\n2,345;6,789\n"] {
        assert!(refused(groups).contains("--decimal ,"), "{groups:?}: {}", refused(groups));
    }
}

#[test]
fn a_bad_row_is_named_by_line_and_column() {
    let ragged =
        |text: &str, part: &str| assert!(refused(text).contains(part), "{text:?}: {}", refused(text));
    ragged("x,y\n1,2\n\n3\n", "line 4: expected 2 fields, found 1");
    ragged("x,y\r\n1,2\r\n\r\n3\r\n", "line 4: expected 2 fields, found 1");
    ragged("1,2\n3,4,5\n", "line 2: expected 2 fields, found 3");
    ragged("x,y\n1,2\n3,four\n5,6\n", "line 3, column 2 (y): expected a number, found \"four\"");
    ragged("1,2\n3,4\n5,\n", "line 3, column 2: a value is missing, found \"\", one of 1 such rows among 3");
    ragged(
        "x,y\n1,2\n3,nan\n,5\n",
        "line 3, column 2 (y): a value is missing, found \"nan\", one of 2 such rows among 3; `--missing drop`",
    );
    for gap in ["NA", "N/A", "NaN", "null", "None", "?", "-", "", "\"\""] {
        let text = format!("x,y\n1,2\n3,{gap}\n5,6\n");
        assert!(refused(&text).contains("line 3, column 2 (y)"), "{gap}");
        assert_eq!(
            found_with(&text, TextForm::default(), Missing::Drop).unwrap().rows,
            [[1.0, 2.0], [5.0, 6.0]]
        );
    }
    ragged("x,y\n1,\n2,\n", "column y has in each of 2 rows no value; `--drop y`");
}

#[test]
fn all_columns_of_text_are_named_at_once_with_the_way_out() {
    let dates = refused("when,x\n2026-01-01,0.5\n2026-01-02,1.5\n");
    assert!(dates.contains("column when holds dates or times (\"2026-01-01\" in line 2)"), "{dates}");
    assert!(dates.contains("`--drop when` leaves it out"), "{dates}");
    let several = refused("when,x,the city\n2026-01-01,1,Paris\n2026-01-02,2,Rome\n");
    assert!(several.contains("column the city holds text (\"Paris\" in line 2)"), "{several}");
    assert!(several.contains("`--drop 'when,the city'` leaves them out"), "{several}");
    let unnamed = refused("2026-01-01,0.5\n2026-01-02,1.5\n");
    assert!(unnamed.contains("column 1 holds dates") && unnamed.contains("`--drop 1`"), "{unnamed}");
    assert!(refused("a,b\nc,d\n").contains("no column holds numbers"));
    for (text, field) in [
        ("x,y\n\"1,234.50\",2.5\n\"5,678.25\",3.5\n", "1,234.50"),
        ("x;y\n1.234,50;2,5\n5.678,25;3,5\n", "1.234,50"),
        ("x;y\n1 234;2,5\n5 678;3,5\n", "1 234"),
    ] {
        let error = refused(text);
        let expected = format!("column x holds numbers whose thousands are set apart ({field:?} in line 2)");
        assert!(error.contains(&expected) && error.contains("`--drop x`"), "{error}");
    }
}

#[test]
fn text_that_is_no_table_is_refused_by_name() {
    let read =
        |bytes: &[u8]| read(bytes, TextForm::default(), Path::new("file.csv")).unwrap_err().to_string();
    for bytes in [&b"\xff\xfex\0"[..], b"\xfe\xff\0x", b"x\0,\0y\0\n\0", b"\0x\0,\0y\0\n"] {
        assert!(read(bytes).contains("file.csv: text in UTF-16 is not supported"), "{bytes:?}");
    }
    assert!(read(b"PK\x03\x04xlsx").contains("does not begin as a table of text"));
    let wide = "1,".repeat(1_000_000);
    assert!(read(wide.as_bytes()).contains("file.csv: line 1: more than 65536 columns"));
    assert!(read(format!("1,2\n{wide}\n").as_bytes()).contains("file.csv"));
}

#[test]
fn no_mutation_of_a_file_panics() {
    let good = b"x,y,z\n1,2,3\n\"4\",5.5,-6e1\n7,8,9\n";
    let mut noise = Noise::seeded(33);
    for _ in 0..20_000 {
        let mut bad = good.to_vec();
        for at in noise.indices(2, good.len()) {
            bad[at] = noise.words(1)[0] as u8;
        }
        let Ok(table) = TextTable::open(&bad[..], TextForm::default(), Path::new("file.csv")) else {
            continue;
        };
        let columns: Vec<usize> = (0..table.dim()).collect();
        if let Ok(rows) = table.read(&columns, Missing::Drop) {
            assert!(!columns.is_empty() && rows.values.len() % columns.len() == 0);
        }
    }
}
