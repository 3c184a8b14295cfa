//! The gzip format, as every valid file has it: members one after the other, headers of any length, zeros at the end.

use std::io::{self, BufRead, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

/// The content of a gzip stream.
///
/// Names, comments and extra fields of a header may be as long as they are: they are passed over and not kept.
/// A stream may consist of several members; after the last one, zeros are ignored, as tapes and block devices add them.
///
/// # Reference
/// Deutsch (1996), *GZIP file format specification version 4.3* (RFC 1952), §2.2 and §2.3.
pub(super) struct Gzip<R: Read> {
    state: State<BufReader<R>>,
}

enum State<R> {
    /// Before a member; whether it is the first.
    Between(R, bool),
    /// Within one: its checksum and the number of its bytes so far, modulo 2³².
    Within(Box<DeflateDecoder<R>>, Crc),
    /// After the last, or after an error.
    End,
}

impl<R: Read> Gzip<R> {
    /// `packed` begins with the header of a member.
    pub(super) fn new(packed: R) -> Self {
        Self { state: State::Between(BufReader::new(packed), true) }
    }
}

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::End) {
                State::End => return Ok(0),
                State::Between(mut packed, first) => {
                    if !first && only_zeros_follow(&mut packed)? {
                        return Ok(0);
                    }
                    header(&mut packed)?;
                    self.state = State::Within(Box::new(DeflateDecoder::new(packed)), Crc::new());
                }
                State::Within(mut member, mut sum) => match member.read(buffer) {
                    Ok(0) => {
                        let mut packed = member.into_inner();
                        let mut trailer = [0; 8];
                        packed.read_exact(&mut trailer)?;
                        let [expected, length] = [0, 4].map(|at| word(&trailer[at..at + 4]));
                        if expected != sum.sum() || length != sum.amount() {
                            return Err(damaged("its checksum is another"));
                        }
                        self.state = State::Between(packed, false);
                    }
                    Ok(n) => {
                        sum.update(&buffer[..n]);
                        self.state = State::Within(member, sum);
                        return Ok(n);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        self.state = State::Within(member, sum);
                        return Err(error);
                    }
                    Err(error) => return Err(error),
                },
            }
        }
    }
}

/// Whether there is nothing but zeros up to the end; otherwise nothing was read.
fn only_zeros_follow(packed: &mut impl BufRead) -> io::Result<bool> {
    let mut padded = false;
    loop {
        let bytes = packed.fill_buf()?;
        if bytes.is_empty() {
            return Ok(true);
        }
        match bytes.iter().position(|&byte| byte != 0) {
            None => {
                let n = bytes.len();
                packed.consume(n);
                padded = true;
            }
            Some(0) if !padded => return Ok(false),
            Some(_) => return Err(damaged("something follows the zeros after its end")),
        }
    }
}

/// The flags of a header: it is text, and has a checksum, an extra field, a name and a comment.
const TEXT: u8 = 1;
const CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// Passes over the header of a member.
fn header(packed: &mut impl BufRead) -> io::Result<()> {
    let mut magic = [0; 2];
    packed.read_exact(&mut magic)?;
    if magic != [0x1f, 0x8b] {
        return Err(damaged("what follows is no member, which begins with 1f 8b"));
    }
    let mut start = [0; 8];
    packed.read_exact(&mut start)?;
    let [method, flags, ..] = start;
    if method != 8 || flags & !(TEXT | CHECKSUM | EXTRA | NAME | COMMENT) != 0 {
        return Err(damaged(&format!("method {method} with flags 0x{flags:02x} is unknown")));
    }
    if flags & EXTRA != 0 {
        let mut length = [0; 2];
        packed.read_exact(&mut length)?;
        pass(packed, u16::from_le_bytes(length).into())?;
    }
    for _ in 0..(flags & NAME != 0) as u8 + (flags & COMMENT != 0) as u8 {
        pass_text(packed)?;
    }
    pass(packed, if flags & CHECKSUM != 0 { 2 } else { 0 })
}

fn pass(packed: &mut impl Read, n: u64) -> io::Result<()> {
    match io::copy(&mut packed.take(n), &mut io::sink())? {
        passed if passed == n => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Passes over a text and the zero at its end.
fn pass_text(packed: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = packed.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (n, found) = match bytes.iter().position(|&byte| byte == 0) {
            Some(end) => (end + 1, true),
            None => (bytes.len(), false),
        };
        packed.consume(n);
        if found {
            return Ok(());
        }
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder, write::GzEncoder};

    use super::*;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        Gzip::new(packed).read_to_end(&mut content).map(|_| content)
    }

    #[test]
    fn members_follow_each_other_and_zeros_the_last() {
        let (one, two) = (packed(b"first "), packed(b"second"));
        let both = [one.clone(), two.clone()].concat();
        assert_eq!(unpacked(&both).unwrap(), b"first second");
        for n in [1, 7, 512, 100_000] {
            assert_eq!(unpacked(&[both.clone(), vec![0; n]].concat()).unwrap(), b"first second");
        }
        assert_eq!(unpacked(&packed(b"")).unwrap(), b"");
        for wrong in [[one.clone(), vec![0, 0, 7]].concat(), [one, b"more".to_vec()].concat()] {
            assert!(unpacked(&wrong).is_err());
        }
    }

    #[test]
    fn names_comments_and_extra_fields_may_be_long() {
        let long = "n".repeat(1 << 20);
        let builder = GzBuilder::new().filename(long.clone()).comment(long).extra(vec![9; 60_000]);
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(b"content").unwrap();
        let file = encoder.finish().unwrap();
        assert_eq!(unpacked(&file).unwrap(), b"content");
        let end = unpacked(&file[..file.len() / 2]).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);

        let plain = packed(b"content");
        let with_checksum = [&plain[..3], &[2], &plain[4..10], &[1, 2], &plain[10..]].concat();
        assert_eq!(unpacked(&with_checksum).unwrap(), b"content");
    }

    #[test]
    fn a_false_checksum_or_length_is_found_and_so_is_every_early_end() {
        let whole = packed(&[5; 3000]);
        for at in [whole.len() - 1, whole.len() - 6] {
            let mut wrong = whole.clone();
            wrong[at] ^= 1;
            assert_eq!(unpacked(&wrong).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        for length in 1..whole.len() {
            assert!(unpacked(&whole[..length]).is_err(), "{length}");
        }
    }
}
