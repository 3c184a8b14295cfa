//! Fetching from folders and from a server on this computer; no network.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;

fn digits() -> Vec<u8> {
    (0..40_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A dataset of one gzip file of `digits`, at the addresses given.
fn plain(urls: &[String], bytes: usize, hash: &str) -> Dataset {
    let text = format!(
        "[[dataset]]\nname = 'small'\ntitle = 't'\nsource = 's'\nlicence = 'l'\n[[dataset.download]]\n\
         name = 'digits.gz'\nurls = {urls:?}\nfiles = [{{ name = 'digits', bytes = {bytes}, sha256 = '{hash}' }}]"
    );
    Manifest::parse(&text).unwrap().dataset("small").unwrap().clone()
}

fn right(urls: &[String]) -> Dataset {
    plain(urls, digits().len(), &sha256(&digits()))
}

/// A dataset of two files in an archive.
fn archive() -> Dataset {
    let file = |name: &str, content: &[u8]| {
        let (bytes, hash) = (content.len(), sha256(content));
        format!(
            "[[dataset.download.files]]\nname = '{name}'\nmember = 'in/{name}'\nbytes = {bytes}\nsha256 = '{hash}'\n"
        )
    };
    let text = format!(
        "[[dataset]]\nname = 'small'\ntitle = 't'\nsource = 's'\nlicence = 'l'\n[[dataset.download]]\n\
         name = 'both.tar.gz'\nurls = ['http://127.0.0.1:1/both.tar.gz']\n{}{}",
        file("one", b"first"),
        file("two", b"the second")
    );
    Manifest::parse(&text).unwrap().dataset("small").unwrap().clone()
}

enum Member<'a> {
    File(&'a str, &'a [u8]),
    Link(tar::EntryType, &'a str, &'a str),
}

fn tar_of(members: &[Member]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = tar::Header::new_gnu();
        // The name is set byte by byte: the crate's own setter refuses what an attacker would write.
        let set_name = |header: &mut tar::Header, name: &str| {
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        };
        match member {
            Member::File(name, content) => {
                set_name(&mut header, name);
                header.set_size(content.len() as u64);
                header.set_cksum();
                builder.append(&header, *content).unwrap();
            }
            Member::Link(kind, name, target) => {
                set_name(&mut header, name);
                header.set_entry_type(*kind);
                header.set_link_name_literal(target).unwrap();
                header.set_size(0);
                header.set_cksum();
                builder.append(&header, std::io::empty()).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

fn folders() -> (TempDir, PathBuf, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = (root.path().join("from"), root.path().join("to"));
    std::fs::create_dir(&from).unwrap();
    (root, from, to)
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn from_folder(dataset: &Dataset, name: &str, content: &[u8]) -> (Result<Fetched>, Vec<String>, TempDir) {
    let (root, from, to) = folders();
    std::fs::create_dir_all(from.join(name).parent().unwrap()).unwrap();
    std::fs::write(from.join(name), content).unwrap();
    let result = fetch(dataset, &Source::Folder(from), &to);
    let left = names(&to);
    (result, left, root)
}

fn refusal(dataset: &Dataset, name: &str, content: &[u8]) -> String {
    let (result, left, root) = from_folder(dataset, name, content);
    assert_eq!(left, Vec::<String>::new(), "something was left");
    assert_eq!(names(root.path()).len(), 1 + usize::from(root.path().join("to").exists()));
    let message = format!("{:#}", result.unwrap_err());
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn a_file_is_taken_as_it_is_or_in_any_gzip() {
    let two_members = [gzip(&digits()[..9]), gzip(&digits()[9..])].concat();
    for (name, content) in [
        ("digits", digits()),
        ("digits.gz", gzip(&digits())),
        ("digits.gz", two_members),
        ("digits.gz", digits()),
        ("digits", gzip(&digits())),
    ] {
        let (result, left, root) = from_folder(&right(&["http://a".into()]), name, &content);
        assert_eq!((result.unwrap().new, left), (1, vec!["digits".to_owned()]));
        assert_eq!(std::fs::read(root.path().join("to/digits")).unwrap(), digits());
    }
}

#[test]
fn a_right_file_is_kept_and_a_wrong_one_replaced() {
    let (_root, from, to) = folders();
    let dataset = right(&["http://a".into()]);
    std::fs::create_dir(&to).unwrap();
    std::fs::write(to.join("digits"), digits()).unwrap();
    let empty = Source::Folder(from.clone());
    let kept = fetch(&dataset, &empty, &to).unwrap();
    assert_eq!((kept.new, kept.kept), (0, 1));
    assert!(kept.to_string().ends_with("licence: l"), "{kept}");

    let mut flipped = digits();
    flipped[20_000] ^= 1;
    std::fs::write(to.join("digits"), flipped).unwrap();
    assert!(fetch(&dataset, &empty, &to).is_err(), "a flipped bit was kept");
    std::fs::write(from.join("digits.gz"), gzip(&digits())).unwrap();
    assert_eq!(fetch(&dataset, &empty, &to).unwrap().new, 1);
    assert_eq!(std::fs::read(to.join("digits")).unwrap(), digits());
}

#[test]
fn damaged_content_is_refused_and_leaves_nothing() {
    let dataset = right(&["http://a".into()]);
    let whole = gzip(&digits());
    let mut flipped = digits();
    flipped[123] ^= 4;
    assert!(refusal(&dataset, "digits.gz", &gzip(&flipped)).contains(&sha256(&digits())));
    assert!(refusal(&dataset, "digits.gz", &whole[..whole.len() / 2]).contains("cut short or damaged"));
    assert!(refusal(&dataset, "digits.gz", &whole[..whole.len() - 4]).contains("cut short or damaged"));
    assert!(refusal(&dataset, "digits", &digits()[..39_999]).contains("found 39999"));
    assert!(refusal(&dataset, "digits", b"").contains("found 0"));
    let page = b"  <!DOCTYPE html><html><body>Please log in</body></html>";
    assert!(refusal(&dataset, "digits.gz", page).contains("is a web page"));
    assert!(refusal(&dataset, "other", b"").contains("neither digits nor digits.gz"));
}

#[test]
fn a_manifest_that_lies_about_the_size_accepts_nothing() {
    let hash = sha256(&digits());
    for bytes in [1, digits().len() - 1] {
        let message = refusal(&plain(&["http://a".into()], bytes, &hash), "digits.gz", &gzip(&digits()));
        assert!(message.contains("longer than"), "{message}");
    }
    let message =
        refusal(&plain(&["http://a".into()], digits().len() + 1, &hash), "digits.gz", &gzip(&digits()));
    assert!(message.contains("found 40000"), "{message}");
}

#[test]
fn a_gzip_that_swells_without_end_is_left_early() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(refusal(&right(&["http://a".into()]), "digits.gz", &bomb).contains("longer than"));
}

#[test]
fn the_named_members_of_an_archive_are_read_and_nothing_else() {
    use tar::EntryType::{Directory, Link, Symlink};
    let hostile = tar_of(&[
        Member::File("../escaped", b"out"),
        Member::File("/tmp/ebm-escaped", b"out"),
        Member::Link(Directory, "in/", ""),
        Member::Link(Symlink, "in/other", "/etc/passwd"),
        Member::Link(Link, "in/hard", "/etc/passwd"),
        Member::File("in/one", b"first"),
        Member::File("in/../in/two", b"not this"),
        Member::File("in/two", b"the second"),
        Member::File("in/three", b"3"),
    ]);
    for (name, content) in
        [("both.tar.gz", gzip(&hostile)), ("both.tar", hostile.clone()), ("both.tar.gz", hostile)]
    {
        let (result, left, root) = from_folder(&archive(), name, &content);
        assert_eq!((result.unwrap().new, left), (2, vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(std::fs::read(root.path().join("to/two")).unwrap(), b"the second");
        assert_eq!(names(root.path()), ["from", "to"]);
    }
}

#[test]
fn a_member_that_is_a_link_or_twice_or_missing_or_wrong_is_refused() {
    use tar::EntryType::{Link, Symlink};
    let (one, two) = (Member::File("in/one", b"first"), Member::File("in/two", b"the second"));
    let refused = |members: &[Member]| refusal(&archive(), "both.tar.gz", &gzip(&tar_of(members)));
    for kind in [Symlink, Link] {
        let link = Member::Link(kind, "in/two", "/etc/passwd");
        assert!(refused(&[Member::File("in/one", b"first"), link]).contains("two is not a regular file"));
    }
    assert!(refused(&[Member::File("in/one", b"first"), Member::File("in/one", b"first")]).contains("twice"));
    assert!(refused(&[Member::File("in/one", b"first")]).contains("two is not in the archive"));
    assert!(refused(&[Member::File("in/one", b"fIrst"), two]).contains("sha256"));
    assert!(refused(&[one, Member::File("in/two", b"the second and more")]).contains("longer than"));
}

#[test]
fn a_cut_archive_is_refused() {
    let whole = tar_of(&[Member::File("in/one", b"first"), Member::File("in/two", b"the second")]);
    let message = refusal(&archive(), "both.tar.gz", &gzip(&whole[..1_030]));
    assert!(message.contains("cut short or damaged"), "{message}");
    refusal(&archive(), "both.tar.gz", &gzip(&whole)[..60]);
}

#[test]
fn the_files_of_an_archive_may_lie_side_by_side() {
    for folder in ["", "in/"] {
        let (_root, from, to) = folders();
        std::fs::create_dir_all(from.join(folder)).unwrap();
        std::fs::write(from.join(folder).join("one"), b"first").unwrap();
        std::fs::write(from.join(folder).join("two.gz"), gzip(b"the second")).unwrap();
        assert_eq!(fetch(&archive(), &Source::Folder(from), &to).unwrap().new, 2);
        assert_eq!(names(&to), ["one", "two"]);
    }
}

/// Serves the answers in order, the last one again and again; returns the address and a count of requests.
fn serve(answers: Vec<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/digits.gz", listener.local_addr().unwrap());
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let i = count.fetch_add(1, Ordering::SeqCst);
            // A client may hang up on an answer that it does not like.
            let _ = stream.write_all(&answers[i.min(answers.len() - 1)]);
        }
    });
    (url, served)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn ok(body: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("Content-Length: {}\r\n", body.len()), body)
}

fn download(urls: &[String]) -> (Result<Fetched>, Vec<String>) {
    let (_root, _, to) = folders();
    let result = fetch(&right(urls), &Source::Network(Downloader::for_tests()), &to);
    let left = names(&to);
    if result.is_ok() {
        assert_eq!(std::fs::read(to.join("digits")).unwrap(), digits());
    }
    (result, left)
}

#[test]
fn a_download_is_checked_and_put_in_place() {
    let (url, served) = serve(vec![ok(&gzip(&digits()))]);
    let (result, left) = download(&[url]);
    assert_eq!((result.unwrap().new, left), (1, vec!["digits".to_owned()]));
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[test]
fn an_answer_without_a_length_is_as_good() {
    let (url, _) = serve(vec![answer("200 OK", "", &gzip(&digits()))]);
    assert!(download(&[url]).0.is_ok());
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (url, _) = serve(vec![ok(&gzip(&digits()))]);
    let moved = |to: &str| answer("302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"), b"");
    let (elsewhere, _) = serve(vec![moved(&url)]);
    assert!(download(&[elsewhere]).0.is_ok());
    let (round, served) = serve(vec![moved("/digits.gz")]);
    assert!(download(&[round]).0.is_err());
    assert!(served.load(Ordering::SeqCst) < 20);
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let whole = ok(&gzip(&digits()));
    let busy = answer("503 Service Unavailable", "Content-Length: 0\r\n", b"");
    let short = whole[..whole.len() - 10].to_vec();
    for passing in [busy, short, Vec::new()] {
        let (url, served) = serve(vec![passing.clone(), passing.clone(), whole.clone()]);
        assert!(download(&[url]).0.is_ok());
        assert_eq!(served.load(Ordering::SeqCst), 3);

        let (url, served) = serve(vec![passing]);
        let (result, left) = download(&[url]);
        assert!(result.is_err() && left.is_empty());
        assert_eq!(served.load(Ordering::SeqCst), 3);
    }
    let (url, served) = serve(vec![answer("404 Not Found", "Content-Length: 0\r\n", b""), whole]);
    assert!(download(&[url]).0.is_err());
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[test]
fn wrong_answers_are_refused_in_one_line_that_says_why() {
    let page = b"<!doctype html><title>Sign in</title>";
    let html =
        answer("200 OK", &format!("Content-Type: text/html\r\nContent-Length: {}\r\n", page.len()), page);
    let huge = answer("200 OK", "Content-Length: 99999999999\r\n", b"x");
    let endless = answer("200 OK", "", &vec![7; 3 << 20]);
    for (wrong, why) in [
        (html, "web page"),
        (ok(page), "web page"),
        (ok(&gzip(b"something else")), "found 14"),
        (ok(&gzip(&vec![1; digits().len()])), "sha256"),
        (huge, "99999999999 bytes announced"),
        (endless, "more than the"),
        (answer("500 Internal Server Error", "Content-Length: 0\r\n", b""), "500"),
        (b"not http at all\r\n\r\n".to_vec(), "digits.gz"),
    ] {
        let (url, _) = serve(vec![wrong]);
        let (result, left) = download(std::slice::from_ref(&url));
        let message = format!("{:#}", result.unwrap_err());
        assert!(message.contains(why) && message.contains(&url), "{message}");
        assert!(message.contains("--from FOLDER") && !message.contains('\n'), "{message}");
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn the_second_address_is_asked_when_the_first_fails() {
    let (good, _) = serve(vec![ok(&gzip(&digits()))]);
    let (wrong, _) = serve(vec![ok(b"<html>")]);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/digits.gz", listener.local_addr().unwrap())
    };
    assert!(download(&[wrong, closed, good]).0.is_ok());
}

/// Sends a byte now and then of a file that never ends.
fn dribble() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/digits.gz", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 1024];
                let _ = std::io::Read::read(&mut stream, &mut request);
                let mut answered =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n").is_ok();
                while answered {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    answered = stream.write_all(&[7]).is_ok();
                }
            });
        }
    });
    url
}

#[test]
fn a_server_whose_every_byte_is_on_time_and_whose_file_is_not_is_given_up() {
    let began = std::time::Instant::now();
    let (result, left) = download(&[dribble()]);
    let message = format!("{:#}", result.unwrap_err());
    assert!(message.contains("too slow") && left.is_empty(), "{message}");
    // The whole would take 800 seconds, and three times that with every attempt.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn what_a_proxy_answers_is_named_for_what_it_is() {
    let page = b"<html><h1>Bad Gateway</h1></html>";
    let html = format!("Content-Type: text/html\r\nContent-Length: {}\r\n", page.len());
    for (status, why, asked) in [
        ("407 Proxy Authentication Required", "a proxy asks for a login", 1),
        ("403 Forbidden", "refuses", 1),
        ("502 Bad Gateway", "cannot be reached by its proxy", 3),
        ("503 Service Unavailable", "is busy", 3),
        ("504 Gateway Timeout", "cannot be reached by its proxy", 3),
        ("200 OK", "is a login or proxy between?", 1),
    ] {
        let (url, served) = serve(vec![answer(status, &html, page)]);
        let (result, left) = download(&[url]);
        let message = format!("{:#}", result.unwrap_err());
        let code = status.split(' ').next().filter(|code| *code != "200").unwrap_or_default();
        assert!(message.contains(why) && message.contains(code) && left.is_empty(), "{message}");
        assert_eq!(served.load(Ordering::SeqCst), asked, "{status}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_where_a_file_belongs_is_replaced_and_never_followed() {
    let (root, from, to) = folders();
    std::fs::create_dir(&to).unwrap();
    let outside = root.path().join("outside");
    std::fs::write(&outside, "not to be touched").unwrap();
    std::os::unix::fs::symlink(&outside, to.join("digits")).unwrap();
    std::fs::write(from.join("digits.gz"), gzip(&digits())).unwrap();
    let dataset = right(&["http://127.0.0.1:1/digits.gz".into()]);
    fetch(&dataset, &Source::Folder(from), &to).unwrap();
    assert_eq!(std::fs::read(&outside).unwrap(), b"not to be touched");
    assert!(!to.join("digits").is_symlink());
    assert_eq!(std::fs::read(to.join("digits")).unwrap(), digits());
}

#[cfg(unix)]
#[test]
fn a_pipe_where_a_file_belongs_is_replaced_and_not_waited_for() {
    let (_root, from, to) = folders();
    std::fs::create_dir(&to).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(to.join("digits")).status().unwrap().success());
    std::fs::write(from.join("digits.gz"), gzip(&digits())).unwrap();
    let dataset = right(&["http://127.0.0.1:1/digits.gz".into()]);
    fetch(&dataset, &Source::Folder(from), &to).unwrap();
    assert_eq!(std::fs::read(to.join("digits")).unwrap(), digits());
}
